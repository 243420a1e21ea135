"""Each update as one compiled graph, traced from the trainer's own code."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from harness.engines.base import Engine
from harness.engines.traced import Call, Compiler, Traced, built, inductor
from harness.episode import Episode
from harness.optimiser import Update
from harness.trainer import Trainer


class Compiled(Engine):
    """One graph an update: forward, backward, clipping and all optimisers."""

    name = "compiled"

    def __init__(
        self, trainer: Trainer, updates: Sequence[Update], compiler: Compiler | None = None
    ) -> None:
        super().__init__(trainer, updates)
        self._traced, self._compiler = Traced(trainer, updates), compiler or inductor
        self._calls: dict[Hashable, Call] = {}
        self._weights: list[Tensor] = []

    def prepare(self, episode: Episode) -> None:
        for part in self.trainer.updates(episode):
            key = self._traced.key(part)
            if key not in self._calls:
                began = time.perf_counter()
                self._traced.hold_to_its_word(episode)
                weights, data = self._traced.weights(), self._traced.data(part)
                graph = self._traced.graph(part)
                self._calls[key] = built(graph, self._compiler, weights, data)
                self.seconds += time.perf_counter() - began
        self._weights = self._traced.weights()

    @torch.no_grad()
    def learn(self, episode: Episode) -> list[Tensor]:
        losses = []
        for part in self.trainer.updates(episode):
            call = self._calls[self._traced.key(part)]
            loss, self.trainer.carried = call(*self._weights, *self._traced.data(part))
            losses.append(loss)
        self.trainer.seen += episode.length
        return losses
