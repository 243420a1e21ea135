"""Normalisations of hidden units, by the name that an option `norm` takes."""

from __future__ import annotations

from torch import Tensor, nn


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation of (..., width), over all rows: sequences and timesteps alike."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(0, -2)).view_as(x)


NORMS: dict[str, type[nn.Module]] = {
    "none": nn.Identity, "batch": BatchNorm, "layer": nn.LayerNorm,
}  # fmt: skip
"""Each is made from a width."""
