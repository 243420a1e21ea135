"""Full backpropagation that fades by s every T timesteps.

h_k enters window k, of T timesteps, whose loss is L_k; G_k is the faded gradient there.

    dL/dθ = Σ_k ∂L_k/∂θ + s G_{k+1} ∂h_{k+1}/∂θ,  G_k = ∂L_k/∂h_k + s G_{k+1} ∂h_{k+1}/∂h_k   (1)

This is what `dni(T, scale=s)` would follow if its synthesiser made no error, one update an episode
in place of one a window. s = 1 is `bptt`, s = 0 truncation. Memory: the whole episode, O(L).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from harness.check import at_least
from harness.episode import Episode
from harness.model import Model
from harness.trainer import Loss, Trainer


class Faded(Trainer):
    """Full backpropagation, faded at the boundaries."""

    def __init__(self, model: Model, loss: Loss, *, T: int = 4, scale: float = 0.5) -> None:
        super().__init__(model, loss)
        at_least(1, T=T)
        at_least(0, scale=scale)
        self.every, self.scale = T, scale  # not self.T: an update takes the whole episode

    def gradients(self, episode: Episode) -> Iterator[Tensor]:
        h, losses = self.boundary(episode), []
        for window in episode.windows(self.every):
            faded = h.detach() + self.scale * (h - h.detach())  # of h's value
            loss, h = self.unroll(window, faded)
            losses.append(loss)
        total = torch.stack(losses).sum()
        total.backward()  # (1)
        yield total.detach()
