"""The paper's Table 1 at a budget at which its effects exist: 500,000 updates at T = 3.

In parts, the most telling first, so that what is stopped early has whole parts: copy at T = 3 at
ten seeds that no tuning saw, the rest at six of them. `--estimate` says how long each part takes,
operation by operation.

All methods run at one rate until `long_tuning` is recorded and says what is theirs.
"""

from __future__ import annotations

from dataclasses import replace

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite
from harness.suites.table1_desk import text

SEEDS, FEWER = range(100, 110), range(100, 106)
TIMESTEPS = 1_500_000
TEXT_TIMESTEPS = 400_000
COPY, REPEAT = "plain_copy(bits=4)", "repeat_copy(bits=4)"
RATE = 3e-3
"""Of the model's Adam."""


def part(task: str, *trainers: str, seeds: range = FEWER) -> list[RunSpec]:
    """One task by some trainers."""
    return [
        RunSpec(task=task, trainer=trainer, seed=seed, timesteps=TIMESTEPS, lr=RATE)
        for trainer in trainers
        for seed in seeds
    ]  # fmt: skip


def published(T: int) -> list[str]:
    """The windowed methods of the paper's table."""
    return [f"{name}(T={T})" for name in ("tbptt", "dni", "sg", "dni_aux")]


def language() -> list[RunSpec]:
    """Text: short windows, and the windows that show what there is to gain."""
    listed = [
        *(f"{name}(T={T}{more})" for T in (2, 5, 8) for name, more in (("tbptt", ""),
          ("dni", ", scale=0.1"))),
        "tbptt(T=20)", "tbptt(T=40)",
    ]  # fmt: skip
    return [
        replace(each, model="lstm(hidden=128)", timesteps=TEXT_TIMESTEPS)
        for each in part(text(), *listed)
    ]


def parts() -> list[list[RunSpec]]:
    """The headline first: copy at T = 3."""
    rivals = ("recomputed(T=3)", "behind(T=3, share=0.25, dtype='bfloat16')", "bptt")
    return [
        part(COPY, *published(3), seeds=SEEDS),
        part(REPEAT, *published(3)),
        *(part(task, *published(T)) for T in (2, 4, 5, 8) for task in (COPY, REPEAT)),
        part(COPY, *rivals),
        part(REPEAT, *rivals),
        language(),
    ]  # fmt: skip


class Table1Long(Suite):
    """Table 1, trained until its effects are there."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [spec for each in parts() for spec in each]
