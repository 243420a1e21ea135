"""Traces beside what they replace, by width and batch, in equal seconds; copy, run eagerly.

At the rates of `rivals`, which were tuned at LSTM 64 and batch 32 only.
"""

from __future__ import annotations

from harness.names.call import Call
from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite
from harness.suites.rivals import SETTINGS
from harness.suites.trace_sizes import METHODS, WIDTHS

SEEDS = range(100, 103)
BATCHES = (8, 32)
TIMESTEPS = 20_000


class RivalsSizes(Suite):
    """Seconds by width, batch and level."""

    engine = "eager"
    figures = ("level_seconds",)

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [
            RunSpec(
                task="plain_copy(bits=4)", trainer=trainer, model=f"lstm(hidden={width})",
                batch=batch, seed=seed, timesteps=TIMESTEPS, lr=lr, clip=clip,
            )
            for seed in SEEDS
            for width in WIDTHS
            for batch in BATCHES
            for trainer in METHODS
            for lr, clip in [SETTINGS.get(Call.parse(trainer).name, (1e-2, 1.0))]
        ]  # fmt: skip
