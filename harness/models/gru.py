"""Gated recurrent unit (Cho et al., 2014), torch's own kernel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.model import Model


class Gru(Model):
    """A GRU; its state is h, layer by layer."""

    def __init__(self, d_in: int, d_out: int, *, hidden: int = 64, layers: int = 1) -> None:
        super().__init__(d_in, d_out, hidden=hidden, layers=layers, parts=1)
        self.core = nn.GRU(d_in, hidden, layers)

    def core_forward(self, x: Tensor, parts: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        out, h = self.core(x, parts[0])
        return out, [h]

    def core_written_out(self, x: Tensor, parts: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        leaving = []
        for k in range(self.layers):
            names = (f"weight_ih_l{k}", f"weight_hh_l{k}", f"bias_ih_l{k}", f"bias_hh_l{k}")
            W, U, b_x, b_h = (getattr(self.core, name) for name in names)
            h, out = parts[0][k], []
            for from_x in F.linear(x, W, b_x):
                r_x, z_x, n_x = from_x.chunk(3, -1)
                r_h, z_h, n_h = F.linear(h, U, b_h).chunk(3, -1)
                z = (z_x + z_h).sigmoid()
                n = (n_x + (r_x + r_h).sigmoid() * n_h).tanh()
                h = n + z * (h - n)
                out.append(h)
            x = torch.stack(out)
            leaving.append(h)
        return x, [torch.stack(leaving)]
