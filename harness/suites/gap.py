"""The gap in minutes: truncation and DNI side by side at T = 3, with a verdict."""

from __future__ import annotations

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite
from harness.suites.table1_desk import tuned

SEEDS = range(10)
"""Ten: with fewer, a test over seeds alone can decide little."""


class Gap(Suite):
    """`tbptt` and `dni` on copy: about two minutes on two cores."""

    engine = "eager"
    claims = ("dependency",)

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [
            tuned("plain_copy(bits=4)", trainer, seed, 20_000)
            for seed in SEEDS
            for trainer in ("tbptt(T=3)", "dni(T=3)")
        ]
