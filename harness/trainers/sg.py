"""Truncated backpropagation with synthetic gradients, not bootstrapped.

h_k enters window k, whose loss is L_k; M is the synthesiser, s the scale.

    dL/dθ ≈ ∂L_k/∂θ + s M(h_{k+1}) ∂h_{k+1}/∂θ                                       (1) consume
    M(h_k) → ∂L_k/∂h_k                                                                (2) regress

The target is the window's own gradient alone: M learns to see one window ahead, so the horizon
is 2T. Memory: one window, O(T), and the synthesiser.

Differences from Jaderberg et al. (2017): the paper always bootstraps (that is `dni`); this is
its control, at equal scale the same but for the last term of (2). Without that feedback s = 1, the
default, is stable. Because (1) holds the term and (2) does not, a window takes two backward
passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from torch import Tensor

from harness.episode import Episode
from harness.model import Model
from harness.synthesiser import SyntheticGradientTrainer
from harness.trainer import Loss


class Sg(SyntheticGradientTrainer):
    """Truncated backpropagation + synthetic gradients."""

    def __init__(
        self,
        model: Model,
        loss: Loss,
        *,
        T: int = 4,
        warmup: int = 0,
        scale: float = 1.0,
        hidden: int | None = None,
        layers: int = 0,
        bounded: bool = True,
        optimiser: Literal["sgd", "adam"] = "sgd",
        lr: float = 3e-2,
        clip: float = 0.3,
    ) -> None:
        super().__init__(
            model, loss, T=T, warmup=warmup, scale=scale, discount=0.0,
            hidden=hidden, layers=layers, bounded=bounded, optimiser=optimiser, lr=lr, clip=clip,
        )  # fmt: skip

    def decoupled(self, episode: Episode) -> Iterator[Tensor]:
        for window in episode.windows(self.T):
            h_0 = self.boundary(window).requires_grad_()
            loss, h_T = self.unroll(window, h_0)
            beyond = self.beyond(window, h_T)
            target = self.backpropagate(loss, h_0, h_T, beyond)  # (1)
            self.regress(h_0, target)  # (2)
            yield loss.detach()
