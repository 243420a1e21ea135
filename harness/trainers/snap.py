"""SnAp-1: real-time recurrent learning with a sparse trace (Menick et al., 2021).

s_t is the state after timestep t, L_t its loss. Of ds_t/dθ the trace P_t keeps, for each weight,
what it did to the unit that it feeds: the entries that a single timestep can fill. With D_t and
I_t the derivatives of one unit by itself, z_t what the weights multiply:

    dL/dθ ≈ Σ_t ∂L_t/∂s_t P_t                                                        (1)
    P_t = D_t P_{t-1} + I_t z_tᵀ                                                      (2)

Over a window of T timesteps, in which the weights are held, both sums are taken at once: with
λ_t = ∂L_t/∂s_t + λ_{t+1} D_{t+1},

    Σ_t ∂L_t/∂s_t P_t = λ_{k+1} D_{k+1} P_k + Σ_t λ_t I_t z_tᵀ                         (3)

which reads the trace once a window instead of once a timestep. Memory: of each weight a number
for every part of a unit's state, B S |θ|; it does not grow with T.

`through_h=False` leaves out what a unit's output does to itself by U's diagonal, so that D_t keeps
the path inside the cell alone (an LSTM's c_t = f c_{t-1}): that is e-prop (Bellec et al., 2020),
with the true error at each timestep.

Differences from the paper: n = 1 only. A dense U ties every unit to all others within two
timesteps, so that n = 2 keeps everything: that is `rtrl`. T = 1 is an update at each timestep, as
in the paper; (3) gives the same sum for any T.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.episode import Episode
from harness.influence import Local, UnitTrace, add_pair
from harness.model import Model
from harness.trainer import Loss


class Snap(UnitTrace):
    """SnAp-1, real-time recurrent learning with a sparse trace.

    T: timesteps per update
    n: timesteps within which a weight must reach an entry that is kept; 1
    through_h: whether the trace passes through U's diagonal; False: e-prop
    """

    def __init__(
        self, model: Model, loss: Loss, *, T: int = 1, n: int = 1, through_h: bool = True
    ) -> None:
        super().__init__(model, loss, T=T)
        if n != 1:
            raise ValueError(f"n must be 1 (a dense layer's trace is full at 2: rtrl), got {n!r}")
        self.through_h = through_h

    def learn(self, window: Episode) -> Tensor:
        states = self.run(window, self.boundary(window))
        loss, errors = self.read(window, states[1:])  # what meets the trace in (1)
        local = Local.of(self.layer, self.model.encoded(window.x), states[:-1])
        D = local.through_h(self.layer) if self.through_h else local.by_state
        errors = errors.unflatten(-1, D.shape[-2:])  # (T, B, S, H)
        later, total = torch.zeros_like(errors[0]), []  # λ_{t+1} D_{t+1}, and λ_t from the last on
        for error, D_t in zip(errors.flip(0), D.flip(0), strict=True):
            total.append(error + later)
            later = (total[-1].unsqueeze(2) * D_t).sum(1)
        by = torch.stack(total[::-1])
        for pair, by_drive, z in zip(
            self.layer.pairs(), local.by_drive, local.columns, strict=True
        ):
            drive = (by.unsqueeze(3) * by_drive).sum(2).flatten(2)  # λ_t I_t, (T, B, G H)
            add_pair(pair, drive.flatten(0, 1).t() @ z.flatten(0, 1))  # (3)
        self.spend(later.flatten(1))  # (3)
        self.advance(local, D)  # (2)
        return loss
