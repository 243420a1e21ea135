"""The suite `workers` simulated on its own machine, and what more processes would make of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from harness.simulation.costs import Costs, Link, read
from harness.simulation.modes import (
    Behaviour,
    Plan,
    World,
    ddp,
    decoupled,
    decoupled_inputs,
    gpipe,
    one_f_one_b,
)
from harness.suites.workers import BATCH, HIDDEN, LAYERS, STRETCH

RECORDED = Path(__file__).resolve().parents[2] / "results" / "workers" / "costs.csv"

MODES: dict[str, Behaviour] = {
    "ddp": ddp,
    "gpipe": gpipe,
    "one_f_one_b": one_f_one_b,
    "decoupled": decoupled,
    "decoupled, inputs": decoupled_inputs,
}

DEEP = 64
"""Hidden layers of the network that up to so many processes share."""

PROCESSES = (1, 2, 4, 8, 16, 32, 64)
PIPELINES = ("gpipe", "one_f_one_b")
MICROBATCHES = (4, 16, 64)
"""Of a pipeline: each number of processes has the best of them."""

FAST, SLOW = Link(10e-6, 12.5e9), Link(100e-6, 0.125e9)
"""100 Gbit/s after 10 µs, and 1 Gbit/s after 100 µs."""

FLUSHED = ("ddp", *PIPELINES)
"""Nothing is under way between two updates: each takes as long as the first."""

LONG = 4
"""Updates of decoupled blocks after which one more takes as long as any later one."""


@cache
def costs() -> Costs:
    """Those recorded; LookupError where they are not there."""
    if not RECORDED.exists():
        raise LookupError(f"no costs of blocks: {RECORDED} is missing")
    return read(RECORDED, HIDDEN)


def as_measured(mode: str, processes: int) -> float:
    """Examples a second on the machine, network and stretches of the suite."""
    found = costs()
    plan = Plan(costs=found, link=found.link, sums=found.sums, hidden=LAYERS - 1, batch=BATCH)
    return STRETCH * BATCH / World(plan, processes).run(MODES[mode], STRETCH)


@cache
def predicted(mode: str, processes: int, link: Link, dear: float = 1.0) -> float:
    """Examples a second in a long run of the deep network."""
    plan = Plan(costs=replace(costs(), dear=dear), link=link, sums=link, hidden=DEEP, batch=BATCH)
    counts = MICROBATCHES if mode in PIPELINES else (1,)
    return max(
        BATCH / _an_update(mode, processes, replace(plan, microbatches=count)) for count in counts
    )


def _an_update(mode: str, processes: int, plan: Plan) -> float:
    """Seconds of one update when the processes have been at work for a while."""
    if mode in FLUSHED:
        return World(plan, processes).run(MODES[mode], 1)
    short, long = (World(plan, processes).run(MODES[mode], n) for n in (LONG, 2 * LONG))
    return (long - short) / LONG
