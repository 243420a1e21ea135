"""A feed-forward network: every timestep by itself, no state."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from harness.model import Model, Stage, Stateless


class FeedForward(Model):
    """Hidden layers of tanh units and a linear read-out."""

    def __init__(self, d_in: int, d_out: int, *, width: int = 16, depth: int = 1) -> None:
        super().__init__(d_in, d_out)
        bodies = [
            Stateless(below, above, nn.Sequential(nn.Linear(below, above), nn.Tanh()))
            for below, above in pairwise([d_in, *[width] * depth])
        ]
        top = width if depth else d_in
        self.layers = nn.ModuleList([*bodies, Stateless(top, d_out, nn.Linear(top, d_out))])

    def stages(self) -> list[Stage]:
        return list(self.layers)  # type: ignore[arg-type]
