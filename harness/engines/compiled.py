"""Each update as one compiled graph, traced from the trainer's own code."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from harness.engines import fitness
from harness.engines.base import Engine
from harness.engines.looped import updated
from harness.engines.traced import Compiler, Executable, Traced, built, inductor
from harness.episode import Episode
from harness.optimiser import Update
from harness.trainer import Trainer


class Compiled(Engine):
    """One graph per update: forward, backward, clipping and all optimisers."""

    name = "compiled"

    def __init__(
        self,
        trainer: Trainer,
        optimisers: Sequence[Update],
        compiler: Compiler | None = None,
        shared: dict[Hashable, Executable] | None = None,
    ) -> None:
        """shared: what runs that differ from this one in their seed alone have built."""
        super().__init__(trainer, optimisers)
        self._traced, self._compiler = Traced(trainer, optimisers), compiler or inductor
        self._calls: dict[Hashable, Executable] = {}
        self._shared = {} if shared is None else shared
        self._numbers = repr(fitness.counted(trainer))  # frozen in a graph, as the shapes are
        self._kept: list[Tensor] = []
        self._updates: list[tuple[Executable, Episode]] = []  # of the episode prepared last

    def prepare(self, episode: Episode) -> None:
        self._updates = []
        for window in self.trainer.cut(episode):
            key = self._traced.key(window)
            if key not in self._calls:
                began = time.perf_counter()
                self._calls[key] = self._call(key, window, episode)
                self.seconds += time.perf_counter() - began
            self._updates.append((self._calls[key], window))
        self._kept = self._traced.kept()

    def _call(self, key: Hashable, window: Episode, episode: Episode) -> Executable:
        """The update of such a window: another run's, if there is one, or built."""
        alike = (self._numbers, key)
        if alike in self._shared:
            return self._shared[alike]
        fitness.check(self.trainer, self.optimisers, episode)
        kept, data = self._traced.kept(), self._traced.data(window)
        graph = self._traced.graph(window)
        self._shared[alike] = call = built(graph, self._compiler, kept, data)
        return call

    @torch.no_grad()
    def learn(self, episode: Episode) -> Tensor:
        calls, windows = zip(*self._updates, strict=True)
        data = [self._traced.data(window) for window in windows]
        losses, self.trainer.carried = updated(calls, self._kept, data)
        self.trainer.seen += episode.length
        return losses
