"""What every trainer costs beside the others: measured in one run, in turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.measure.cost import gauge, peak_memory_bytes
from harness.registry import Registry
from harness.runs.run import Run
from harness.spec import RunSpec
from harness.statistics import interval

if TYPE_CHECKING:
    import pandas as pd

ROUNDS = 7


def profile(specs: Sequence[RunSpec], registry: Registry) -> pd.DataFrame:
    """Gauge and time the trainers of `specs`, a row each.

    Gauged are FLOPs, held and peak bytes of one episode, in passes of their own. Timed are
    ROUNDS rounds of training, the trainers in turns, each round a share of the spec's timesteps;
    one more round before them, untimed, warms up. Times are compared within a round, as ratios
    to the first trainer's.
    """
    import pandas as pd

    runs = [Run(spec, registry) for spec in specs]
    supplies = [run.episodes() for run in runs]
    rows = []
    for run, supply in zip(runs, supplies, strict=True):
        episode = next(supply)
        cost = gauge(run.trainer, episode)
        memory = peak_memory_bytes(run.trainer, episode)
        run.learn(episode)
        rows.append({
            "trainer": run.spec.trainer,
            "flops_per_update": cost.flops / run.done["updates"],
            "flops_per_timestep": cost.flops / episode.length,
            "activation_bytes": cost.activation_bytes,
            "peak_memory_bytes": memory,
        })  # fmt: skip
    laps: list[list[float]] = [[] for _ in runs]
    for lap in range(ROUNDS + 1):
        for run, supply, times in zip(runs, supplies, laps, strict=True):
            run.meter.seconds, run.done = 0.0, {"timesteps": 0, "updates": 0, "flops": 0}
            while run.done["timesteps"] < run.spec.timesteps / ROUNDS:
                run.learn(next(supply))
            if lap:
                times.append(run.meter.seconds / run.done["timesteps"])
    for row, run, times in zip(rows, runs, laps, strict=True):
        per_timestep = interval(times)
        ratio = interval([own / first for own, first in zip(times, laps[0], strict=True)])
        row |= {
            "updates_per_second": run.done["updates"]
            / (run.done["timesteps"] * per_timestep.centre),
            "throughput": run.spec.batch / per_timestep.centre,
            "seconds_per_timestep": per_timestep.centre,
            "time_ratio": ratio.centre,
            "time_ratio_low": ratio.low,
            "time_ratio_high": ratio.high,
        }
    return pd.DataFrame(rows)
