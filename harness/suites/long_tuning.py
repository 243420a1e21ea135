"""Trials for `table1_long`, at half of its budget.

Copy at T = 3, two seeds, nineteen trials for every method; on copy at other windows and on repeat
copy at T = 3 eight, of truncation at T = 2 nine; λ-returns on copy at T = 3 alone, recomputation
and `behind` eight trials there. Truncation and `dni` by six rates each at twice the width and under
a cosine, by five each at four times the width, on both tasks. Text at T = 2, 8 and 40, a seed, nine
or ten.
A trial's score is T_task averaged over training, as in `tuning`; on text the best validation.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite
from harness.suites.table1_desk import text
from harness.suites.table1_long import COPY, REPEAT

SEEDS = range(2)
TIMESTEPS, TEXT_TIMESTEPS = 150_000, 100_000
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
TEXT_RATES = (1e-3, 3e-3, 1e-2, 3e-2)
CLIPS = (0.1, 1.0, 10.0)
SCALES, TEXT_SCALES = (0.5, 0.8, 1.0), (0.1, 0.5, 1.0)

WIDER: dict[str, Any] = {"model": "lstm(hidden=128)"}
WIDEST: dict[str, Any] = {"model": "lstm(hidden=256)"}
FALLING: dict[str, Any] = {"schedule": "cosine"}

Arm = tuple[str, float, float]
"""A trainer, the rate of the model's Adam, and where its gradient is clipped."""


def copying() -> list[Arm]:
    """Truncation by its clipping, the methods that predict by their scale."""
    return [
        *(("tbptt(T=3)", lr, clip) for lr, clip in product(RATES, CLIPS)),
        *((f"{name}(T=3, scale={scale})", lr, 1.0) for name in ("sg", "dni")
          for lr, scale in product(RATES, SCALES)),
        ("tbptt(T=3)", 3e-4, 0.03),
        *((f"{name}(T=3, scale=0.9)", 1e-2, 1.0) for name in ("sg", "dni")),
    ]  # fmt: skip


def elsewhere(T: int, *methods: str) -> list[Arm]:
    """Eight a method, at another window or on another task."""
    low = RATES[1:3]
    arms: list[Arm] = []
    for method in methods or ("tbptt", "dni", "sg"):
        if method == "tbptt":
            arms += [(f"tbptt(T={T})", lr, 1.0) for lr in RATES]
            arms += [(f"tbptt(T={T})", lr, 0.1) for lr in low]
        else:
            arms += [(f"{method}(T={T}, scale=0.8)", lr, 1.0) for lr in RATES]
            arms += [(f"{method}(T={T}, scale=0.5)", lr, 1.0) for lr in low]
    return arms


def returns() -> list[Arm]:
    """λ-returns at λ = 1: by rate, block and scale."""
    tried = [
        *product(RATES[2:5], (4, 8), (0.8, 1.0)),
        *product(RATES[2:5], (16,), (0.8,)),
        *product(RATES[2:4], (16,), (1.0,)),
        *product(RATES[3:4], (8, 16), (0.9,)),
    ]
    return [(f"dni_lambda(T=3, K={K}, scale={scale})", lr, 1.0) for lr, K, scale in tried]


def rivals() -> list[Arm]:
    """Eight each for recomputation and for a trace: the six rates, two at another clipping."""
    trace = "behind(T=3, dtype='bfloat16', share=0.25)"
    return [
        *(("recomputed(T=3)", lr, 0.1) for lr in RATES),
        *(("recomputed(T=3)", lr, 1.0) for lr in RATES[3:5]),
        *((trace, lr, 1.0) for lr in RATES),
        *((trace, lr, 0.1) for lr in RATES[3:5]),
    ]


def changed() -> list[tuple[dict[str, Any], Arm]]:
    """Truncation and `dni` by rate: in wider networks, and where the rate falls to nothing."""
    arms = {
        T: [
            *((f"tbptt(T={T})", lr, clip) for lr in RATES),
            *((f"dni(T={T}, scale=0.8)", lr, 1.0) for lr in RATES),
        ]
        for T, clip in ((3, 0.1), (5, 1.0))
    }
    return [
        *((WIDER, arm) for arm in arms[3]),
        *((FALLING, arm) for arm in arms[3]),
        *((WIDER, arm) for arm in arms[5]),
    ]


def widest() -> list[Arm]:
    """The same at T = 3 in the widest network, around its lower rates."""
    return [
        *(("tbptt(T=3)", lr, 0.1) for lr in (3e-5, *RATES[:4])),
        *(("dni(T=3, scale=0.8)", lr, 1.0) for lr in RATES[:5]),
    ]


def language() -> list[Arm]:
    """Likewise on text, with three rates: at T = 40, where updates are few, the larger three."""
    return [
        *((f"tbptt(T={T})", lr, clip) for T in (2, 8)
          for lr, clip in product(TEXT_RATES[:3], CLIPS)),
        *(("tbptt(T=40)", lr, clip) for lr, clip in product(TEXT_RATES[1:], CLIPS)),
        ("tbptt(T=40)", 1e-2, 0.03),
        *((f"dni(T={T}, scale={scale})", lr, 1.0)
          for T in (2, 8) for lr, scale in product(TEXT_RATES[:3], TEXT_SCALES)),
    ]  # fmt: skip


class LongTuning(Suite):
    """What each method is like at its best where training is long."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [
            *(RunSpec(task=task, trainer=trainer, lr=lr, clip=clip, seed=seed, timesteps=TIMESTEPS)
              for task, arms in (
                  (COPY, copying()), (COPY, returns()),
                  (COPY, elsewhere(8)), (REPEAT, elsewhere(3)), (COPY, elsewhere(5)),
                  (COPY, [*elsewhere(2), ("tbptt(T=2)", 3e-5, 1.0)]), (COPY, elsewhere(4)),
                  (COPY, elsewhere(16, "tbptt")), (COPY, rivals()),
              )
              for trainer, lr, clip in arms for seed in SEEDS),
            *(RunSpec(task=COPY, trainer=trainer, lr=lr, clip=clip, seed=seed, timesteps=TIMESTEPS,
                      **change)
              for change, (trainer, lr, clip) in changed() for seed in SEEDS),
            *(RunSpec(task=task, trainer=trainer, lr=lr, clip=clip, seed=seed, timesteps=TIMESTEPS,
                      **WIDEST)
              for task in (COPY, REPEAT) for trainer, lr, clip in widest() for seed in SEEDS),
            *(RunSpec(task=text(), trainer=trainer, lr=lr, clip=clip, model="lstm(hidden=128)",
                      timesteps=TEXT_TIMESTEPS)
              for trainer, lr, clip in language()),
        ]  # fmt: skip
