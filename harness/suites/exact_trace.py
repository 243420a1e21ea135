"""What is to be gained from a better trace behind a window: SnAp-1's, larger ones, an exact one.

`rtrl(T=3)` is `behind(T=3)` with an exact trace: over a window in which the weights are held, both
are the window's own gradient and what the trace adds to it. So it is the limit of every trace that
keeps more of what SnAp-1 drops, as `behind_low` does. Copy, on a network small enough for it; six
seeds, all at one rate.
"""

from __future__ import annotations

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite
from harness.suites.rivals import SEEDS

METHODS = (
    "bptt", "tbptt(T=3)", "behind(T=3)", "behind_low(T=3, rank=1)", "behind_low(T=3, rank=4)",
    "rtrl(T=3)",
)  # fmt: skip


class ExactTrace(Suite):
    """No trace, SnAp-1's, one that keeps more, and an exact one."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [
            RunSpec(
                task="plain_copy(bits=2)", trainer=trainer, model="lstm(hidden=16)", seed=seed,
                batch=16, timesteps=5_000,
            )
            for seed in SEEDS
            for trainer in METHODS
        ]  # fmt: skip
