"""What a suite would take: each run is tried briefly, and scaled up to its budget."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from harness.registry import Registry
from harness.runs.run import Run
from harness.spec import RunSpec

SECONDS = 0.5
"""Of training, after one untimed episode; longer where one episode takes longer."""


def estimate(specs: Sequence[RunSpec], registry: Registry) -> list[tuple[RunSpec, float, float]]:
    """Each run with its seconds of training and its FLOPs, as measured at its beginning.

    Episodes of a curriculum grow longer; with methods that have windows, a timestep does not cost
    more for it. A run that begins with a warm-up is estimated as if it were one throughout.
    Runs that differ only in their seed or budget are tried once.
    """
    tried: dict[RunSpec, tuple[float, float]] = {}
    for spec in specs:
        kind = replace(spec, seed=0, timesteps=1, probe=0)
        if kind not in tried:
            tried[kind] = _per_timestep(spec, registry)  # a schedule may need the budget
    found = []
    for spec in specs:
        seconds, flops = tried[replace(spec, seed=0, timesteps=1, probe=0)]
        found.append((spec, seconds * spec.timesteps, flops * spec.timesteps))
    return found


def _per_timestep(spec: RunSpec, registry: Registry) -> tuple[float, float]:
    with closing(Run(spec, registry)) as run:
        supply = run.episodes()
        episode = next(supply)
        flops = run.costs.of(episode).flops / episode.length
        run.learn(episode)
        lap = run.lap(supply, timesteps=1, seconds=SECONDS)
        return lap.seconds / lap.timesteps, flops
