"""Exact inside the window, a larger trace behind it: SnAp-1's and, at low rank, what that drops.

h_k enters window k, whose loss is L_k. P_k ≈ dh_k/dθ is SnAp-1's trace, as in `behind`: it has no
path from unit to unit. R_k holds what P_k drops, seen from the r directions of the state, columns
of Q_k, in which losses looked of late. Per sequence, with J = ∂h_{k+1}/∂h_k, I = ∂h_{k+1}/∂θ:

    dL/dθ ≈ Σ_k ∂L_k/∂θ + ∂L_k/∂h_k (P_k + Q_k R_k)                                    (1)
    C_{k+1} = 0.99 C_k + 0.01 Σ_B (∂L_k/∂h_k)ᵀ ∂L_k/∂h_k                               (2)
    Q_{k+1}: the r eigenvectors of C_{k+1} with the largest eigenvalues                (3)
    R_{k+1} = Q_{k+1}ᵀ (J (P_k + Q_k R_k) + I - P_{k+1})                               (4)

Q is one for all sequences, R each one's own. At r = d_state P + Q R is the exact trace, and (1) the
full gradient; at r = 0 it would be `behind`. In between what a window's losses do not look at, from
any of r directions, is dropped.

Memory: the activations of one window, O(T), P, B S |θ| numbers, and R, B r |θ|. A direction takes a
forward and backward pass of the window for each sequence by itself, as there is a row of (4) each.

Differences from the papers: ours. `uoro` has one random direction, whose mean is exact; here they
are chosen, and what they miss is a bias. As in `behind`, weights move while traces age.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import vjp, vmap

from harness.check import at_least
from harness.episode import Episode
from harness.influence import blank
from harness.model import Model
from harness.trainer import Loss
from harness.trainers._behind import TraceBehind

KEPT = 0.99
"""Of C from window to window."""


class BehindLow(TraceBehind):
    """Truncated backpropagation + SnAp-1's trace and one of low rank of what was before the window.

    T:    unroll length, in timesteps
    rank: r, directions of the state that the second trace sees, at most d_state
    """

    def __init__(self, model: Model, loss: Loss, *, T: int = 4, rank: int = 1) -> None:
        super().__init__(model, loss, T=T)
        at_least(1, rank=rank)
        if rank > model.d_state:
            raise ValueError(f"rank must be at most d_state = {model.d_state}, got {rank!r}")
        self.rank = rank

    def begin(self, batch: int) -> None:
        super().begin(batch)
        weights, D = list(self.recurrent_weights().values()), self.model.d_state
        R = (batch, self.rank, sum(weight.numel() for weight in weights))
        self.memory |= blank(weights[0], C=(D, D), Q=(D, self.rank), R=R)

    def learn(self, window: Episode) -> Tensor:
        loss, error, entering = self.exact(window)  # (1), its first term
        Q, R = self.memory["Q"], self.memory["R"]
        self.spend(error)  # (1), P's
        self.fill(((error @ Q).unsqueeze(1) @ R).sum(0).flatten())  # (1), R's
        looked = len(error) * error  # of each sequence by itself
        C = KEPT * self.memory["C"] + (1 - KEPT) * looked.t() @ looked  # (2)
        Q_next = torch.linalg.eigh(C)[1][:, -self.rank :]  # (3)
        QJ, QI = self.derivatives(window.x, entering[0], Q_next)
        R = QJ @ Q @ R + QI + self.meeting(QJ)
        self.age(window, entering)
        R = R - self.meeting(Q_next.t().expand_as(QJ))  # (4)
        self.memory |= {"C": C, "Q": Q_next, "R": R}
        return loss

    def meeting(self, rows: Tensor) -> Tensor:
        """Rows (B, r, d_state) times P, (B, r, |θ|)."""
        parts = rows[:, :, None, :, None].chunk(self.layer.carries, 3)
        found = []
        for names in self.parts():
            total = rows.new_zeros(())
            for name, part in zip(names, parts, strict=True):
                total = total.addcmul(part, self.memory[name].unsqueeze(1))
            found.append(total)
        matrices = [each[..., :-1].flatten(2) for each in found]
        return torch.cat([*matrices, *(each[..., -1].flatten(2) for each in found)], 2)

    def derivatives(self, x: Tensor, h: Tensor, Q: Tensor) -> tuple[Tensor, Tensor]:
        """Qᵀ J, (B, r, d_state), and Qᵀ I, (B, r, |θ|), of a window from a state h."""
        weights = {name: weight.detach() for name, weight in self.recurrent_weights().items()}

        def leaving(x: Tensor, h: Tensor, theta: dict[str, Tensor]) -> Tensor:
            for x_t in x:
                h = self.model.step(x_t, h, theta)
            return h

        def pulled(x: Tensor, h: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
            """Of one sequence and one direction."""
            by_state, by_weight = vjp(lambda h, theta: leaving(x, h, theta), h, weights)[1](q)
            return by_state, torch.cat([each.flatten() for each in by_weight.values()])

        every = vmap(vmap(pulled, in_dims=(None, None, 0)), in_dims=(1, 0, None))
        QJ, QI = every(x, h, Q.t())
        return QJ, QI
