"""What the episodes of a run cost: measured once for every shape, off the clock."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from statistics import fmean
from typing import NamedTuple, Protocol

import torch

from harness.episode import Episode
from harness.measure.cost import Cost, gauge, peak_memory_bytes, rehearse
from harness.trainer import Trainer

DRAWS = 8
"""For a method that draws random numbers: an episode's cost is the mean over so many draws."""


class Measured(NamedTuple):
    """What was measured of one episode: FLOPs; bytes held for the backward pass; peak bytes."""

    flops: int
    activation_bytes: int
    peak_memory_bytes: int


class Known(Protocol):
    """Costs that other runs of the same kind have measured, by kind of episode."""

    def get(self, key: Hashable) -> Measured | None: ...

    def put(self, key: Hashable, measured: Measured) -> None: ...


class Costs:
    """The costs of a trainer's episodes.

    known: what other runs have measured, to be used and added to; None: nothing

    peaks: the largest so far, by column of the tidy table, in bytes; trace_bytes are those of the
           trainer's memory, which it holds all the time
    """

    def __init__(self, trainer: Trainer, known: Known | None = None) -> None:
        self.peaks = {
            "activation_bytes": 0,
            "peak_memory_bytes": 0,
            "trace_bytes": sum(kept.nbytes for kept in trainer.memory.values()),
        }
        self._trainer, self._shared = trainer, known
        self._known: dict[tuple[int, bool, bool, str], Cost] = {}
        self._draws: dict[str, bool] = {}  # whether the method draws random numbers, by its phase

    def of(self, episode: Episode) -> Cost:
        """What the episode costs, which depends on its shape.

        For a method that draws random numbers: the mean FLOPs over several draws, the same for
        every run, and the largest memory.
        """
        key = (episode.length, episode.fresh, episode.final, self._trainer.phase)
        if key not in self._known:
            found = self._shared.get(key) if self._shared else None
            if found is None:
                found = self._measured(episode)
                if self._shared:
                    self._shared.put(key, found)
            for name in ("activation_bytes", "peak_memory_bytes"):
                self.peaks[name] = max(self.peaks[name], getattr(found, name))
            self._known[key] = Cost(found.flops, found.activation_bytes)
        return self._known[key]

    def _measured(self, episode: Episode) -> Measured:
        found = [(gauge(twin, episode), peak_memory_bytes(twin, episode))
                 for twin in self._rehearsals(episode)]  # fmt: skip
        return Measured(
            round(fmean(cost.flops for cost, _ in found)),
            max(cost.activation_bytes for cost, _ in found),
            max(memory for _, memory in found),
        )

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
