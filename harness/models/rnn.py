"""Elman network (Elman, 1990) with tanh units.

h_t = tanh(W x_t + b_x + U h_{t-1} + b_h)
"""

from __future__ import annotations

from torch import Tensor, nn

from harness.model import Layer, Recurrent


class RnnLayer(Layer):
    """A layer of tanh units; its state is h."""

    def __init__(self, d_in: int, hidden: int) -> None:
        super().__init__(nn.RNN(d_in, hidden), carries=1)

    def cell(self, driven: Tensor, recurred: Tensor, state: Tensor) -> Tensor:
        return (driven + recurred).tanh()


class Rnn(Recurrent):
    """A plain recurrent network; its state is h, layer by layer."""

    def __init__(self, d_in: int, d_out: int, *, hidden: int = 64, layers: int = 1) -> None:
        super().__init__(d_in, d_out, RnnLayer, hidden=hidden, layers=layers)
