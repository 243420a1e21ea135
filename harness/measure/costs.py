"""What the episodes of a run cost: measured once for every shape, off the clock."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

import torch

from harness.episode import Episode
from harness.measure.cost import Cost, gauge, peak_memory_bytes, rehearse
from harness.trainer import Trainer

DRAWS = 8
"""For a method that draws random numbers: an episode's cost is the mean over so many draws."""


class Costs:
    """The costs of a trainer's episodes.

    peaks: the largest so far, by column of the tidy table, in bytes; trace_bytes are those of the
           trainer's memory, which it holds all the time
    """

    def __init__(self, trainer: Trainer) -> None:
        self.peaks = {
            "activation_bytes": 0,
            "peak_memory_bytes": 0,
            "trace_bytes": sum(kept.nbytes for kept in trainer.memory.values()),
        }
        self._trainer = trainer
        self._known: dict[tuple[int, bool, bool, str], Cost] = {}
        self._draws: dict[str, bool] = {}  # whether the method draws random numbers, by its phase

    def of(self, episode: Episode) -> Cost:
        """What the episode costs, which depends on its shape.

        For a method that draws random numbers: the mean FLOPs over several draws, the same for
        every run, and the largest memory.
        """
        key = (episode.length, episode.fresh, episode.final, self._trainer.phase)
        if key not in self._known:
            found = [(gauge(twin, episode), peak_memory_bytes(twin, episode))
                     for twin in self._rehearsals(episode)]  # fmt: skip
            cost = self._known[key] = Cost(
                round(fmean(cost.flops for cost, _ in found)),
                max(cost.activation_bytes for cost, _ in found),
            )
            peaks = {
                "activation_bytes": cost.activation_bytes,
                "peak_memory_bytes": max(memory for _, memory in found),
            }
            self.peaks |= {name: max(self.peaks[name], value) for name, value in peaks.items()}
        return self._known[key]

    def _rehearsals(self, episode: Episode) -> Iterator[Trainer]:
        """The trainer; if it draws random numbers twins of it instead, each with its own seed."""
        phase = self._trainer.phase
        if phase not in self._draws:
            twin = self._trainer.twin()
            rehearse(twin, episode)
            before = self._trainer.rng.get_state()
            self._draws[phase] = not torch.equal(twin.rng.get_state(), before)
        if not self._draws[phase]:
            yield self._trainer
            return
        for seed in range(DRAWS):
            twin = self._trainer.twin()
            twin.rng.manual_seed(seed)
            yield twin
