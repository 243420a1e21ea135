"""FLOPs, bytes held and parameters of every trainer on every task: the same on every run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from harness.measure.cost import gauge
from harness.registry import Registry
from harness.regression.reading import Chosen, Reading, attempt
from harness.regression.subjects import TRAINERS, tasks
from harness.runs.run import Run
from harness.spec import RunSpec

PARTS = ("flops", "activation_bytes", "parameters")


def measure(chosen: Chosen) -> Iterator[Reading]:
    """Measure the second episode: by then there is a state to carry over."""
    registry = Registry()
    with tasks() as calls:
        for task, task_call in calls.items():
            for trainer, call in TRAINERS.items():
                if chosen(name := f"cost/{task}/{trainer}"):
                    spec = RunSpec(task=task_call, trainer=call)
                    names = [f"{name}/{part}" for part in PARTS]
                    yield from attempt(names, partial(_parts, spec, registry))


def _parts(spec: RunSpec, registry: Registry) -> list[list[float]]:
    run = Run(spec, registry)
    supply = run.episodes()
    run.learn(next(supply))
    cost = gauge(run.trainer, next(supply))
    own = [*run.model.parameters(), *run.trainer.own_parameters()]
    return [[cost.flops], [cost.activation_bytes], [sum(p.numel() for p in own)]]
