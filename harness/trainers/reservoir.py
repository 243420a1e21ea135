"""A control: the read-out learns, the network below it stays as it was drawn (Jaeger, 2001).

    dL/dθ = Σ_k ∂L_k/∂θ for θ of the read-out, 0 for every other weight               (1)

One update per window. Nothing has to be remembered for the gradient, which is exact: the state at
a timestep does not depend on the read-out. What this solves, an untrained state holds; what
truncation solves beyond it, it has learned to hold. Memory: the read-out's inputs, O(T).

Differences from echo state networks: the weights are as any model's here draws them, not scaled to
a spectral radius, and the read-out is trained online, not by regression.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from harness.check import at_least
from harness.episode import Episode
from harness.model import Model
from harness.trainer import Loss, Trainer


class Reservoir(Trainer):
    """The read-out alone. T: timesteps an update."""

    T: int

    def __init__(self, model: Model, loss: Loss, *, T: int = 4) -> None:
        super().__init__(model, loss)
        at_least(1, T=T)
        self.T = T

    def gradients(self, episode: Episode) -> Iterator[Tensor]:
        *below, readout = self.model.stages()
        for window in self.windows(episode):
            *entering, last = self.model.split(self.boundary(window))
            x, leaving = self.model.encoded(window.x), []
            with torch.no_grad():
                for stage, state in zip(below, entering, strict=True):
                    x, left = stage(x, state)
                    leaving.append(left)
            outputs, left = readout(x, last)
            self.carried = self.model.join([*leaving, left]).detach()
            loss = self.loss(outputs, window)
            loss.backward()  # (1)
            yield loss.detach()
