"""Decoupled neural interfaces for recurrent networks (Jaderberg et al., 2017), bootstrapped.

h_k enters window k, whose loss is L_k; M is the synthesiser, s the scale, γ the discount.

    dL/dθ ≈ ∂L_k/∂θ + s M(h_{k+1}) ∂h_{k+1}/∂θ                                       (1) consume
    M(h_k) → ∂L_k/∂h_k + γ M(h_{k+1}) ∂h_{k+1}/∂h_k                                  (2) regress

The target contains the synthesiser's own prediction one window on, so that M's horizon has no
limit: at γ = 1 every later loss counts in full, at γ < 1 one k windows on by γ^k. Nothing follows
the end of an episode: M(h_{k+1}) is zero there. Memory: one window, O(T), and the synthesiser.

`warmup`: for the first W timesteps the model trains by plain backpropagation, one update an
episode, and M regresses on the true gradients in it; then bootstrapping switches on.

Differences from the paper: the paper writes γ = 1 in (2) and publishes s = 0.1. By default
γ = s here: one backward pass gives both equations, as public re-implementations have it, and
s < 1 then damps the feedback of M's own prediction, which can run away at γ = 1.
`discount=1.0` is the paper's equation, at the price of a second backward pass. The synthesiser is
trained by clipped SGD instead of Adam. The warm-up is ours.
"""

from __future__ import annotations

from typing import Any

from harness.model import Model
from harness.synthesiser import SyntheticGradientTrainer
from harness.trainer import Loss


class Dni(SyntheticGradientTrainer):
    """Truncated backpropagation + synthetic gradients + bootstrapping.

    discount: γ; None: the scale
    """

    def __init__(
        self, model: Model, loss: Loss, *, discount: float | None = None, **shared: Any
    ) -> None:
        super().__init__(model, loss, **shared)  # (1) and (2) with γ = s
        self.bootstrap(discount)  # (2) with a γ of its own
