"""Synthetic gradients learned by eligibility traces: accumulate BP(λ) (Pemberton & Costa, 2024).

h_k enters window k, whose loss is L_k, J_k = ∂h_{k+1}/∂h_k; M is the synthesiser, φ its weights, s
the scale, γ the discount. All rows and matrices are per sequence, the sum over B sequences:

    dL/dθ ≈ ∂L_k/∂θ + s M(h_{k+1}) ∂h_{k+1}/∂θ                                       (1) consume
    δ_k = ∂L_k/∂h_k + γ M(h_{k+1}) J_k - M(h_k)                                      (2) error
    e_k = γ λ J_{k-1} e_{k-1} + ∂M(h_k)/∂φ                                           (3) trace
    dE/dφ ≈ -2/B Σ_B δ_k e_k                                                         (4) regress

E is the squared error that `dni` regresses with: at λ = 0 (4) is its gradient, towards the target
∂L_k/∂h_k + γ M(h_{k+1}) J_k. There a loss is heard one window further back each time it is met; the
trace lets δ_k correct what M said at every earlier boundary. At λ = 1, with φ held over an
episode, the sum of (4) is the gradient of M's regression on the true gradients, discounted by γ,
without any prediction in the target. M(h_{k+1}) is zero at the end of an episode, and the trace
where a fresh one starts.

Memory: one window, O(T), the synthesiser, and the trace, B d_state |φ| numbers: for a linear M
that is B d_state² (d_state + 1). (3) multiplies it by J_k in each window: the work grows as
d_state² times that of a window. So it is for small states.

Differences from the paper: the paper updates at every timestep (T = 1 here) and has a model whose
own gradient goes back one timestep, or is that of e-prop; here windows of T timesteps are
backpropagated, as in `dni`. By default γ = s, as there, and λ = 1. M reads tanh(h), and is trained
by clipped SGD instead of Adam.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, jacrev, vmap

from harness.check import at_least
from harness.episode import Episode
from harness.influence import add_flat, blank
from harness.model import Model, Recurrent
from harness.synthesiser import SyntheticGradientTrainer
from harness.task import Task
from harness.trainer import Loss


class BpLambda(SyntheticGradientTrainer):
    """Truncated backpropagation + synthetic gradients learned by traces.

    lam:      λ, from 0 (a target one window on, as dni) to 1 (all later losses)
    discount: γ; None: the scale
    """

    model: Recurrent

    def __init__(
        self,
        model: Model,
        loss: Loss,
        *,
        lam: float = 1.0,
        discount: float | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(model, loss, **shared)
        at_least(0, lam=lam)
        if lam > 1:
            raise ValueError(f"lam must be at most 1, got {lam!r}")
        self.lam = lam
        self.bootstrap(discount)

    @classmethod
    def suits(cls, model: Model, task: Task) -> str:
        return "" if isinstance(model, Recurrent) else "it traces a recurrent state; there is none"

    def begin(self, batch: int) -> None:
        width = sum(weight.numel() for weight in self.synthesiser.parameters())
        like = next(self.synthesiser.parameters())
        self.memory = blank(like, e=(batch, self.model.d_state, width))

    def decoupled(self, episode: Episode) -> Iterator[Tensor]:
        for window in episode.windows(self.T):
            h_0 = self.boundary(window).requires_grad_()
            loss, h_T = self.unroll(window, h_0)
            target = self.backpropagate(loss, h_0, h_T, self.beyond(window, h_T))  # (1)
            h_0 = h_0.detach()
            error = target - self.synthetic_gradient(h_0)  # (2)
            e = self.by_weights(h_0)
            if not window.fresh:
                e = e + self.memory["e"]  # (3), already aged
            gradient = -2 / len(h_0) * error.flatten() @ e.flatten(0, 1)  # (4)
            add_flat(self.own_parameters(), gradient)
            self.memory = {"e": self.discount * self.lam * self.through(window, h_0) @ e}  # (3)
            yield loss.detach()

    @torch.no_grad()
    def by_weights(self, h: Tensor) -> Tensor:
        """∂M(h)/∂φ, (B, d_state, |φ|)."""
        weights = {name: phi.detach() for name, phi in self.synthesiser.named_parameters()}

        def predicted(phi: dict[str, Tensor], h: Tensor) -> Tensor:
            prediction: Tensor = functional_call(self.synthesiser, phi, (h,))
            return prediction

        found = vmap(jacrev(predicted), in_dims=(None, 0))(weights, h)
        return torch.cat([each.flatten(2) for each in found.values()], 2)

    @torch.no_grad()
    def through(self, window: Episode, h_0: Tensor) -> Tensor:
        """J, ∂h_T/∂h_0 over a window, (B, d_state, d_state)."""

        def leaving(x: Tensor, h: Tensor) -> Tensor:
            for x_t in x:
                h = self.model.step(x_t, h)
            return h

        found: Tensor = vmap(jacrev(leaving, argnums=1), in_dims=(1, 0))(window.x, h_0)
        return found
