"""Long short-term memory (Hochreiter & Schmidhuber, 1997), torch's fused kernel."""

from __future__ import annotations

from torch import Tensor, nn

from harness.model import Model


class Lstm(Model):
    """An LSTM; its state is [h; c], layer by layer."""

    def __init__(self, d_in: int, d_out: int, *, hidden: int = 64, layers: int = 1) -> None:
        super().__init__(d_in, d_out, hidden=hidden, layers=layers, parts=2)
        self.core = nn.LSTM(d_in, hidden, layers)

    def core_forward(self, x: Tensor, parts: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        out, (h, c) = self.core(x, (parts[0], parts[1]))
        return out, [h, c]
