"""Unbiased online recurrent optimisation (Tallec & Ollivier, 2018).

s_t is the state after timestep t, L_t its loss, J = ∂s_t/∂s_{t-1} and I = ∂s_t/∂θ, per sequence.
Real-time recurrent learning keeps P_t = J P_{t-1} + I, d_state times θ. This keeps two vectors
whose product is P_t on average over random signs ν:

    dL/dθ ≈ Σ_t (∂L_t/∂s_t a_t) b_t                                                  (1)
    a_t = ρ0 J a_{t-1} + ρ1 ν                                                        (2)
    b_t = b_{t-1} / ρ0 + νᵀ I / ρ1                                                   (3)
    ρ0² = ‖b_{t-1}‖ / ‖J a_{t-1}‖,   ρ1² = ‖νᵀ I‖ / ‖ν‖                                (4)

a bᵀ has P's mean since E[ν νᵀ] = 1 and each cross term holds one ν, while the norms in (4) are
the same for ν and -ν. Memory: a and b, B (d_state + |θ|); the work is that of a forward and a
backward pass a timestep. The variance grows with d_state, and every timestep adds its own.

Differences from the paper: J a is exact, not a finite difference. A small number is added to both
norms in (4). With T > 1 the weights are held for T timesteps, then moved by the sum of (1).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import jvp, vjp, vmap

from harness.episode import Episode
from harness.influence import ForwardTrainer
from harness.trainers._signs import balance, signs


class Uoro(ForwardTrainer):
    """Real-time recurrent learning with a random trace of rank one."""

    def begin(self, batch: int) -> None:
        width = sum(weight.numel() for weight in self.recurrent_weights().values())
        self.hold(a=(batch, self.model.d_state), b=(batch, width))

    def learn(self, window: Episode) -> Tensor:
        states = self.run(window, self.boundary(window))
        loss, errors = self.read(window, states[1:])
        a, b = self.memory["a"], self.memory["b"]
        found = torch.zeros_like(b[0])
        drawn = signs(tuple(errors.shape), self.rng, errors)
        for x_t, s, error, nu in zip(window.x, states, errors, drawn, strict=False):
            Ja, nuI = self.derivatives(x_t, s, a, nu)
            rho_0, rho_1 = balance(b, Ja), balance(nuI, nu)  # (4)
            a = rho_0 * Ja + rho_1 * nu  # (2)
            b = b / rho_0 + nuI / rho_1  # (3)
            found = found + (error * a).sum(1) @ b  # (1)
        self.fill(found)
        self.memory = {"a": a, "b": b}
        return loss

    def derivatives(self, x_t: Tensor, s: Tensor, a: Tensor, nu: Tensor) -> tuple[Tensor, Tensor]:
        """J a, (B, d_state), and νᵀ I, (B, |θ|), of the step from a state s."""
        weights = {name: weight.detach() for name, weight in self.recurrent_weights().items()}

        def pulled(x_t: Tensor, s: Tensor, nu: Tensor) -> Tensor:
            """νᵀ I of one sequence."""
            pull = vjp(lambda theta: self.model.step(x_t, s, theta), weights)[1]
            (by_weight,) = pull(nu)
            return torch.cat([each.flatten() for each in by_weight.values()])

        Ja = jvp(lambda s: self.model.step(x_t, s), (s,), (a,))[1]
        return Ja, vmap(pulled)(x_t, s, nu)
