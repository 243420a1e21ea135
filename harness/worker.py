"""The interface of a mode: how the processes of one run share its work, and what each does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Any

import torch
from torch import Tensor, nn

from harness.check import at_least
from harness.depth import blocks
from harness.episode import Episode
from harness.model import Model
from harness.optimiser import Optimiser, Update
from harness.trainer import Trainer


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker stands, and what it builds from: the same model and trainer in every process.

    rank, processes: its number, from 0, and how many there are
    batch:           of the run, in sequences
    how:             moves the model's weights
    """

    rank: int
    processes: int
    batch: int
    model: Model
    trainer: Trainer
    how: Optimiser


class Worker(ABC):
    """One process of a run. torch.distributed is up when it is built.

    parts:   what it trains; their weights are what it answers for
    updates: the optimisers of these
    ages:    of each gradient that came late, by how many minibatches the block had gone on
    """

    def __init__(self, place: Place, parts: Sequence[nn.Module]) -> None:
        self.place, self.parts = place, list(parts)
        self.updates: list[Update] = []
        self.ages: list[int] = []

    def begin(self, minibatches: int) -> None:  # noqa: B027 - most have nothing to prepare
        """Make ready for so many minibatches, after which all workers stop."""

    @abstractmethod
    def learn(self, episode: Episode) -> Tensor | None:
        """Do the worker's part of the work on a minibatch: its share of the loss in nats, or None.

        All workers get the same minibatches. Their shares add up to the loss.
        """

    def settle(self) -> None:  # noqa: B027 - most have nothing under way
        """Finish what is under way."""

    @property
    def answers(self) -> bool:
        """Whether the weights that it holds are those of the run."""
        return True

    def weights(self) -> dict[str, Tensor]:
        """Those of the model's state_dict() that it answers for."""
        if not self.answers:
            return {}
        own = {id(t) for part in self.parts for t in (*part.parameters(), *part.buffers())}
        everything = self.place.model.state_dict(keep_vars=True)
        return {name: t.detach() for name, t in everything.items() if id(t) in own}

    def state_dict(self) -> dict[str, Any]:
        """What it needs to go on, when nothing is under way."""
        return {
            "parts": [part.state_dict() for part in self.parts],
            "updates": [update.state_dict() for update in self.updates],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what state_dict() returned."""
        for part, saved in zip(self.parts, state["parts"], strict=True):
            part.load_state_dict(saved)
        for update, saved in zip(self.updates, state["updates"], strict=True):
            update.load_state_dict(saved)


class Mode(ABC):
    """A way to share a run's work between processes. Options are keyword-only, with defaults.

    processes: how many, one thread each
    """

    def __init__(self, *, processes: int = 2) -> None:
        at_least(1, processes=processes)
        self.processes = processes

    @abstractmethod
    def check(self, place: Place) -> None:
        """Raise ValueError, one line, where the run cannot be shared like this."""

    @abstractmethod
    def worker(self, place: Place) -> Worker:
        """What one process does."""


def rows(episode: Episode, part: slice | Tensor) -> Episode:
    """Some of the sequences of an episode, each with its own weight."""
    return replace(
        episode, x=episode.x[:, part], y=episode.y[:, part], weight=episode.weight[:, part]
    )


def named(trainer: Trainer) -> str:
    """A trainer's name: that of its file."""
    return type(trainer).__module__.rpartition(".")[2]


def plain(place: Place) -> None:
    """ValueError where a run's trainer is not backpropagation."""
    if (name := named(place.trainer)) != "bptt":
        raise ValueError(f"it is backpropagation: it needs trainer bptt, got {name}")


def divided(stages: Sequence[nn.Module], parts: int, cuts: Sequence[int] | None) -> list[range]:
    """The stages of each of so many parts; ValueError where they cannot be had.

    cuts: numbers of the stages after which to cut; None: wherever the largest part has the fewest
          parameters
    """
    count = len(stages)
    if count == 1:
        raise ValueError("the model has one stage, and cannot be cut")
    if cuts is not None:
        found = blocks(count, cuts)
        if len(found) != parts:
            raise ValueError(f"{parts} workers need {parts - 1} cuts, got {len(found) - 1}")
        return found
    if parts > count:
        raise ValueError(f"{parts} workers are more than the model's {count} stages")
    sizes = [sum(p.numel() for p in stage.parameters()) for stage in stages]

    def largest(chosen: tuple[int, ...]) -> int:
        return max(sum(sizes[a:b]) for a, b in pairwise([0, *(c + 1 for c in chosen), count]))

    return blocks(count, min(combinations(range(count - 1), parts - 1), key=largest))


def nothing(place: Place, batch: int) -> Tensor:
    """The state of a network without one: (B, 0)."""
    return torch.empty(batch, 0, device=place.model.device)
