"""What a suite would take: each run is tried briefly, and scaled up to its budget."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain

from harness.check import in_one_line
from harness.measure.cost import gauge
from harness.registry import Registry
from harness.runs.run import Run
from harness.spec import RunSpec

SECONDS = 0.1
"""Of training, after one untimed episode; longer where one episode takes longer."""

LONGEST = 96
"""Timesteps, to whole windows, of which an episode is tried: a further one costs as much."""


def estimate(specs: Sequence[RunSpec], registry: Registry) -> list[tuple[RunSpec, float, float]]:
    """Each run with its seconds of training and its FLOPs, as measured at its beginning.

    Episodes of a curriculum grow longer; with methods that have windows, a timestep does not cost
    more for it. A run that begins with a warm-up is estimated as if it were one throughout.
    Runs that differ only in their seed or budget are tried once. A run of one timestep is one of
    one episode, whatever its length.
    """
    tried: dict[RunSpec, tuple[float, float, int]] = {}
    found = []
    for spec in specs:
        kind = replace(spec, seed=0, timesteps=1, probe=0)
        if kind not in tried:
            tried[kind] = _per_timestep(spec, registry)  # a schedule may need the budget
        seconds, flops, length = tried[kind]
        timesteps = length if spec.timesteps == 1 else spec.timesteps
        found.append((spec, seconds * timesteps, flops * timesteps))
    return found


def _per_timestep(spec: RunSpec, registry: Registry) -> tuple[float, float, int]:
    """Seconds and FLOPs of a timestep, and the timesteps of the first episode."""
    with (
        in_one_line(f"{spec.label} cannot be tried"),
        closing(Run(spec, registry)) as run,
    ):
        T = run.trainer.T or 1
        supply = run.episodes()
        first = next(supply)
        shortened = (each.part(0, -(-LONGEST // T) * T) for each in chain([first], supply))
        episode = next(shortened)
        flops = gauge(run.trainer, episode).flops / episode.length
        run.learn(episode)
        lap = run.lap(shortened, timesteps=1, seconds=SECONDS)
        return lap.seconds / lap.timesteps, flops, first.length
