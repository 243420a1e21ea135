"""The methods whose traces fit a small network only, beside the others on such a network.

An RNN of 16 units, batches of 16, copy tasks of 2 bits, three seeds; every method at one rate, so
that it is a table and no verdict: `rivals` has what fits a larger network, each method tuned.
"""

from __future__ import annotations

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite

SEEDS = range(100, 103)
TASKS = ("plain_copy(bits=2)", "repeat_copy(bits=2)")
METHODS = (
    "bptt", "tbptt(T=3)", "dni(T=3)", "bp_lambda(T=3)", "rtrl", "snap(T=3)", "behind(T=3)",
    "uoro(T=3)", "kf_rtrl", "artbp(T=3)",
)  # fmt: skip


class RivalsSmall(Suite):
    """Exact and low-rank traces, on a network that is small enough."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [
            RunSpec(
                task=task, trainer=trainer, model="rnn(hidden=16)", seed=seed, batch=16,
                timesteps=3_000,
            )
            for seed in SEEDS
            for task in TASKS
            for trainer in METHODS
        ]  # fmt: skip
