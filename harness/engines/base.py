"""How updates are executed: the interface, and one operation at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from harness.episode import Episode
from harness.measure.cost import Meter
from harness.optimiser import Update
from harness.trainer import Trainer


class Engine(ABC):
    """A trainer and its optimisers at work.

    name:    as the user asks for it
    seconds: spent on preparation, off the clock of training
    chosen:  the name of the engine that this one has chosen, for a run that is resumed to go on
             with; "" where there is no choice, or none was made
    """

    name: str
    seconds = 0.0
    chosen = ""

    def __init__(self, trainer: Trainer, optimisers: Sequence[Update]) -> None:
        self.trainer, self.optimisers = trainer, optimisers

    def choose(self, name: str) -> None:  # noqa: B027 - most have no choice
        """Go on with what was chosen before the run was resumed; "": nothing was."""

    def prepare(self, episode: Episode) -> None:  # noqa: B027 - most have nothing to prepare
        """Prepare for learn(episode); not timed as training."""

    def waiting(self, episode: Episode) -> Iterator[Engine]:
        """Yield itself for as long as the updates of an episode wait for others to make them."""
        return iter(())

    @abstractmethod
    def learn(self, episode: Episode) -> Tensor:
        """Make every update of the episode prepared last; return their losses, (updates,) nats."""

    def timed(self, episode: Episode, meter: Meter) -> Tensor:
        """learn(), on the clock."""
        with meter:
            return self.learn(episode)


class Eager(Engine):
    """The trainer's own code, one operation at a time."""

    name = "eager"

    def learn(self, episode: Episode) -> Tensor:
        losses = []
        for loss in self.trainer.gradients(episode):
            for update in self.optimisers:
                update()
            losses.append(loss)
        self.trainer.seen += episode.length
        return torch.stack(losses)
