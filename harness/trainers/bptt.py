"""Full backpropagation through time (Werbos, 1990).

    dL/dθ = Σ_t ∂L_t/∂θ, through every timestep of the episode                       (1)

One update per episode. Memory: the activations of the whole episode, O(L).

Differences from the paper: none on fresh episodes. On a stream the "whole" is a stretch of one
episode's length: the state that enters it is carried over, and the gradient is cut there.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from harness.episode import Episode
from harness.trainer import Trainer


class Bptt(Trainer):
    """Full backpropagation through time."""

    def gradients(self, episode: Episode) -> Iterator[Tensor]:
        loss, _ = self.unroll(episode, self.boundary(episode))
        loss.backward()  # (1)
        yield loss.detach()
