"""The peak learning rate, all the time after the warm-up."""

from __future__ import annotations

from harness.optimiser import Schedule


class Constant(Schedule):
    """1; warmup: timesteps over which the factor first grows to it."""

    def __init__(self, budget: int, *, warmup: int = 0) -> None:
        super().__init__(budget, warmup=warmup)

    def course(self, share: float) -> float:
        return 1.0
