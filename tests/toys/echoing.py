"""A method with a memory: truncated backpropagation that hears a fading trace of its gradients.

    e_k = d e_{k-1} + ∂L_k/∂h_k, zero where an episode begins                            (1)
    dL/dθ ≈ ∂L_k/∂θ + s e_{k-1} ∂h_{k+1}/∂θ                                              (2)

Differences from a paper: there is none; it shows how a method remembers from window to window.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from harness.check import at_least
from harness.episode import Episode
from harness.model import Model
from harness.trainer import Loss, Trainer


class Echoing(Trainer):
    """A trace of the gradients at the boundaries, (B, d_state), in `memory`."""

    T: int

    def __init__(self, model: Model, loss: Loss, *, T: int = 3, fading: float = 0.5) -> None:
        super().__init__(model, loss)
        at_least(1, T=T)
        self.T, self.fading = T, fading
        self.closed = 0

    def begin(self, batch: int) -> None:
        self.memory["trace"] = self.model.initial_state(batch)

    def close(self) -> None:
        self.closed += 1

    def gradients(self, episode: Episode) -> Iterator[Tensor]:
        for window in episode.windows(self.T):
            trace = self.memory["trace"]
            trace = torch.zeros_like(trace) if window.fresh else trace
            h_0 = self.boundary(window).requires_grad_()
            loss, h_T = self.unroll(window, h_0)
            torch.autograd.backward([loss, h_T], [None, 0.1 * trace])  # (2)
            assert h_0.grad is not None
            self.memory["trace"] = self.fading * trace + h_0.grad  # (1)
            yield loss.detach()
