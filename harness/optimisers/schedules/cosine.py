"""Down from the peak learning rate along half a cosine (Loshchilov & Hutter, 2017)."""

from __future__ import annotations

import math

from harness.check import below_one
from harness.optimiser import Schedule


class Cosine(Schedule):
    """From 1 to `end`: slow, fast, slow.

    warmup: timesteps over which the factor first grows to 1
    end:    the factor when the budget is done
    """

    def __init__(self, budget: int, *, warmup: int = 0, end: float = 0.0) -> None:
        super().__init__(budget, warmup=warmup)
        below_one(end=end)
        self.end = end

    def course(self, share: float) -> float:
        return self.end + (1 - self.end) * (1 + math.cos(math.pi * share)) / 2
