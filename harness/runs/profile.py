"""What trainers cost compared with each other: measured in turns, in one process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from typing import TYPE_CHECKING

from harness.check import in_one_line
from harness.engines import products
from harness.engines.choice import can_compile
from harness.engines.traced import Traced
from harness.registry import Registry
from harness.runs.run import Lap, Run
from harness.spec import RunSpec
from harness.statistics import interval
from harness.store import Row

if TYPE_CHECKING:
    import pandas as pd

ROUNDS = 7


def products_of(spec: RunSpec, registry: Registry) -> Counter[tuple[str, str]]:
    """The matrix products of a compiled update, as counted() gives them, on this machine.

    Empty where it cannot be compiled to C++, and for methods without windows.
    """
    with closing(Run(spec, registry)) as run:
        if not run.trainer.T or run.device.type != "cpu" or not can_compile(run.device):
            return Counter()
        windows = list(run.trainer.cut(next(run.episodes())))
        try:
            graph = Traced(run.trainer, run.optimisers).graph(windows[-1])
        except TypeError:
            return Counter()
        return products.counted(graph)


def profile(specs: Sequence[RunSpec], registry: Registry) -> pd.DataFrame:
    """Measure the costs of the trainers of `specs`, and time them; a row each.

    FLOPs, held and peak bytes are those of one episode, in passes of their own. ROUNDS rounds of
    training are timed, the trainers in turns, each round a share of the spec's timesteps; an
    untimed round comes first. Times are compared within a round, as ratios to the first trainer's.
    """
    import pandas as pd

    with ExitStack() as opened:
        runs = [opened.enter_context(closing(Run(spec, registry))) for spec in specs]
        return pd.DataFrame(_measured(runs))


def _measured(runs: Sequence[Run]) -> list[Row]:
    supplies = [run.episodes() for run in runs]
    rows = []
    for run, supply in zip(runs, supplies, strict=True):
        with _named(run):
            episode = next(supply)
            cost = run.costs.of(episode)
            first = run.lap(iter([episode]), timesteps=1)
        rows.append({
            "trainer": run.spec.trainer,
            "flops_per_update": cost.flops / first.updates,
            "flops_per_timestep": cost.flops / episode.length,
            **run.costs.peaks,
        })  # fmt: skip
    laps: list[list[Lap]] = [[] for _ in runs]
    for number in range(ROUNDS + 1):
        for run, supply, done in zip(runs, supplies, laps, strict=True):
            with _named(run):
                lap = run.lap(supply, timesteps=-(-run.spec.timesteps // ROUNDS))
            if number:
                done.append(lap)
    times = [[lap.seconds / lap.timesteps for lap in done] for done in laps]
    for row, run, own, lapped in zip(rows, runs, times, laps, strict=True):
        per_timestep = interval(own)
        ratio = interval([mine / first for mine, first in zip(own, times[0], strict=True)])
        updates = sum(lap.updates for lap in lapped) / sum(lap.timesteps for lap in lapped)
        row |= {
            "updates_per_second": updates / per_timestep.centre,
            "throughput": run.spec.batch / per_timestep.centre,
            "seconds_per_timestep": per_timestep.centre,
            "time_ratio": ratio.centre,
            "time_ratio_low": ratio.low,
            "time_ratio_high": ratio.high,
        }
    return rows


def _named(run: Run) -> AbstractContextManager[None]:
    """For errors of its training."""
    return in_one_line(f"{run.spec.label} cannot be measured")
