"""Full backpropagation at the memory of a window, by recomputation (Chen et al., 2016).

An episode of K windows of T timesteps; h_k enters window k, whose loss is L_k. One pass forward
keeps the boundary states h_k alone. Then from the last window to the first, each is run again from
its h_k, and the gradient that its successor sent back enters at its end:

    dL/dθ = Σ_k ∂L_k/∂θ + δ_{k+1} ∂h_{k+1}/∂θ                                         (1)
    δ_k = ∂L_k/∂h_k + δ_{k+1} ∂h_{k+1}/∂h_k,  δ_{K+1} = 0                             (2)

One update per episode, by the gradient of full backpropagation. Memory: the activations of one
window and the boundary states, O(T + L / T); the price is a second forward pass over all windows
but the last. The inputs of the episode must be there until its end.

Differences from the paper: windows of T instead of √L segments of a network in depth; through time
see Gruslys et al. (2016). On a stream the gradient is cut at a stretch's end, as in `bptt`.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from harness.check import at_least
from harness.episode import Episode
from harness.model import Model
from harness.trainer import Loss, Trainer


class Recomputed(Trainer):
    """Full backpropagation through time, at the memory of one window.

    T: timesteps whose activations are held at once
    """

    T: int

    def __init__(self, model: Model, loss: Loss, *, T: int = 4) -> None:
        super().__init__(model, loss)
        at_least(1, T=T)
        self.T = T

    def cut(self, episode: Episode) -> Iterator[Episode]:
        return iter([episode])

    def gradients(self, episode: Episode) -> Iterator[Tensor]:
        windows = list(episode.windows(self.T))
        entering = [self.boundary(episode)]
        with torch.no_grad():
            for window in windows[:-1]:
                entering.append(self.model(window.x, entering[-1])[1])
        losses: list[Tensor] = []
        leaving, later = None, None  # h_{K+1} and δ_{k+1}
        while windows:
            h_0 = entering.pop().detach().requires_grad_()
            loss, h_T = self.unroll(windows.pop(), h_0)
            if later is None:
                leaving = self.carried
                loss.backward()
            else:
                torch.autograd.backward([loss, h_T], [None, later])  # (1)
            later = h_0.grad  # (2)
            losses.append(loss.detach())
        self.carried = leaving
        yield torch.stack(losses).sum()
