"""Elman network (Elman, 1990) with tanh units, torch's own kernel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.model import Model


class Rnn(Model):
    """A plain recurrent network; its state is h, layer by layer."""

    def __init__(self, d_in: int, d_out: int, *, hidden: int = 64, layers: int = 1) -> None:
        super().__init__(d_in, d_out, hidden=hidden, layers=layers, parts=1)
        self.core = nn.RNN(d_in, hidden, layers)

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
                h = (from_x + F.linear(h, U, b_h)).tanh()
                out.append(h)
            x = torch.stack(out)
            leaving.append(h)
        return x, [torch.stack(leaving)]
