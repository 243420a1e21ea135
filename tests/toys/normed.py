"""A network that keeps running statistics beside its weights: batch normalisation over all rows."""

from __future__ import annotations

from torch import Tensor, nn

from harness.model import Model, Stage, Stateless


class Rows(nn.BatchNorm1d):
    """Normalise (L, B, width) over timesteps and sequences alike."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(0, -2)).view_as(x)


class Normed(Model):
    """One hidden layer of ReLU units, normalised, and a linear read-out."""

    def __init__(self, d_in: int, d_out: int, *, width: int = 16) -> None:
        super().__init__(d_in, d_out)
        hidden = nn.Sequential(nn.Linear(d_in, width), Rows(width), nn.ReLU())
        self.layers = nn.ModuleList(
            [Stateless(d_in, width, hidden), Stateless(width, d_out, nn.Linear(width, d_out))]
        )

    def stages(self) -> list[Stage]:
        return list(self.layers)  # type: ignore[arg-type]
