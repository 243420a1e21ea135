"""Losses along a short training of every trainer on every task, one thread, float32.

They are compared with a relative tolerance of 1e-4. Over these 360 timesteps the same code with
other kernels (SSE4, AVX2, and AVX-512 with MKL's compatible products, instead of AVX-512)
differed by at most 6.5e-7; a synthesiser that does not learn, or does not bootstrap, differs by
1e-2.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from harness.registry import Registry
from harness.regression.reading import Chosen, Reading, attempt
from harness.regression.subjects import TRAINERS, tasks
from harness.runs.run import Moment, Run
from harness.spec import RunSpec

TIMESTEPS = 360
TOLERANCE = 1e-4


def measure(chosen: Chosen) -> Iterator[Reading]:
    """The loss of every episode, in the task's unit."""
    registry = Registry()
    with tasks() as calls:
        for task, task_call in calls.items():
            for trainer, call in TRAINERS.items():
                if chosen(name := f"losses/{task}/{trainer}"):
                    spec = RunSpec(task=task_call, trainer=call, timesteps=TIMESTEPS)
                    yield from attempt([name], partial(_losses, spec, registry))


def _losses(spec: RunSpec, registry: Registry) -> list[list[float]]:
    run = Run(spec, registry)
    # float32 has no more digits
    return [[float(f"{run.bits:.8g}") for moment, _ in run.lessons() if moment is Moment.LEARNT]]
