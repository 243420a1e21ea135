"""What the methods of `rivals` that are not in `tuning` are tuned to: four rates each, two seeds.

The budget of `rivals`, on seeds that it does not use. `uoro` was best at the lowest rate, and has
two lower ones besides. `recomputed` is left out: its gradient is that of `bptt`, whose setting it
takes.
"""

from __future__ import annotations

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite

SEEDS = range(2)
TASKS = ("plain_copy(bits=4)", "repeat_copy(bits=4)")
METHODS = ("tbptt(T=3, every=1)", "snap(T=3)", "behind(T=3)", "artbp(T=3)", "uoro(T=3)")
RATES = (3e-3, 1e-2, 3e-2, 1e-1)
LOWER = {"uoro(T=3)": (3e-4, 1e-3)}
TIMESTEPS = 10_000


class RivalsTuning(Suite):
    """The learning rate of every rival."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [
            RunSpec(task=task, trainer=trainer, lr=lr, seed=seed, timesteps=TIMESTEPS)
            for trainer in METHODS
            for seed in SEEDS
            for task in TASKS
            for lr in (*LOWER.get(trainer, ()), *RATES)
        ]
