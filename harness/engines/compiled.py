"""Each update as one compiled graph, traced from the trainer's own code."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from harness.engines import fitness
from harness.engines.base import Engine
from harness.engines.traced import Compiler, Executable, Traced, built, inductor
from harness.episode import Episode
from harness.optimiser import Update
from harness.trainer import Trainer


class Compiled(Engine):
    """One graph per update: forward, backward, clipping and all optimisers."""

    name = "compiled"

    def __init__(
        self, trainer: Trainer, optimisers: Sequence[Update], compiler: Compiler | None = None
    ) -> None:
        super().__init__(trainer, optimisers)
        self._traced, self._compiler = Traced(trainer, optimisers), compiler or inductor
        self._calls: dict[Hashable, Executable] = {}
        self._kept: list[Tensor] = []
        self._windows: list[Episode] = []

    def prepare(self, episode: Episode) -> None:
        self._windows = list(self.trainer.cut(episode))
        for window in self._windows:
            key = self._traced.key(window)
            if key not in self._calls:
                began = time.perf_counter()
                fitness.check(self.trainer, self.optimisers, episode)
                kept, data = self._traced.kept(), self._traced.data(window)
                graph = self._traced.graph(window)
                self._calls[key] = built(graph, self._compiler, kept, data)
                self.seconds += time.perf_counter() - began
        self._kept = self._traced.kept()

    @torch.no_grad()
    def learn(self, episode: Episode) -> list[Tensor]:
        losses = []
        for window in self._windows:
            call = self._calls[self._traced.key(window)]
            loss, self.trainer.carried = call(*self._kept, *self._traced.data(window))
            losses.append(loss)
        self.trainer.seen += episode.length
        return losses
