"""DNI with the paper's auxiliary task (Jaderberg et al., 2017): foretell the next prediction.

Like `dni`; in addition, a network A of M's shape is trained to predict, from the state that enters
a window, what M will predict from the state that leaves it. h_k enters window k, whose loss is
L_k; s is the scale, γ the discount, w the weight.

    A_k = ‖A(h_k) - M(h_{k+1})‖², M fixed                                             (1) foretell
    dL/dθ ≈ ∂L_k/∂θ + s M(h_{k+1}) ∂h_{k+1}/∂θ                                       (2) consume
    M(h_k) → ∂(L_k + w A_k)/∂h_k + γ M(h_{k+1}) ∂h_{k+1}/∂h_k                        (3) regress

h_k was computed before the window began: A_k reaches the model as every later loss does, through
M's prediction of its gradient. With `core=False` it does not: A learns beside M, and they share
only the norm at which both are clipped together. Memory: one window, O(T), both networks.

Differences from the paper: it does not state the weight, nor how the gradient of the auxiliary
loss reaches a core that is cut at the boundary; (3) is our reading. At w = 0 this is `dni`. For
the rest see `dni`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from harness.check import at_least
from harness.model import Model
from harness.synthesiser import SyntheticGradientTrainer, squared_error
from harness.trainer import Loss


class DniAux(SyntheticGradientTrainer):
    """DNI + the auxiliary task of foretelling the next synthetic gradient.

    discount: γ; None: the scale
    weight:   w, the factor on the auxiliary loss
    core:     whether its gradient reaches the model
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        *,
        weight: float = 0.1,
        core: bool = True,
        discount: float | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(model, loss, **shared)  # (2) and (3), of objective()
        self.bootstrap(discount)
        at_least(0, weight=weight)
        self.weight, self.core = weight, core
        self.auxiliary = self.network()

    def own_parameters(self) -> list[nn.Parameter]:
        return [*super().own_parameters(), *self.auxiliary.parameters()]

    def objective(self, loss: Tensor, h_0: Tensor, beyond: Tensor | None) -> Tensor:
        """L_k + w A_k, which (2) and (3) differentiate."""
        foretold = self.auxiliary(h_0 if self.core else h_0.detach())
        aim = torch.zeros_like(foretold) if beyond is None else beyond
        return loss + self.weight * squared_error(foretold, aim)  # (1)
