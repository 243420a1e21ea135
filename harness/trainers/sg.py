"""Truncated backpropagation with synthetic gradients, not bootstrapped.

h_k enters window k, whose loss is L_k; M is the synthesiser, s the scale.

    dL/dθ ≈ ∂L_k/∂θ + s M(h_{k+1}) ∂h_{k+1}/∂θ                                       (1) consume
    M(h_k) → ∂L_k/∂h_k                                                                (2) regress

The target is the window's own gradient alone: M learns to see one window ahead, so the horizon
is 2T. Memory: one window, O(T), and the synthesiser.

Differences from Jaderberg et al. (2017): the paper always bootstraps (that is `dni`); this is
its control, at equal scale the same except for the last term of (2). Without that feedback s = 1,
the default, is stable. Because (1) has that term and (2) does not, a window takes two backward
passes.
"""

from __future__ import annotations

from typing import Any

from harness.model import Model
from harness.synthesiser import SyntheticGradientTrainer
from harness.trainer import Loss


class Sg(SyntheticGradientTrainer):
    """Truncated backpropagation + synthetic gradients."""

    def __init__(self, model: Model, loss: Loss, *, scale: float = 1.0, **shared: Any) -> None:
        super().__init__(model, loss, scale=scale, **shared)  # (1)
        self.bootstrap(0.0)  # (2): no term from beyond the window
