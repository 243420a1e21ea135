"""Kronecker-factored real-time recurrent learning: KF-RTRL (Mujika et al., 2018).

h_t = tanh(V z_t) with V = [W, b_x, U, b_h] and z_t = [x_t, 1, h_{t-1}, 1]; L_t is its loss. Per
sequence, with D = diag(1 - h_t²) and J = D U, the exact trace of V is P_t = J P_{t-1} + z_t ⊗ D.
This keeps a vector and a matrix whose Kronecker product is P_t on average over signs c1 and c2:

    dL/dV ≈ Σ_t (∂L_t/∂h_t A_t)ᵀ u_tᵀ                                                (1)
    u_t = c1 p1 u_{t-1} + c2 p2 z_t                                                  (2)
    A_t = c1 / p1 J A_{t-1} + c2 / p2 D                                              (3)
    p1² = ‖J A_{t-1}‖ / ‖u_{t-1}‖,   p2² = ‖D‖ / ‖z_t‖                                 (4)

Two random numbers a timestep stand where `uoro` has d_state: less variance. Memory: u and A,
B (d_in + d_state + d_state²). It needs one matrix product that feeds each unit by one sum: the
plain recurrent network.

Differences from the paper: a second 1 in z_t, since torch's cell has two biases. A small number is
added to all norms in (4). With T > 1 the weights are held for T timesteps, then moved by the sum
of (1).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from harness.episode import Episode
from harness.influence import Local, OneLayer, add_pair
from harness.model import Layer, Model, Recurrent
from harness.task import Task
from harness.trainers._signs import balance, signs


class KfRtrl(OneLayer):
    """Real-time recurrent learning with a random Kronecker product as a trace."""

    @classmethod
    def suits(cls, model: Model, task: Task) -> str:
        if why := super().suits(model, task):
            return why
        plain = isinstance(cast(Layer, cast(Recurrent, model).layers[0]).core, nn.RNN)
        return "" if plain else "it traces a plain recurrent network (rnn), without gates"

    def begin(self, batch: int) -> None:
        H = self.layer.d_out
        self.hold(u=(batch, self.layer.d_in + 1 + H + 1), A=(batch, H, H))

    def learn(self, window: Episode) -> Tensor:
        states = self.run(window, self.boundary(window))
        loss, errors = self.read(window, states[1:])
        local = Local.of(self.layer, self.model.encoded(window.x), states[:-1])
        z, slopes = torch.cat(local.columns, -1), local.by_drive[0].flatten(2)
        _, U, _, _ = self.layer.weights()
        u, A = self.memory["u"], self.memory["A"]
        found = u.new_zeros(len(U), u.shape[1])
        drawn = signs((len(z), 2, len(u), 1), self.rng, z)
        for z_t, slope, error, (c1, c2) in zip(z, slopes, errors, drawn, strict=True):
            D = slope.diag_embed()
            JA = slope.unsqueeze(-1) * (U @ A)
            p1, p2 = balance(JA, u), balance(D, z_t)  # (4)
            u = c1 * p1[:, 0] * u + c2 * p2[:, 0] * z_t  # (2)
            A = c1[..., None] / p1 * JA + c2[..., None] / p2 * D  # (3)
            found = found + (error.unsqueeze(1) @ A).squeeze(1).t() @ u  # (1)
        widths = [each.shape[-1] for each in local.columns]
        for pair, gradient in zip(self.layer.pairs(), found.split(widths, 1), strict=True):
            add_pair(pair, gradient)
        self.memory = {"u": u, "A": A}
        return loss
