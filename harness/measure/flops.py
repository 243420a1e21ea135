"""Floating-point operations of what torch's counter counts as zero.

Counted as torch counts a matrix product: 2 per multiply-accumulate, products only.

Fused recurrent kernels: a layer with G gates multiplies (B, d_in) and (B, H) by the weights of
G·H units at every timestep; backward, the same again for the gradient of its inputs and for that
of its weights. addcmul: the multiply-accumulate of each element, which is what moving a trace on
consists of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from harness.compat import torch_internals

Shape = Sequence[int]
aten = torch.ops.aten


def flop_counter() -> FlopCounterMode:
    """A counter that sees nn.LSTM, nn.GRU and nn.RNN on CPU and CUDA, both ways, and addcmul."""
    return torch_internals.as_a_whole(FlopCounterMode(display=False, custom_mapping=FORMULAS))


def layer_flops(L: int, B: int, d_in: int, hidden: int, gates: int) -> int:
    """Forward through one layer over L timesteps of B sequences."""
    return 2 * L * B * gates * hidden * (d_in + hidden)


def _mkldnn_forward(x: Shape, weight: Shape, *rest: Any, **kwargs: Any) -> int:
    L, B, d_in = x
    return 2 * L * B * weight[0] * (d_in + weight[0] // 4)  # weight: (4 hidden, d_in)


def _mkldnn_backward(x: Shape, weight: Shape, *rest: Any, **kwargs: Any) -> int:
    return 2 * _mkldnn_forward(x, weight)


# cuDNN's mode: 0 and 1 a plain network, 2 an LSTM, 3 a GRU.
_GATES = {0: 1, 1: 1, 2: 4, 3: 3}


def _cudnn_layers(x: Shape, hidden: int, layers: int, mode: int) -> int:
    L, B, d_in = x
    return sum(
        layer_flops(L, B, d_in if layer == 0 else hidden, hidden, _GATES[mode])
        for layer in range(layers)
    )


def _cudnn_forward(
    x: Shape, weight: Any, stride: int, buf: Any, hx: Shape, cx: Any, mode: int,
    hidden: int, proj: int, layers: int, *rest: Any, **kwargs: Any,
) -> int:  # fmt: skip
    return _cudnn_layers(x, hidden, layers, mode)


def _cudnn_backward(
    x: Shape, weight: Any, stride: int, buf: Any, hx: Shape, cx: Any, out: Any,
    grad_out: Any, grad_hy: Any, grad_cy: Any, mode: int, hidden: int, proj: int, layers: int,
    *rest: Any, **kwargs: Any,
) -> int:  # fmt: skip
    return 2 * _cudnn_layers(x, hidden, layers, mode)


def _addcmul(*shapes: Any, out_shape: Shape, **kwargs: Any) -> int:
    return 2 * math.prod(out_shape)


FORMULAS: dict[Any, Callable[..., int]] = {
    aten.mkldnn_rnn_layer: _mkldnn_forward,
    aten.mkldnn_rnn_layer_backward: _mkldnn_backward,
    aten._cudnn_rnn: _cudnn_forward,
    aten._cudnn_rnn_backward: _cudnn_backward,
    aten.addcmul: _addcmul,
    aten.addcmul_: _addcmul,
}
