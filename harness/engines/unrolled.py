"""Recurrent layers over a window in plain operations, which can be traced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from harness.model import Layer
from harness.models.lstm import LstmLayer

Unrolling: TypeAlias = Callable[[Any, Tensor, Tensor], tuple[Tensor, Tensor]]
"""A layer, its input (L, B, d_in) and state (B, d_state) -> outputs (L, B, d_out), and state."""


@contextmanager
def unrolled(module: nn.Module) -> Iterator[None]:
    """Inside this context, no recurrent layer of a module calls torch's fused kernel."""
    layers = [each for each in module.modules() if isinstance(each, Layer)]
    for layer in layers:
        # by the exact type: a subclass may have another cell
        unroll = BY_HAND.get(type(layer), by_the_cell)
        vars(layer)["forward"] = partial(unroll, layer)  # takes precedence over its class's method
    try:
        yield
    finally:
        for layer in layers:
            del vars(layer)["forward"]


def by_the_cell(layer: Layer, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """The cell's own equations, with one input product for all timesteps."""
    out = []
    for driven in layer.driven(x):
        state = layer.next(driven, state)
        out.append(layer.output(state))
    # as in the kernel, the state that leaves is not an output: its gradient is that from beyond
    return torch.stack(out), state.clone()


def lstm(layer: LstmLayer, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """An LSTM layer, its backward pass written by hand."""
    h, c = state.chunk(2, -1)
    out, h, c = _Lstm.apply(x, h, c, *layer.weights())  # type: ignore[no-untyped-call]
    return out, torch.cat([h, c], -1)


BY_HAND: dict[type[Layer], Unrolling] = {LstmLayer: lstm}
"""Layers with a faster way than by_the_cell()."""


class _Lstm(torch.autograd.Function):
    """One layer over a window, with as few matrix products as possible.

    z_t = [h_{t-1}, x_t, 1];  (i, f, g, o)_t = z_t [U, W, b]ᵀ: one product per timestep, and one at
    the end for the gradient of all weights, over all timesteps. z is padded with zeros to a
    multiple of 8 columns: 262 to 264 at H = 256.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b_x: Tensor, b_h: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x (L, B, d_in), h and c (B, H) -> all h (L, B, H), and h and c that leave."""
        rest = -(U.shape[1] + W.shape[1] + 1) % 8
        joined = torch.cat([U.t(), W.t(), (b_x + b_h).unsqueeze(0), x.new_zeros(rest, len(U))])
        one = torch.cat([x.new_ones(x.shape[1], 1), x.new_zeros(x.shape[1], rest)], 1)
        ctx.z, ctx.c, ctx.gates, out = [], [c], [], []
        for x_t in x:
            ctx.z.append(torch.cat([h, x_t, one], 1))
            a, forget, g, o = (ctx.z[-1] @ joined).chunk(4, -1)
            i, f, g, o = a.sigmoid(), forget.sigmoid(), g.tanh(), o.sigmoid()
            c = f * c + i * g
            bounded = c.tanh()
            h = o * bounded
            ctx.c.append(c)
            ctx.gates.append((i, f, g, o, bounded))
            out.append(h)
        ctx.save_for_backward(W, U)
        return torch.stack(out), h.clone(), c.clone()

    @staticmethod
    def backward(ctx: Any, d_out: Tensor, d_h: Tensor, d_c: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of forward's arguments."""
        W, U = ctx.saved_tensors
        H, deltas = U.shape[1], []
        for t in reversed(range(len(ctx.gates))):
            i, f, g, o, bounded = ctx.gates[t]
            d_h = d_h + d_out[t]
            d_c = d_c + d_h * o * (1 - bounded * bounded)
            delta = torch.cat(
                [
                    d_c * g * i * (1 - i),
                    d_c * ctx.c[t] * f * (1 - f),
                    d_c * i * (1 - g * g),
                    d_h * bounded * o * (1 - o),
                ],
                -1,
            )
            deltas.append(delta)
            d_c = d_c * f
            d_h = delta @ U
        all_deltas = torch.cat(deltas[::-1])
        joined = all_deltas.t() @ torch.cat(ctx.z)
        d_U, d_W, d_b = joined[:, :H], joined[:, H : H + W.shape[1]], joined[:, H + W.shape[1]]
        d_x = (all_deltas @ W).view(*d_out.shape[:2], -1) if ctx.needs_input_grad[0] else None
        return d_x, d_h, d_c, d_W, d_U, d_b, d_b
