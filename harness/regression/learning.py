"""What is learned in a small budget, at fixed seeds: copy at T = 3, where two symbols need more.

Equal code and seeds give equal bits on one machine. On another, rounding errors grow into a
different course of training: with SSE4 kernels instead of AVX-512, or initial weights off by 1e-6,
the mean difference over these six seeds was up to 0.08 bits [-0.01, 0.15] (tbptt), 0.03
[-0.09, 0.01] (sg, dni) and 20 timesteps [-62, 2] to the first level. The thresholds lie beyond
those intervals; a synthesiser that does not learn costs 0.3 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from harness.registry import Registry
from harness.regression.reading import Chosen, Reading, attempt
from harness.regression.subjects import TRAINERS
from harness.runs.evaluate import evaluate
from harness.runs.run import Moment, Run
from harness.spec import RunSpec
from harness.task import Task

SEEDS = 6
TIMESTEPS = 1_500
LEARNERS = ("tbptt", "sg", "dni")
TASK = "plain_copy(bits=4)"
TEST = "plain_copy(bits=4, protocol='reset', start=2)"
ROWS = 256
TOLERANCES = {"solved": 120.0, "tbptt/bits": 0.25, "sg/bits": 0.15, "dni/bits": 0.15}
"""By the end of the figure's name: timesteps; bits per output bit."""


def measure(chosen: Chosen) -> Iterator[Reading]:
    """For each trainer, one value per seed.

    bits:   at the end, per output bit, on fixed episodes of N = 2
    solved: timesteps until N = 1 was solved; the budget where it was not
    """
    registry = Registry()
    for trainer in LEARNERS:
        if chosen(name := f"learning/{trainer}"):
            names = [f"{name}/bits", f"{name}/solved"]
            yield from attempt(names, partial(_parts, registry, TRAINERS[trainer]))


def _parts(registry: Registry, trainer: str) -> list[list[float]]:
    specs = [
        RunSpec(task=TASK, trainer=trainer, seed=seed, timesteps=TIMESTEPS) for seed in range(SEEDS)
    ]
    test = registry.make("task", TEST)
    found = [_learned(Run(spec, registry), test) for spec in specs]
    return [[bits for bits, _ in found], [solved for _, solved in found]]


def _learned(run: Run, test: Task) -> tuple[float, float]:
    solved = TIMESTEPS
    for moment, _ in run.lessons():
        if moment is Moment.LEARNT and run.task.progress()["level_n"]:
            solved = min(solved, run.done["timesteps"])
    asked = next(test.episodes(ROWS, torch.Generator().manual_seed(0), 1))
    return round(evaluate(run.model, test, iter([asked]))["bits"], 6), solved
