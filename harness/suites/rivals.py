"""Every way to learn across the cut, side by side on both copy tasks: six seeds that no tuning saw.

At T = 3, each method at the rate that `rivals_tuning` or `tuning` found for it; truncation also at
longer windows, since what a rival spends on a trace could buy them. Then what one episode of
growing length takes in memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.names.call import Call
from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite

SEEDS = range(100, 106)
TASKS = ("plain_copy(bits=4)", "repeat_copy(bits=4)")
TIMESTEPS = 10_000
METHODS = (
    "bptt", "recomputed(T=2)", "recomputed(T=3)",
    "tbptt(T=3)", "tbptt(T=3, every=1)", "tbptt(T=4)", "tbptt(T=8)",
    "sg(T=3)", "dni(T=3)", "dni_aux(T=3)",
    "snap(T=3)", "behind(T=3)", "artbp(T=3)", "uoro(T=3)",
)  # fmt: skip
SETTINGS = {
    "bptt": (1e-2, 0.1), "recomputed": (1e-2, 0.1), "snap": (3e-2, 1.0), "uoro": (3e-3, 1.0),
}  # fmt: skip
"""lr and clip of the model's Adam, by trainer; others: (1e-2, 1)."""

EPISODE_SYMBOLS = (4, 16, 64, 256, 1024)
MEMORY = ("bptt", "recomputed(T=3)", "tbptt(T=3)", "dni(T=3)", "snap(T=3)", "behind(T=3)")


def learning(methods: Sequence[str] = METHODS, timesteps: int = TIMESTEPS) -> list[RunSpec]:
    """Both copy tasks, by every method at its own rate."""
    return [
        RunSpec(task=task, trainer=trainer, seed=seed, timesteps=timesteps, lr=lr, clip=clip)
        for seed in SEEDS
        for task in TASKS
        for trainer in methods
        for lr, clip in [SETTINGS.get(Call.parse(trainer).name, (1e-2, 1.0))]
    ]


def episode_lengths() -> list[RunSpec]:
    """One episode each, of growing length: the memory that it takes."""
    return [
        RunSpec(
            task=f"plain_copy(bits=4, protocol='reset', start={n})", trainer=trainer, timesteps=1
        )
        for n in EPISODE_SYMBOLS
        for trainer in MEMORY
    ]


class Rivals(Suite):
    """Every way to learn across the cut."""

    engine = "eager"
    figures = ("frontier", "trace_bytes")
    claims = ("same_memory", "same_seconds_eager", "same_data")

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [*learning(), *episode_lengths()]
