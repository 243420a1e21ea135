"""A control for `dni`: a sequence gets a gradient that was predicted from another one's state.

h_k enters window k; M is the synthesiser. Where `dni` reads M(h_{k+1}), row b of the batch gets

    permuted:  M(h_{k+1}) of row b - 1, from another sequence                          (1)
    averaged:  the mean of M(h_{k+1}) over the batch, the same for every row           (2)

in what is consumed and in M's own target. Sizes, noise and cost are those of `dni`; what is missing
is that a sequence's gradient is predicted from its own state. If `dni` gains by that, it must beat
both; if it gains as any push along the mean gradient would, (2) does as well.

Where all rows are the same, and at a batch of one, both are `dni`.

Differences from the paper: it has no such control; the rest is `dni`.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from harness.model import Model
from harness.synthesiser import SyntheticGradientTrainer
from harness.trainer import Loss


class DniControl(SyntheticGradientTrainer):
    """`dni` with predictions of the wrong sequence, or of none.

    rows:     permuted, row by row, or averaged over the batch
    discount: γ; None: the scale
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        *,
        rows: Literal["permuted", "averaged"] = "permuted",
        discount: float | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(model, loss, **shared)
        self.bootstrap(discount)
        self.rows = rows

    @torch.no_grad()
    def synthetic_gradient(self, state: Tensor) -> Tensor:
        predicted = super().synthetic_gradient(state)
        if self.rows == "permuted":
            return predicted.roll(1, 0)  # (1)
        return predicted.mean(0, keepdim=True).expand_as(predicted)  # (2)
