"""The interface of a task: where episodes come from and how outputs are scored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from harness.episode import Episode
from harness.score import Score, bits


class Task(ABC):
    """A supply of episodes and a loss.

    d_in, d_out: widths of the model's inputs and outputs (symbols: the size of the alphabet)
    unit:        of the loss in bits: "bits per character"
    static:      whether every episode is one timestep: a sequence of 1, nothing to carry
    """

    d_in: int
    d_out: int
    unit: str
    static: bool = False

    @abstractmethod
    def episodes(self, batch: int, rng: torch.Generator, multiple: int) -> Iterator[Episode]:
        """Yield training episodes without end; their data depend on `rng` alone.

        multiple: on a stream, a stretch is a whole number of windows of this many timesteps
        """

    @abstractmethod
    def validation(self, batch: int) -> Iterator[Episode]:
        """Yield the validation set, the same on every call; its weights sum to 1 over all of it."""

    def test(self, batch: int) -> Iterator[Episode]:
        """Yield the test set, like validation(); nothing where the task has none."""
        return iter(())

    @abstractmethod
    def loss(self, outputs: Tensor, episode: Episode) -> Tensor:
        """Score outputs (L, B, d_out): nats, a scalar; window losses add up to the episode's."""

    @property
    def score(self) -> Score:
        """What runs are compared by; by default bits, on the test set where there is one."""
        return bits(self.unit)

    def grade(self, outputs: Tensor, episode: Episode) -> Tensor | None:
        """Measure outputs (L, B, d_out) by the score's column; None where that is the loss.

        A scalar. As with the loss, the values of an evaluation set's episodes add up to the value
        of the set: weighted by episode.weight, the share of right answers is an accuracy.
        """
        return None

    def observe(self, bits: float) -> None:  # noqa: B027 - most tasks have no curriculum
        """Take note of an episode's training loss, in `unit`; a curriculum may move on."""

    def progress(self) -> dict[str, int]:
        """Return how far a curriculum has got, by column of the tidy table."""
        return {}

    def provenance(self) -> dict[str, str]:
        """Return where the data came from, by column of the tidy table."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint must hold for episodes() to continue where it stopped.

        What was drawn ahead may be given back to `rng`, whose state is read after this call.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Restore what state_dict() returned."""
