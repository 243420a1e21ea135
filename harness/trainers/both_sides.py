"""From both sides of the cut: SnAp-1's trace and a synthetic gradient, mixed.

h_k enters window k, whose loss is L_k. What truncation leaves out are pairs: a weight used before a
cut, a loss after it. A trace P_k ≈ dh_k/dθ estimates them from the side of the loss, as in
`behind`; M, the synthesiser, from the side of the weight, as in `dni`. Either counts every pair, so
they are mixed, not added; m is the mixture, s the scale, γ the discount:

    dL/dθ ≈ ∂L_k/∂θ + m ∂L_k/∂h_k P_k + (1 - m) s M(h_{k+1}) ∂h_{k+1}/∂θ              (1)
    P_{k+1} = D_{k+T} … D_{k+1} P_k + Σ_t D_{k+T} … D_{t+1} I_t z_tᵀ                   (2)
    M(h_k) → ∂L_k/∂h_k + γ M(h_{k+1}) ∂h_{k+1}/∂h_k                                   (3)

A trace has a bias that stays, paths from unit to unit, and so has M, what it cannot foretell. Where
their errors are unlike, a mixture has less of both. The trace meets the window's own ∂L_k/∂h_k, not
what M says: that would count the pairs that span the window twice.

At m = 1 this is `behind`: M is not asked, nor taught. At m = 0 it is `dni`: there is no trace. In
between a window takes two backward passes, as the terms of (3) are wanted apart. Memory: one
window, O(T), the trace, B S |θ|, less by `share` and `dtype` as in `behind`, and the synthesiser.

`warmup`: as in `dni`; the trace begins after it.

Differences from the papers: the mixture is ours. For the rest see `behind` and `dni`; s damps what
M says here, too, so that at s < 1 the weights of the two do not add up to 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from harness.check import at_least
from harness.episode import Episode
from harness.influence import ForwardTrainer
from harness.model import Model
from harness.synthesiser import SyntheticGradientTrainer
from harness.task import Task
from harness.trainer import Loss
from harness.trainers._behind import Stored, TraceBehind


class BothSides(SyntheticGradientTrainer, TraceBehind):
    """Truncated backpropagation + a trace and a synthetic gradient, mixed.

    mix:      m, the weight of the trace, from 0 (dni) to 1 (behind)
    share:    of the sequences that have a trace
    dtype:    that the trace is stored in; float32 is the weights' own
    discount: γ; None: the scale
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        *,
        mix: float = 0.5,
        share: float = 1.0,
        dtype: Stored = "float32",
        discount: float | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(model, loss, **shared)
        at_least(0, mix=mix)
        if mix > 1:
            raise ValueError(f"mix must be at most 1, got {mix!r}")
        self.store(share, dtype)
        self.bootstrap(discount)
        self.mix, self.scale = mix, (1 - mix) * self.scale

    @classmethod
    def suits(cls, model: Model, task: Task) -> str:
        return TraceBehind.suits(model, task)

    def begin(self, batch: int) -> None:
        if self.mix > 0:
            super().begin(batch)

    def decoupled(self, episode: Episode) -> Iterator[Tensor]:
        return ForwardTrainer.gradients(self, episode)

    def learn(self, window: Episode) -> Tensor:
        h_0 = self.boundary(window).requires_grad_()
        entering = self.entering(window, h_0) if self.mix > 0 else None
        with torch.enable_grad():
            loss, h_T = self.unroll(window, h_0)
            beyond = self.beyond(window, h_T) if self.scale > 0 else None
            if beyond is None or self.mix == 0:
                target = self.backpropagate(loss, h_0, h_T, beyond)  # (1)
            else:
                own, further = self.apart(loss, h_0, h_T, beyond)  # (1), but for the trace
                target = own + further
            if self.mix < 1:
                self.regress(h_0, target)  # (3)
        if entering is not None:
            assert h_0.grad is not None
            self.spend(self.mix * h_0.grad)  # (1), the trace's
            self.age(window, entering)  # (2)
        return loss.detach()
