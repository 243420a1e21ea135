"""Trials for `table1_long`: six a method, the same for each, at a tenth of its budget.

Copy at T = 3 and two seeds. A trial's score is T_task averaged over training, as in `tuning`.
"""

from __future__ import annotations

from itertools import product

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite

SEEDS = range(2)
TIMESTEPS = 150_000
RATES = (1e-3, 3e-3, 1e-2)


class LongTuning(Suite):
    """What each method is like at its best where training is long."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        arms = [
            *(("tbptt(T=3)", lr, clip) for lr, clip in product(RATES, (0.1, 1.0))),
            *((f"sg(T=3, scale={scale})", lr, 1.0) for lr, scale in product(RATES, (0.5, 1.0))),
            *((f"dni(T=3, scale={scale})", lr, 1.0) for lr, scale in product(RATES, (0.5, 0.8))),
        ]
        return [
            RunSpec(
                task="plain_copy(bits=4)", trainer=trainer, lr=lr, clip=clip, seed=seed,
                timesteps=TIMESTEPS,
            )
            for trainer, lr, clip in arms
            for seed in SEEDS
        ]  # fmt: skip
