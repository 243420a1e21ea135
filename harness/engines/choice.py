"""An engine by name, and whether compiling pays."""

from __future__ import annotations

import shutil
import time
import warnings
from collections.abc import Hashable, Sequence
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from harness.check import unknown
from harness.engines.base import Eager, Engine
from harness.engines.compiled import Compiled
from harness.engines.traced import Executable
from harness.episode import Episode
from harness.measure.cost import Meter
from harness.optimiser import Update
from harness.trainer import Trainer

Name: TypeAlias = Literal["eager", "compiled", "auto"]


class Auto(Engine):
    """Eager, or compiled where that saves more time than compiling takes.

    timesteps: of the run
    shared:    as for Compiled
    """

    def __init__(
        self,
        trainer: Trainer,
        optimisers: Sequence[Update],
        timesteps: int,
        shared: dict[Hashable, Executable] | None = None,
    ) -> None:
        super().__init__(trainer, optimisers)
        self._timesteps, self._shared = timesteps, shared
        self._chosen: Engine = Eager(trainer, optimisers)
        self._used: set[str] = set()

    @property
    def name(self) -> str:  # type: ignore[override]
        return "+".join(sorted(self._used or {self._chosen.name}))

    def choose(self, name: str) -> None:
        if name == "compiled":
            self._chosen = Compiled(self.trainer, self.optimisers, shared=self._shared)
        self.chosen = name

    def prepare(self, episode: Episode) -> None:
        if not self.chosen and not self.trainer.phase:  # a warm-up's lengths do not come again
            began = time.perf_counter()
            self.choose("compiled" if pays(self.trainer, episode, self._timesteps) else "eager")
            self.seconds = time.perf_counter() - began
        before, drawn = self._chosen.seconds, self.trainer.rng.get_state()
        try:
            self._chosen.prepare(episode)
        except Exception as error:  # whatever the compiler raises, training goes on
            warnings.warn(f"not compiled: {str(error).partition(chr(10))[0]}", stacklevel=2)
            self._chosen, self.chosen = Eager(self.trainer, self.optimisers), "eager"
            self.trainer.rng.set_state(drawn)  # or the episode would be cut again, elsewhere
            before = 0.0
        self.seconds += self._chosen.seconds - before

    def learn(self, episode: Episode) -> Tensor:
        self._used.add(self._chosen.name)
        return self._chosen.learn(episode)


def pays(trainer: Trainer, episode: Episode, timesteps: int) -> bool:
    """Whether compiling saves more than it costs: windows of one shape, and enough of them.

    Methods that take a whole episode at once would need a graph for every episode length of a
    curriculum, and those that draw their windows one for every length of these. A run of a single
    episode is over before it could be tried.
    """
    if trainer.T is None or timesteps <= episode.length or not can_compile(trainer.model.device):
        return False
    twin = trainer.twin()
    longest = max(window.length for window in twin.cut(episode))
    drawn = not torch.equal(twin.rng.get_state(), trainer.rng.get_state())
    if drawn or longest > trainer.T:
        return False
    list(twin.gradients(episode))
    with (meter := Meter(episode.weight.device)):
        list(twin.gradients(episode))
    return meter.seconds / episode.length * timesteps * SAVED > BUILDING_SECONDS


SAVED, BUILDING_SECONDS = 0.5, 12.0
"""Share of the eager time that is saved at LSTM 64 to 128; time on one core to build the graphs of
`tbptt`, `dni` or `behind` where none is kept: 10 to 14 s. Kept ones take 0.3 to 0.5 s to load."""


def can_compile(device: torch.device) -> bool:
    """Whether a compiler is there for the device."""
    return device.type != "cpu" or shutil.which("c++") is not None


def engine(
    name: str,
    trainer: Trainer,
    optimisers: Sequence[Update],
    timesteps: int,
    shared: dict[Hashable, Executable] | None = None,
) -> Engine:
    """An engine by name, for a run of so many timesteps. shared: as for Compiled."""
    check(name, trainer.model.device)
    if name == "eager":
        return Eager(trainer, optimisers)
    if name == "auto":
        return Auto(trainer, optimisers, timesteps, shared)
    return Compiled(trainer, optimisers, shared=shared)


def check(name: str, device: torch.device) -> None:
    """ValueError where there is no engine of that name for the device."""
    if name not in get_args(Name):
        raise unknown("engine", name, get_args(Name))
    if name == "compiled" and not can_compile(device):
        raise ValueError(f"engine {name!r} needs a C++ compiler (c++) on the PATH; none was found")
