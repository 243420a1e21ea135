"""What makes the method work: one choice at a time undone, gradients probed on the way.

Bounded input, a linear synthesiser, plain SGD, a scale and a discount below 1: each is undone, at
T = 3 on both copy tasks. About three minutes on two cores.
"""

from __future__ import annotations

from dataclasses import replace

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite
from harness.suites.table1_desk import tuned

VARIANTS = (
    "sg(T=3)",
    "sg(T=3, bounded=False)",
    "dni(T=3)",
    "dni(T=3, bounded=False)",
    "dni(T=3, layers=1)",
    "dni(T=3, scale=1.0)",
    "dni(T=3, discount=1.0)",
    "dni(T=3, lr=0.001, optimiser='adam')",
    "dni(T=3, lr=0.0001, optimiser='adam')",
)


class Ablation(Suite):
    """Two seeds of every variant."""

    figures = ("ablation",)

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [
            replace(tuned(task, trainer, seed, 10_000), probe=200)
            for seed in range(2)
            for task in ("plain_copy(bits=4)", "repeat_copy(bits=4)")
            for trainer in VARIANTS
        ]
