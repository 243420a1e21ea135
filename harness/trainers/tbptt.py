"""Truncated backpropagation through time (Williams & Peng, 1990), windows of T timesteps.

    dL/dθ ≈ Σ_k ∂L_k/∂θ, with ∂h_k/∂θ = 0 for the state h_k that enters window k       (1)

One update per window. Memory: the activations of one window, O(T).

Differences from the paper: windows do not overlap (Williams & Peng's h' = h), as is usual in
practice. The DNI paper's "BPTT, T=4" is tbptt(T=4).
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from harness.check import at_least
from harness.episode import Episode
from harness.model import Model
from harness.trainer import Loss, Trainer


class Tbptt(Trainer):
    """Truncated backpropagation through time."""

    T: int

    def __init__(self, model: Model, loss: Loss, *, T: int = 4) -> None:
        super().__init__(model, loss)
        at_least(1, T=T)
        self.T = T

    def gradients(self, episode: Episode) -> Iterator[Tensor]:
        for window in episode.windows(self.T):
            loss, _ = self.unroll(window, self.boundary(window))
            loss.backward()  # (1)
            yield loss.detach()
