"""What is done for an M that learns too little, and for a trace that is too large, each by itself.

Seeds, tasks and budget are those of `rivals`, so that `dni(T=3)` and `behind(T=3)` are its runs.
"""

from __future__ import annotations

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite
from harness.suites.rivals import learning

VARIANTS = (
    "dni(T=3)",
    "dni_lambda(T=3)",
    "dni_lambda(T=3, lam=0.8)",
    "dni_steady(T=3, average=0.9)",
    "dni_steady(T=3, average=0.9, averaged='consumed')",
    "dni_steady(T=3, replay=8)",
    "dni_steady(T=3, reads='input')",
    "dni_steady(T=3, discount='adaptive')",
    "behind(T=3)",
    "behind(T=3, share=0.5)",
    "behind(T=3, dtype='bfloat16')",
    "behind(T=3, dtype='bfloat16', share=0.25)",
    "both_sides(T=3)",
)


class Remedies(Suite):
    """Every remedy alone, on both copy tasks."""

    claims = ("remedies",)

    def runs(self, registry: Registry) -> list[RunSpec]:
        return learning(VARIANTS)
