"""Seconds as ratios, in one run and in turns: trainers over tbptt, tbptt over a loop by hand.

A lap is two updates, a few milliseconds: short beside the slices that a busy machine cuts a
process into, so that some laps of every block are whole. A block's ratio is that of the faster
quarter of the laps; the interval is of the median over blocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import torch

from harness.episode import Episode
from harness.registry import Registry
from harness.regression.bare import bare_tbptt
from harness.regression.reading import Chosen, Reading
from harness.regression.suite import COPY, TRAINERS, Settled, T
from harness.run import Run
from harness.spec import RunSpec

TURNS = 25
FEWEST, MOST = 10, 40
"""Blocks: after the fewest it stops as soon as the readings suffice."""
QUICK = 0.25
UNTIMED = 5
BARE = "bare"
HIDDEN = 64
TOLERANCE = 0.1

Lap = Callable[[], object]


def measure(chosen: Chosen, settled: Settled) -> Iterator[Reading]:
    """A ratio a block: of tbptt to the bare loop, of every other trainer to tbptt."""
    asked = [name for name in TRAINERS if chosen(f"speed/{name}")]
    if not asked:
        return
    laps: dict[str, Lap] = {BARE: bare_tbptt(_noise(), T, HIDDEN)}
    for name in TRAINERS:
        if name not in asked and name != "tbptt":
            continue
        try:
            laps[name] = _lap(TRAINERS[name])
        except Exception as error:  # a finding, see attempt()
            yield Reading(f"speed/{name}", error=f"{type(error).__name__}: {error}")
    if "tbptt" not in laps:
        return
    ratios: dict[str, list[float]] = {name: [] for name in asked if name in laps}
    readings: list[Reading] = []
    for block in range(1, MOST + 1):
        quick = _block(laps)
        for name, found in ratios.items():
            found.append(quick[name] / quick[BARE if name == "tbptt" else "tbptt"])
        readings = [
            Reading(f"speed/{name}", tuple(round(r, 4) for r in found))
            for name, found in ratios.items()
        ]
        if block >= FEWEST and block % FEWEST == 0 and settled(readings):
            break
    yield from readings


def _lap(trainer: str) -> Lap:
    """What `sgbench run` does on the clock, warmed up."""
    run, episode = Run(RunSpec(task=COPY["plain_copy"], trainer=trainer), Registry()), _noise()
    for _ in range(UNTIMED):
        run.learn(episode)
    return lambda: run.learn(episode)


def _noise() -> Episode:
    """Two windows out of a stream of 32 rows."""
    L, B, rng = 2 * T, 32, torch.Generator().manual_seed(0)
    return Episode(
        torch.rand(L, B, 5, generator=rng).round(),
        torch.rand(L, B, 4, generator=rng).round(),
        torch.full((L, B), 1 / L / B),
        fresh=False,
        final=False,
    )


def _block(laps: dict[str, Lap]) -> dict[str, float]:
    """Seconds of one lap of each: the quantile QUICK over TURNS turns."""
    seconds: dict[str, list[float]] = {name: [] for name in laps}
    for _ in range(TURNS):
        for name, lap in laps.items():
            began = time.perf_counter()
            lap()
            seconds[name].append(time.perf_counter() - began)
    return {name: sorted(found)[int(QUICK * TURNS)] for name, found in seconds.items()}
