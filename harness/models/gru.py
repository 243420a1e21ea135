"""Gated recurrent unit (Cho et al., 2014), as torch's kernel has it.

r = σ(W_r x_t + U_r h_{t-1} + b_r)
z = σ(W_z x_t + U_z h_{t-1} + b_z)
n = tanh(W_n x_t + b_x + r (U_n h_{t-1} + b_h))
h_t = (1 - z) n + z h_{t-1}
"""

from __future__ import annotations

from torch import Tensor, nn

from harness.model import Layer, Recurrent


class GruLayer(Layer):
    """A layer of gated units; its state is h."""

    def __init__(self, d_in: int, hidden: int) -> None:
        super().__init__(nn.GRU(d_in, hidden), carries=1)

    def cell(self, driven: Tensor, recurred: Tensor, state: Tensor) -> Tensor:
        r_x, z_x, n_x = driven.chunk(3, -1)
        r_h, z_h, n_h = recurred.chunk(3, -1)
        z = (z_x + z_h).sigmoid()
        n = (n_x + (r_x + r_h).sigmoid() * n_h).tanh()
        return n + z * (state - n)


class Gru(Recurrent):
    """A GRU; its state is h, layer by layer."""

    def __init__(self, d_in: int, d_out: int, *, hidden: int = 64, layers: int = 1) -> None:
        super().__init__(d_in, d_out, GruLayer, hidden=hidden, layers=layers)
