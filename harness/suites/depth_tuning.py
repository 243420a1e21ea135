"""The learning rates of `depth`: five for each method, two seeds that `depth` does not use."""

from __future__ import annotations

from dataclasses import replace

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite
from harness.suites import depth

SEEDS = range(2)
RATES = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3)


class DepthTuning(Suite):
    """Backpropagation, DNI and cDNI on six layers."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [
            replace(depth.run(trainer, seed), lr=lr, probe=0)
            for trainer in ("bptt", f"dni_depth({depth.BLIND})", "dni_depth")
            for seed in SEEDS
            for lr in RATES
        ]
