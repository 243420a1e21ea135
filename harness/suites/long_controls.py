"""What the gap of long training depends on: protocol, rates, warm-up, updates, width, schedule.

Copy and repeat copy at T = 3, `sg` at T = 8, at the settings of `table1_long`, one of them changed
at a time, on its seeds: the runs that are not changed are its own. Then truncation on copy towards
the paper's settings, where it has T_task 8.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite
from harness.suites.long_tuning import FALLING, WIDER, WIDEST
from harness.suites.table1_long import COPY, FEWER, REPEAT, TIMESTEPS, both, part

METHODS = ("tbptt", "dni")
LARGER = 3e-3
"""The rate that suits truncation at T = 8, ten times that of T = 3."""
SMALLER = {3: 1e-4, 4: 1e-4, 5: 3e-4}
"""For truncation by T: a rate that ends as high in the trials, or higher, though later."""
BEGINNING = {"tbptt": 3e-4, "dni": 3e-3}
"""The rate from which a falling one begins, by method."""
WIDEST_RATES = {
    COPY: {"tbptt": 1e-4, "dni": 1e-3},
    REPEAT: {"tbptt": 3e-4, "dni": 1e-3},
}
"""At LSTM 256, by task and method."""
STEEPER = 3e-2
"""The highest rate of any trial."""
WARM_UPS = (TIMESTEPS // 10, 4 * TIMESTEPS // 10)
"""Timesteps, as shares of the budget those of the suite `claims`."""
UPDATES = 500_000
READ_OUT, READ_OUTS = 1.0, (1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0)
"""For a network that stays as it was drawn: the best rate, and all that were tried."""

PUBLISHED_RATE, PUBLISHED_SEEDS = 7e-5, range(100, 103)
PUBLISHED: tuple[dict[str, Any], ...] = (
    {}, {"model": "lstm(hidden=64, forget_bias=1)"}, {"task": "plain_copy(bits=4, threshold=0.3)"},
    {"task": "plain_copy(bits=1)"},
    {"model": "lstm(hidden=64, forget_bias=1)", "task": "plain_copy(bits=1, threshold=0.3)"},
    {"model": "lstm(hidden=256)"}, {"batch": 256},
)  # fmt: skip
"""What else may differ from the settings here, besides the rate, which is the paper's.

The error counts the symbols that are scored; 0.3 bits of it are 0.15 over all timesteps.
"""
TOGETHER: dict[str, Any] = {
    "model": "lstm(hidden=256, forget_bias=1)", "batch": 256,
    "task": "plain_copy(bits=1, threshold=0.3)",
}  # fmt: skip
PUBLISHED_UPDATES = 2_500_000


def unchanged(*methods: str) -> list[RunSpec]:
    """The runs of `table1_long`."""
    return both(3, *(methods or METHODS), seeds=FEWER)


def reset() -> list[RunSpec]:
    """Every episode begins at state zero."""
    return [
        replace(spec, task=spec.task.replace(")", ", protocol='reset')")) for spec in unchanged()
    ]


def wider(T: int) -> list[RunSpec]:
    """A network of twice the width, whose trials, on copy, choose the same rates."""
    return [replace(spec, **WIDER) for spec in both(T, *METHODS, seeds=FEWER)]


def widest() -> list[RunSpec]:
    """As wide as the paper's network, at the rates that its trials choose."""
    return [
        replace(spec, lr=WIDEST_RATES[spec.task][name], **WIDEST)
        for name in METHODS
        for spec in unchanged(name)
    ]


def falling() -> list[RunSpec]:
    """The model's rate falls to nothing along a cosine, from the one that its trials choose."""
    return [
        replace(spec, lr=rate, **FALLING)
        for name, rate in BEGINNING.items()
        for spec in unchanged(name)
    ]


def faster() -> list[RunSpec]:
    """Truncation at a larger learning rate."""
    return [replace(spec, lr=LARGER, clip=1.0) for spec in unchanged("tbptt")]


def slower() -> list[RunSpec]:
    """Truncation on copy at a smaller rate."""
    return [
        replace(spec, lr=rate) for T, rate in SMALLER.items() for spec in part(COPY, T, "tbptt")
    ]


def returns() -> list[RunSpec]:
    """`dni_lambda` on copy."""
    return part(COPY, 3, "dni_lambda")


def without_returns() -> list[RunSpec]:
    """The same at λ = 0: targets of `dni`, still regressed on by blocks."""
    return [replace(spec, trainer=spec.trainer.replace(")", ", lam=0.0)")) for spec in returns()]


def steeper() -> list[RunSpec]:
    """`sg` at T = 8 at the rate of its best trial, which was of copy."""
    return [replace(spec, lr=STEEPER) for spec in both(8, "sg")]


def warmed(W: int) -> list[RunSpec]:
    """`dni` after a warm-up of W timesteps; a long one, whose episodes are long, on copy alone."""
    specs = unchanged("dni") if WARM_UPS[0] == W else part(COPY, 3, "dni")
    return [replace(spec, trainer=spec.trainer.replace(")", f", warmup={W})")) for spec in specs]


def longer() -> list[RunSpec]:
    """Five times as long, on copy."""
    specs = part(COPY, 3, *METHODS)
    return [replace(spec, timesteps=3 * UPDATES) for spec in specs]


def untrained(rate: float) -> list[RunSpec]:
    """The read-out alone, by its rate: what an untrained network holds."""
    return [
        replace(spec, trainer="reservoir(T=3)", lr=rate, clip=1.0) for spec in unchanged("tbptt")
    ]


def untrained_wide() -> list[RunSpec]:
    """The same on copy, as wide as the paper's network, at the best rate and the next lower."""
    return [
        replace(spec, model="lstm(hidden=256)")
        for rate in READ_OUTS[3:5]
        for spec in untrained(rate)
        if spec.task == COPY and spec.seed in PUBLISHED_SEEDS
    ]


def published() -> list[RunSpec]:
    """Truncation on copy at the paper's rate, twice as long."""
    return [
        replace(spec, lr=PUBLISHED_RATE, clip=1.0, timesteps=2 * TIMESTEPS, **other)
        for spec in part(COPY, 3, "tbptt", seeds=PUBLISHED_SEEDS)
        for other in PUBLISHED
    ]


def published_together() -> list[RunSpec]:
    """All of that at once, for as many timesteps as `table1_long`."""
    return [
        replace(spec, lr=PUBLISHED_RATE, clip=1.0, **TOGETHER)
        for spec in part(COPY, 3, "tbptt", seeds=PUBLISHED_SEEDS)
    ]


def published_updates() -> list[RunSpec]:
    """The paper's rate and number of updates; at one seed with symbols of one bit, too."""
    wide = part(COPY, 3, "tbptt", seeds=PUBLISHED_SEEDS)
    return [
        replace(spec, lr=PUBLISHED_RATE, clip=1.0, timesteps=3 * PUBLISHED_UPDATES)
        for spec in (*wide, replace(wide[0], task="plain_copy(bits=1)"))
    ]


class LongControls(Suite):
    """One thing changed at a time where training is long."""

    claims = ("long_controls",)

    def runs(self, registry: Registry) -> list[RunSpec]:
        after = [spec for W in WARM_UPS for spec in warmed(W)]
        untrained_by_rate = [spec for rate in READ_OUTS for spec in untrained(rate)]
        return [*unchanged(), *reset(), *wider(3), *wider(5), *widest(), *falling(), *faster(),
                *slower(), *steeper(), *after, *longer(), *returns(), *without_returns(),
                *published(), *published_updates(), *untrained_by_rate, *untrained_wide(),
                *published_together(),
                ]  # fmt: skip
