"""A feed-forward network of convolutions over a square image of one channel; no state.

h_k = pool(ReLU(norm(W_k * h_{k-1} + b_k))), k = 1 … layers, kernels of 3 × 3, padded to keep the
size; pool takes the largest of 2 × 2 in the first two layers, while the side is even;
y = W h_layers + b. Activations (..., width) are images laid flat.
"""

from __future__ import annotations

from math import isqrt

from torch import Tensor, nn

from harness.check import at_least, one_of
from harness.model import Stage, Stateless
from harness.models._feed_forward import FeedForward
from harness.task import Task

POOLED = 2
"""The first layers, which halve the side of the image."""


class Convolution(nn.Module):
    """One convolution with its norm, units and pooling: flat images (..., in) to (..., out)."""

    def __init__(self, below: int, above: int, side: int, *, norm: str, pool: bool) -> None:
        super().__init__()
        self.shape = below, side, side
        norms = {
            "none": nn.Identity(), "batch": nn.BatchNorm2d(above), "layer": nn.GroupNorm(1, above),
        }  # fmt: skip
        pooling = [nn.MaxPool2d(2)] if pool else []
        self.body = nn.Sequential(
            nn.Conv2d(below, above, 3, padding=1), norms[norm], nn.ReLU(), *pooling
        )

    def forward(self, x: Tensor) -> Tensor:
        images: Tensor = self.body(x.reshape(-1, *self.shape))
        return images.view(*x.shape[:-1], -1)


class Cnn(FeedForward):
    """Convolutions, each a stage, and a linear read-out, the last stage.

    layers: convolutions, of `channels` each
    norm:   of what enters the units: "none", "batch" or "layer" (over all of an image)
    """

    def __init__(
        self, d_in: int, d_out: int, *, layers: int = 2, channels: int = 16, norm: str = "batch"
    ) -> None:
        at_least(1, layers=layers, channels=channels)
        one_of(["none", "batch", "layer"], norm=norm)
        side = isqrt(d_in)
        convolutions: list[Stage] = []
        width, below = d_in, 1
        for k in range(layers):
            pool = k < POOLED and side % 2 == 0
            body = Convolution(below, channels, side, norm=norm, pool=pool)
            side, below = side // 2 if pool else side, channels
            convolutions.append(Stateless(width, channels * side * side, body))
            width = channels * side * side
        super().__init__(d_in, d_out, convolutions)

    @classmethod
    def suits(cls, task: Task) -> str:
        square = isqrt(task.d_in) ** 2 == task.d_in
        return super().suits(task) or (
            "" if square else f"it reads square images; {task.d_in} inputs are none"
        )
