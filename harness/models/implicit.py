"""A feed-forward network whose last hidden layer is an equilibrium, solved by iteration.

h_k = ReLU(norm(W_k h_{k-1} + b_k)), k = 1 … layers;  y = V z + b, with z the equilibrium

    z = tanh(A z + U h_layers + c), by z ← tanh(A z + …) from 0                          (1)
    u = ∂L/∂z + u J,  J = ∂ tanh(A z + …)/∂z, by u ← ∂L/∂z + u J from ∂L/∂z              (2)
    ∂L/∂(A z + …) = u (1 - z²)                                                           (3)

Deep equilibrium models (Bai et al., 2019). The backward pass solves an equation of its own, (2).
Each of its iterations costs what one of (1) does, so that the backward pass is as much dearer than
the forward pass as one likes. A starts at half of the usual size, so that both iterations contract.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from harness.check import at_least
from harness.model import Stateless
from harness.models._feed_forward import FeedForward, connected


class Implicit(FeedForward):
    """Hidden layers, each a stage; the equilibrium, a stage; a linear read-out, the last.

    layers:   hidden layers below the equilibrium, of `hidden` ReLU units as in mlp
    forward, backward: iterations of (1) and of (2)
    """

    def __init__(
        self, d_in: int, d_out: int, *, layers: int = 2, hidden: int = 256, norm: str = "batch",
        forward: int = 4, backward: int = 16,
    ) -> None:  # fmt: skip
        at_least(1, forward=forward)
        at_least(0, backward=backward)
        below = connected(d_in, layers=layers, hidden=hidden, norm=norm)
        equilibrium = Stateless(hidden, hidden, Equilibrium(hidden, forward, backward))
        super().__init__(d_in, d_out, [*below, equilibrium])


class Equilibrium(nn.Module):
    """h (..., width) -> z (..., width), equations (1) to (3)."""

    def __init__(self, width: int, forward: int, backward: int) -> None:
        super().__init__()
        self.driven, self.A = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        with torch.no_grad():
            self.A.weight.mul_(0.5)
        self.iterations = forward, backward

    def forward(self, h: Tensor) -> Tensor:
        z: Tensor = _Solved.apply(self.driven(h), self.A.weight, *self.iterations)  # type: ignore[no-untyped-call]
        return z


class _Solved(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, driven: Tensor, A: Tensor, forward: int, backward: int) -> Tensor:
        z = torch.zeros_like(driven)
        for _ in range(forward):
            z = (z @ A.t() + driven).tanh()  # (1)
        ctx.save_for_backward(z, A)
        ctx.iterations = backward
        return z

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        z, A = ctx.saved_tensors
        slope, u = 1 - z * z, gradient
        for _ in range(ctx.iterations):
            u = gradient + (u * slope) @ A  # (2)
        delta = u * slope  # (3)
        return delta, delta.flatten(0, -2).t() @ z.flatten(0, -2), None, None
