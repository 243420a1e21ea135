"""What methods share that stand a trace behind an exact window: how much of it they store."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from harness.check import at_least
from harness.episode import Episode
from harness.influence import Local, UnitTrace, blank

Stored: TypeAlias = Literal["float32", "bfloat16"]


class TraceBehind(UnitTrace):
    """A trace of what was before a window, of all sequences or of some, at full size or half.

    Of B sequences the first b = ⌈share B⌉ have a trace. They stand for all, P_b for each of theirs:

        Σ_B ∂L_k/∂h_k P_k ≈ B / b Σ_b ∂L_k/∂h_k P_k

    share: of the sequences that have a trace, above 0 and at most 1
    dtype: of the trace between windows: float32 is that of the weights, bfloat16 is rounded to two
           bytes. Sums over it are made in the dtype of the weights
    """

    share: float = 1.0
    dtype: Stored = "float32"

    def store(self, share: float, dtype: Stored) -> None:
        """Set both; ValueError where the share is none or more than all."""
        at_least(0, share=share)
        if not 0 < share <= 1:
            raise ValueError(f"share must be above 0 and at most 1, got {share!r}")
        self.share, self.dtype = share, dtype

    def traced(self, batch: int) -> int:
        """b, the number of sequences that have a trace."""
        return math.ceil(self.share * batch)

    def begin(self, batch: int) -> None:
        super().begin(self.traced(batch))

    def hold(self, **shapes: tuple[int, ...]) -> None:
        weight = next(iter(self.recurrent_weights().values())).detach()
        self.memory = blank(weight.bfloat16() if self.dtype == "bfloat16" else weight, **shapes)

    def entering(self, window: Episode, h_0: Tensor) -> Tensor:
        """The states that enter its timesteps, (T, b, d_state), of sequences with a trace."""
        b = self.traced(window.batch)
        return self.run(replace(window, x=window.x[:, :b]), h_0[:b])[:-1]

    def exact(self, window: Episode) -> tuple[Tensor, Tensor, Tensor]:
        """One backward pass over a window, whose gradient is left in the weights.

        Return its loss, ∂L_k/∂h_k (B, d_state), and entering().
        """
        h_0 = self.boundary(window).requires_grad_()
        entering = self.entering(window, h_0)
        with torch.enable_grad():
            loss, _ = self.unroll(window, h_0)
            loss.backward()
        assert h_0.grad is not None
        return loss.detach(), h_0.grad, entering

    def spend(self, error: Tensor) -> None:
        b = self.traced(len(error))
        super().spend(len(error) / b * error[:b])

    def age(self, window: Episode, entering: Tensor) -> None:
        """Move the trace over a window."""
        x = window.x[:, : entering.shape[1]]
        local = Local.of(self.layer, self.model.encoded(x), entering)
        self.advance(local, local.through_h(self.layer))
