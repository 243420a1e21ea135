"""Gated recurrent unit (Cho et al., 2014), torch's own kernel."""

from __future__ import annotations

from torch import Tensor, nn

from harness.model import Model


class Gru(Model):
    """A GRU; its state is h, layer by layer."""

    def __init__(self, d_in: int, d_out: int, *, hidden: int = 64, layers: int = 1) -> None:
        super().__init__(d_in, d_out, hidden=hidden, layers=layers, parts=1)
        self.core = nn.GRU(d_in, hidden, layers)

    def core_forward(self, x: Tensor, parts: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        out, h = self.core(x, parts[0])
        return out, [h]
