"""DNI with the paper's auxiliary task (Jaderberg et al., 2017): foretell the next prediction.

As `dni`; besides, a network A of M's shape is trained to say, from the state that enters a
window, what M will say of the state that leaves it. h_k enters window k, whose loss is L_k; s is
the scale, γ the discount, w the weight.

    A_k = ‖A(h_k) - M(h_{k+1})‖², M held                                              (1) foretell
    dL/dθ ≈ ∂L_k/∂θ + s M(h_{k+1}) ∂h_{k+1}/∂θ                                       (2) consume
    M(h_k) → ∂(L_k + w A_k)/∂h_k + γ M(h_{k+1}) ∂h_{k+1}/∂h_k                        (3) regress

h_k was computed before the window began: A_k reaches the model as every later loss does, through
M's prediction of its gradient. With `core=False` it does not: A learns beside M, and they share
nothing but the norm at which both are clipped together. Memory: one window, O(T), both networks.

Differences from the paper: it does not state the weight, nor how the gradient of the auxiliary
loss reaches a core that is cut at the boundary; (3) is our reading. At w = 0 this is `dni`. Else
see there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from harness.check import at_least
from harness.episode import Episode
from harness.model import Model
from harness.synthesiser import SyntheticGradientTrainer, squared_error
from harness.trainer import Loss


class DniAux(SyntheticGradientTrainer):
    """DNI + the auxiliary task of foretelling the next synthetic gradient.

    weight: w, the factor on the auxiliary loss
    core:   whether its gradient reaches the model
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        *,
        T: int = 4,
        weight: float = 0.1,
        core: bool = True,
        warmup: int = 0,
        scale: float = 0.5,
        discount: float | None = None,
        hidden: int | None = None,
        layers: int = 0,
        bounded: bool = True,
        optimiser: Literal["sgd", "adam"] = "sgd",
        lr: float = 3e-2,
        clip: float = 0.3,
    ) -> None:
        super().__init__(
            model, loss, T=T, warmup=warmup, scale=scale, discount=discount,
            hidden=hidden, layers=layers, bounded=bounded, optimiser=optimiser, lr=lr, clip=clip,
        )  # fmt: skip
        at_least(0, weight=weight)
        self.weight, self.core = weight, core
        self.auxiliary = self.network()

    def own_parameters(self) -> list[nn.Parameter]:
        return [*super().own_parameters(), *self.auxiliary.parameters()]

    def decoupled(self, episode: Episode) -> Iterator[Tensor]:
        for window in episode.windows(self.T):
            h_0 = self.boundary(window).requires_grad_()
            loss, h_T = self.unroll(window, h_0)
            beyond = self.beyond(window, h_T)
            foretold = self.auxiliary(h_0 if self.core else h_0.detach())
            aim = torch.zeros_like(h_T) if beyond is None else beyond
            auxiliary_loss = squared_error(foretold, aim)  # (1)
            total = loss + self.weight * auxiliary_loss
            target = self.backpropagate(total, h_0, h_T, beyond)  # (2)
            self.regress(h_0, target)  # (3)
            yield loss.detach()
