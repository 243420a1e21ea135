"""The exclusive or of two bits that are there: nothing to remember, and not linear.

x:  0 0 1 1      two bits
    0 1 0 1
y:  0 1 1 0      scored at every timestep
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from harness.episode import Episode
from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite, trainers
from harness.task import Task


class Xor(Task):
    """Tell whether two bits differ."""

    d_in, d_out, unit = 2, 1, "bits per output bit"

    def __init__(self, *, length: int = 12) -> None:
        self.length = length

    def episodes(self, batch: int, rng: torch.Generator, multiple: int) -> Iterator[Episode]:
        while True:
            yield self._episode(batch, rng)

    def validation(self, batch: int) -> Iterator[Episode]:
        yield self._episode(batch, torch.Generator().manual_seed(0))

    def loss(self, outputs: Tensor, episode: Episode) -> Tensor:
        nats = F.binary_cross_entropy_with_logits(outputs, episode.y, reduction="none")
        return (nats.mean(-1) * episode.weight).sum()

    def _episode(self, batch: int, rng: torch.Generator) -> Episode:
        x = torch.randint(2, (self.length, batch, 2), generator=rng).float()
        weight = torch.full((self.length, batch), 1 / self.length / batch)
        return Episode(x, (x.sum(-1, keepdim=True) == 1).float(), weight)


class XorSuite(Suite):
    """Every trainer on it with a feed-forward network, as far as it suits one."""

    figures = ("bits",)

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [
            RunSpec(
                task="xor",
                trainer=trainer,
                model="feed_forward",
                seed=seed,
                batch=8,
                timesteps=2400,
            )
            for trainer in trainers(registry, T=3)
            for seed in range(2)
        ]
