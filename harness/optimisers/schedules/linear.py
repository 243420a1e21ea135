"""Down from the peak learning rate in a straight line."""

from __future__ import annotations

from harness.check import below_one
from harness.optimiser import Schedule


class Linear(Schedule):
    """From 1 to `end`, in proportion to the timesteps done.

    warmup: timesteps over which the factor first grows to 1
    end:    the factor when the budget is done
    """

    def __init__(self, budget: int, *, warmup: int = 0, end: float = 0.0) -> None:
        super().__init__(budget, warmup=warmup)
        below_one(end=end)
        self.end = end

    def course(self, share: float) -> float:
        return 1 + share * (self.end - 1)
