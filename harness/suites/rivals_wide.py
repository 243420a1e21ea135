"""A core four times as wide, on copy: two seeds, a table and no verdict.

LSTM 256 at a rate of 0.001, which was tuned for no method; 20,000 updates of T = 3.
"""

from __future__ import annotations

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite

SEEDS = range(100, 102)
METHODS = ("tbptt(T=3)", "dni(T=3)", "behind(T=3, dtype='bfloat16', share=0.25)")


class RivalsWide(Suite):
    """Truncation, synthetic gradients and a trace at LSTM 256."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [
            RunSpec(
                task="plain_copy(bits=4)", trainer=trainer, model="lstm(hidden=256)", seed=seed,
                lr=1e-3, timesteps=60_000,
            )
            for seed in SEEDS
            for trainer in METHODS
        ]  # fmt: skip
