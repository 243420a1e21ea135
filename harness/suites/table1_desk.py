"""The paper's Table 1 at a size that two cores can afford: every trainer at every T.

Five seeds of the copy tasks, ten of the text: over an hour on two cores. Its
parts can be run as figures: `task_progression` the copy tasks, `char_lm_curves` the text. The text
is Penn Treebank if the data folder holds it, otherwise Python's documentation.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from harness.names.call import Call
from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite, trainers

SEEDS, TEXT_SEEDS = range(5), range(10)
"""Of the copy tasks, whose verdicts pair the seeds of both, and of the text, which is alone."""
COPYING = {"plain_copy(bits=4)": 50_000, "repeat_copy(bits=4)": 30_000}
"""Timesteps; the longer budget where the level rises by one symbol at a time."""

COPYING_T, TEXT_T, TEXT_LONGER_T = (2, 3, 4, 5), (2, 3, 5, 8), (20, 40)
TEXT_TIMESTEPS = 30_000
TEXT_OPTIONS = {
    "sg": {"lr": 0.01, "scale": 0.1},
    "dni": {"scale": 0.1},
    "dni_aux": {"scale": 0.1},
}
"""On text, from the tuning suite; on the copy tasks the defaults."""

TEXT_LONGER = (3e-2, 0.1)
"""lr and clip where windows are long and updates few: what full BPTT was tuned to on text."""
SETTINGS = {"bptt": (1e-2, 0.1)}
"""lr and clip of the model's Adam, by trainer, from the tuning suite; others: (1e-2, 1)."""


def tuned(task: str, trainer: str, seed: int, timesteps: int) -> RunSpec:
    """A run with the setting that its method was tuned to."""
    lr, clip = SETTINGS.get(Call.parse(trainer).name, (1e-2, 1.0))
    return RunSpec(task=task, trainer=trainer, seed=seed, lr=lr, clip=clip, timesteps=timesteps)


def arms(registry: Registry, Ts: tuple[int, ...]) -> list[str]:
    """Every trainer at every T, and those without a T once."""
    return list(dict.fromkeys(trainer for T in Ts for trainer in trainers(registry, T)))


def copying(registry: Registry) -> list[RunSpec]:
    """Both copy tasks."""
    return [
        tuned(task, trainer, seed, timesteps)
        for seed in SEEDS
        for task, timesteps in COPYING.items()
        for trainer in arms(registry, COPYING_T)
    ]


def text() -> str:
    """The call of char_lm: on Penn Treebank if the data folder holds it."""
    here = Path(os.environ.get("SGBENCH_DATA", ""), "ptb").is_dir()
    return f"char_lm(corpus={'ptb' if here else 'pydoc'!r}, length=40)"


def language(registry: Registry) -> list[RunSpec]:
    """Language modelling; at longer windows, truncation only."""
    # bptt is tbptt(T=40) here: a stretch is 40 characters long
    listed = [on_text(each) for each in arms(registry, TEXT_T) if each != "bptt"]
    lr, clip = TEXT_LONGER
    return [
        spec
        for seed in TEXT_SEEDS
        for spec in (
            *(tuned(text(), trainer, seed, TEXT_TIMESTEPS) for trainer in listed),
            *(replace(tuned(text(), f"tbptt(T={T})", seed, TEXT_TIMESTEPS), lr=lr, clip=clip)
              for T in TEXT_LONGER_T),
        )
    ]  # fmt: skip


def on_text(trainer: str) -> str:
    """The trainer as it was tuned on text."""
    call = Call.parse(trainer)
    return str(Call(call.name, {**call.options, **TEXT_OPTIONS.get(call.name, {})}))


class Table1Desk(Suite):
    """Table 1, at desk scale."""

    engine = "eager"
    figures = ("table1", "task_progression", "char_lm_curves")

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [*copying(registry), *language(registry)]
