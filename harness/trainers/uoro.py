"""Unbiased online recurrent optimisation (Tallec & Ollivier, 2018).

h_k enters window k, whose loss is L_k, J = ∂h_{k+1}/∂h_k and I = ∂h_{k+1}/∂θ with h_k held, per
sequence. Real-time recurrent learning keeps P_{k+1} = J P_k + I, d_state times θ. This keeps two
vectors whose product is P_k on average over random signs ν:

    dL/dθ ≈ Σ_k ∂L_k/∂θ + (∂L_k/∂h_k a_k) b_k                                        (1)
    a_{k+1} = ρ0 J a_k + ρ1 ν                                                        (2)
    b_{k+1} = b_k / ρ0 + νᵀ I / ρ1                                                   (3)
    ρ0² = ‖b_k‖ / ‖J a_k‖,   ρ1² = ‖νᵀ I‖ / ‖ν‖                                        (4)

a bᵀ has P's mean since E[ν νᵀ] = 1 and each cross term holds one ν, while the norms in (4) are
the same for ν and -ν. T = 1 is the paper's algorithm; T > 1 is its memory-T variant, whose
windows are backpropagated exactly, so that only what is behind them is random. Memory: the
activations of one window, O(T), and a and b, B (d_state + |θ|). In products that is about three
times the work of truncated backpropagation, in many small steps. The variance grows with d_state,
and every window adds its own.

Differences from the paper: J a is exact, not a finite difference. A small number is added to both
norms in (4).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import jvp, vjp, vmap

from harness.episode import Episode
from harness.influence import ForwardTrainer
from harness.trainers._signs import balance, signs


class Uoro(ForwardTrainer):
    """Truncated backpropagation + a random trace of rank one of what was before the window."""

    def begin(self, batch: int) -> None:
        width = sum(weight.numel() for weight in self.recurrent_weights().values())
        self.hold(a=(batch, self.model.d_state), b=(batch, width))

    def learn(self, window: Episode) -> Tensor:
        a, b = self.memory["a"], self.memory["b"]
        h_0 = self.boundary(window).requires_grad_()
        with torch.enable_grad():
            loss, _ = self.unroll(window, h_0)
            loss.backward()  # (1), its first term
        assert h_0.grad is not None
        self.fill((h_0.grad * a).sum(1) @ b)  # (1), its second
        nu = signs(tuple(a.shape), self.rng, a)
        Ja, nuI = self.derivatives(window.x, h_0.detach(), a, nu)
        rho_0, rho_1 = balance(b, Ja), balance(nuI, nu)  # (4)
        a = rho_0 * Ja + rho_1 * nu  # (2)
        b = b / rho_0 + nuI / rho_1  # (3)
        self.memory = {"a": a, "b": b}
        return loss.detach()

    def derivatives(self, x: Tensor, h: Tensor, a: Tensor, nu: Tensor) -> tuple[Tensor, Tensor]:
        """J a, (B, d_state), and νᵀ I, (B, |θ|), of a window from a state h."""
        weights = {name: weight.detach() for name, weight in self.recurrent_weights().items()}

        def leaving(x: Tensor, h: Tensor, theta: dict[str, Tensor] | None = None) -> Tensor:
            for x_t in x:
                h = self.model.step(x_t, h, theta)
            return h

        def pulled(x: Tensor, h: Tensor, nu: Tensor) -> Tensor:
            """νᵀ I of one sequence."""
            (by_weight,) = vjp(lambda theta: leaving(x, h, theta), weights)[1](nu)
            return torch.cat([each.flatten() for each in by_weight.values()])

        Ja = jvp(lambda h: leaving(x, h), (h,), (a,))[1]
        return Ja, vmap(pulled, in_dims=(1, 0, 0))(x, h, nu)
