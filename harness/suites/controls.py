"""What of `dni` helps, and where: controls on both copy tasks, six seeds that no tuning saw.

- Predictions that go to the wrong sequence, or are averaged: is it what the state predicts?
- `sg` and `dni` at equal scales: is it the bootstrap?
- Protocols between stream and reset, a step at a time: what makes the gap?
- Windows up to 16 timesteps, and truncation at every window between: is there a gap left?

LSTM 64, batch 32, 4 bits, each method at the learning rate of `tuning`.
"""

from __future__ import annotations

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite
from harness.suites.table1_desk import COPYING, tuned

SEEDS = range(100, 106)
TIMESTEPS = 20_000
PROTOCOLS = ("stream", "in_phase", "carried", "reset")
BESIDE = (
    "tbptt(T=3)", "dni(T=3)", "dni(T=3, scale=1.0)", "sg(T=3)", "sg(T=3, scale=0.5)",
    "dni_control(T=3)", "dni_control(T=3, rows='averaged')",
)  # fmt: skip
WINDOWS = (
    *(f"tbptt(T={T})" for T in (3, 4, 5, 6, 7, 8, 10, 12, 16)),
    *(f"dni(T={T})" for T in (3, 5, 8, 12, 16)),
)


def beside() -> list[RunSpec]:
    """Controls beside what they control."""
    return [
        tuned(task, trainer, seed, TIMESTEPS)
        for seed in SEEDS
        for task in COPYING
        for trainer in BESIDE
    ]


def protocols() -> list[RunSpec]:
    """Truncation and `dni` from one protocol to the other."""
    return [
        tuned(task.replace(")", f", protocol={protocol!r})"), trainer, seed, TIMESTEPS)
        for seed in SEEDS
        for task in COPYING
        for protocol in PROTOCOLS[1:]
        for trainer in ("tbptt(T=3)", "dni(T=3)")
    ]


def windows() -> list[RunSpec]:
    """Longer windows, at the budgets of `table1_desk`."""
    return [
        tuned(task, trainer, seed, timesteps)
        for seed in SEEDS
        for task, timesteps in COPYING.items()
        for trainer in WINDOWS
    ]


class Controls(Suite):
    """Why does `dni` help where it does?"""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [*beside(), *protocols(), *windows()]
