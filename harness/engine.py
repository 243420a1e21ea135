"""How updates are executed: an operation at a time, or each as one compiled graph."""

from __future__ import annotations

import shutil
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

from torch import Tensor

from harness.check import unknown
from harness.episode import Episode
from harness.optimiser import Update
from harness.trainer import Trainer

Name: TypeAlias = Literal["eager", "compiled", "auto"]


class Engine(ABC):
    """A trainer and its optimisers at work.

    name:    what it is called by
    seconds: spent on getting ready, off the clock of training
    """

    name: str
    seconds = 0.0

    def __init__(self, trainer: Trainer, updates: Sequence[Update]) -> None:
        self.trainer, self.updates = trainer, updates

    def prepare(self, episode: Episode) -> None:  # noqa: B027 - most have nothing to prepare
        """Do once what learn(episode) needs; not timed as training."""

    @abstractmethod
    def learn(self, episode: Episode) -> list[Tensor]:
        """Make every update of an episode; return their losses (nats, scalars, detached)."""


class Eager(Engine):
    """The trainer's own code, an operation at a time."""

    name = "eager"

    def learn(self, episode: Episode) -> list[Tensor]:
        losses = []
        for loss in self.trainer.gradients(episode):
            for update in self.updates:
                update()
            losses.append(loss)
        self.trainer.seen += episode.length
        return losses


class Auto(Engine):
    """Whichever pays: eager, or compiled where that saves more than building it costs.

    timesteps: how many there are to train
    """

    def __init__(self, trainer: Trainer, updates: Sequence[Update], timesteps: int) -> None:
        super().__init__(trainer, updates)
        self._timesteps = timesteps
        self._chosen: Engine = Eager(trainer, updates)
        self._decided = False

    @property
    def name(self) -> str:  # type: ignore[override]
        return self._chosen.name

    def prepare(self, episode: Episode) -> None:
        if not self._decided and not self.trainer.phase:  # a warm-up's lengths never come again
            self._decided = True
            began = time.perf_counter()
            if self._pays(episode):
                from harness.compiled import Compiled

                self._chosen = Compiled(self.trainer, self.updates)
            self.seconds = time.perf_counter() - began
        before = self._chosen.seconds
        try:
            self._chosen.prepare(episode)
        except Exception as error:  # whatever the compiler says, training goes on
            warnings.warn(f"not compiled: {str(error).partition(chr(10))[0]}", stacklevel=2)
            self._chosen = Eager(self.trainer, self.updates)
            before = 0.0
        self.seconds += self._chosen.seconds - before

    def learn(self, episode: Episode) -> list[Tensor]:
        return self._chosen.learn(episode)

    def _pays(self, episode: Episode) -> bool:
        """Windows of one shape, and more to save than to spend.

        Full backpropagation would need a graph for every length that a curriculum comes to.
        """
        if self.trainer.T is None or not _can_compile(self.trainer):
            return False
        twin = self.trainer.twin()
        list(twin.gradients(episode))
        began = time.perf_counter()
        list(twin.gradients(episode))
        eager = (time.perf_counter() - began) / episode.length * self._timesteps
        return eager * SAVED > BUILDING_SECONDS


SAVED, BUILDING_SECONDS = 0.5, 30.0
"""Share of the eager time that is saved at LSTM 64 to 128; two graphs' building on one core."""


def _can_compile(trainer: Trainer) -> bool:
    return trainer.model.readout.weight.device.type != "cpu" or shutil.which("c++") is not None


def engine(name: str, trainer: Trainer, updates: Sequence[Update], timesteps: int) -> Engine:
    """An engine by name, for a run of so many timesteps."""
    if name not in get_args(Name):
        raise unknown("engine", name, get_args(Name))
    if name == "eager":
        return Eager(trainer, updates)
    if name == "auto":
        return Auto(trainer, updates, timesteps)
    if not _can_compile(trainer):
        raise ValueError(f"engine {name!r} needs a C++ compiler (c++) on the path; there is none")
    from harness.compiled import Compiled  # which builds on this module

    return Compiled(trainer, updates)
