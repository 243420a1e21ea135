"""Long short-term memory (Hochreiter & Schmidhuber, 1997) with forget gates (Gers et al., 2000).

i, f, o = σ(W x_t + b_x + U h_{t-1} + b_h), each gate with its own rows of W and U
g = tanh(W x_t + b_x + U h_{t-1} + b_h)
c_t = f c_{t-1} + i g
h_t = o tanh(c_t)
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from harness.model import Layer, Recurrent


class LstmLayer(Layer):
    """A layer of memory cells; its state is [h; c].

    forget_bias: added to the first bias of the forget gates: the larger, the longer an untrained
                 cell remembers (Gers et al., 2000). Other libraries begin at 1, torch at 0.
    """

    def __init__(self, d_in: int, hidden: int, *, forget_bias: float = 0.0) -> None:
        super().__init__(nn.LSTM(d_in, hidden), carries=2)
        with torch.no_grad():
            self.weights()[3][hidden : 2 * hidden] += forget_bias

    def cell(self, driven: Tensor, recurred: Tensor, state: Tensor) -> Tensor:
        _, c = state.chunk(2, -1)
        i, f, g, o = (driven + recurred).chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return torch.cat([h, c], -1)


class Lstm(Recurrent):
    """An LSTM; its state is [h; c], layer by layer."""

    def __init__(
        self, d_in: int, d_out: int, *, hidden: int = 64, layers: int = 1, forget_bias: float = 0.0
    ) -> None:
        layer = partial(LstmLayer, forget_bias=forget_bias)
        super().__init__(d_in, d_out, layer, hidden=hidden, layers=layers)
