"""A method that chooses its windows: truncated backpropagation at cuts drawn at random.

    dL/dθ ≈ Σ_k ∂L_k/∂θ over windows of 1 to 2T - 1 timesteps, each length as likely      (1)

Differences from a paper: there is none; it shows how a method draws.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from harness.check import at_least
from harness.episode import Episode
from harness.model import Model
from harness.trainer import Loss, Trainer


class Wandering(Trainer):
    """Windows of random lengths, T on average."""

    T: int

    def __init__(self, model: Model, loss: Loss, *, T: int = 3) -> None:
        super().__init__(model, loss)
        at_least(1, T=T)
        self.T = T

    def cut(self, episode: Episode) -> Iterator[Episode]:
        start = 0
        while start < episode.length:
            length = int(torch.randint(1, 2 * self.T, (), generator=self.rng))
            yield episode.part(start, start + length)
            start += length

    def gradients(self, episode: Episode) -> Iterator[Tensor]:
        for window in self.windows(episode):
            loss, _ = self.unroll(window, self.boundary(window))
            loss.backward()  # (1)
            yield loss.detach()
