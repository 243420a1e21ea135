"""Which runs to make, and whether they can be made; where they are made is for others to say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

import torch

from harness.executors.bars import Bars
from harness.measure.environment import fingerprint
from harness.model import Model
from harness.names.call import Call
from harness.registry import Registry
from harness.runs.run import Run
from harness.spec import CALLS, Conditions, RunSpec
from harness.store import Store
from harness.task import Task
from harness.trainer import Trainer


class Places(Protocol):
    """Where runs are made."""

    def tried(self, spec: RunSpec) -> RunSpec:
        """The run as it can be tried on this machine."""

    def engine(self, conditions: Conditions) -> str:
        """The engine that it can be tried with."""

    def make(
        self,
        todo: Sequence[RunSpec],
        store: Store,
        registry: Registry,
        conditions: Conditions,
        bars: Bars,
    ) -> dict[RunSpec, str]:
        """Make each run; return how each ended."""


def execute(
    specs: Iterable[RunSpec],
    store: Store,
    registry: Registry,
    conditions: Conditions,
    places: Places,
) -> dict[RunSpec, str]:
    """Make every run that the store does not hold yet, or all of them again; return how each ended.

    Everything that a user can get wrong raises ValueError before anything is written.
    """
    unique = list(dict.fromkeys(specs))
    todo = [spec for spec in unique if conditions.again or not _finished(spec, store, registry)]
    check([*map(places.tried, todo)], registry, places.engine(conditions))
    store.create()
    with Bars(todo, len(unique)) as bars:
        made = places.make(todo, store, registry, conditions, bars) if todo else {}
    return {spec: made.get(spec, "found") for spec in unique}


def check(specs: Sequence[RunSpec], registry: Registry, engine: str = "eager") -> None:
    """Build each run once, seeds apart, so that a bad one is refused before the first starts."""
    for spec in dict.fromkeys(replace(spec, seed=0, probe=0) for spec in specs):
        try:
            run = Run(spec, registry, engine)
            next(run.task.validation(spec.batch))  # a text may be too short for the batch
        except (RuntimeError, MemoryError, OverflowError, TypeError) as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(f"{spec.label} cannot be built: {reason}") from None


def suiting(specs: Sequence[RunSpec], registry: Registry) -> tuple[list[RunSpec], list[str]]:
    """The runs whose trainer suits their model and task, and a line for each reason against others.

    For suites, which put every trainer beside every other; a run asked for by name is refused.
    """
    built: dict[tuple[str, str], tuple[Model, Task]] = {}
    asked: dict[tuple[str, str, str], str] = {}
    kept: list[RunSpec] = []
    out: dict[str, list[RunSpec]] = defaultdict(list)
    for spec in specs:
        both = spec.model, spec.task
        if both not in built:
            task = registry.make("task", spec.task)
            with torch.random.fork_rng(devices=[]):
                built[both] = registry.make("model", spec.model, task.d_in, task.d_out), task
        named = spec.trainer, *both
        if named not in asked:
            method: type[Trainer] = registry.load("trainer", spec.trainer)
            asked[named] = method.suits(*built[both])
        (out[asked[named]] if asked[named] else kept).append(spec)
    return kept, [
        f"{len(left)} runs left out, {', '.join(dict.fromkeys(s.trainer for s in left))} with "
        f"{', '.join(dict.fromkeys(s.model for s in left))}: {why}"
        for why, left in out.items()
    ]


def _finished(spec: RunSpec, store: Store, registry: Registry) -> bool:
    """Whether the store holds the result.

    ValueError where it was made with other defaults, another text or another plug-in.
    """
    there = store.record(spec)
    if there is None or not (there.finished or store.checkpoint(spec).exists()):
        return False
    if "date" not in there.header:  # it never began
        return False
    for kind, recorded in there.header["options"].items():
        now = registry.options(kind, getattr(spec, kind))
        for name, value in recorded.items():
            if name in now and now[name] != value:
                raise ValueError(
                    f"{spec.label} is recorded with {name}={value!r}, which is now "
                    f"{now[name]!r}; give --again or another --results folder"
                )
    for name, value in registry.make("task", spec.task).provenance().items():
        if there.header.get(name) != value:
            raise ValueError(
                f"{spec.label} is recorded with another {name}; "
                "give --again or another --results folder"
            )
    for kind in CALLS:
        path = registry.entry(kind, Call.parse(getattr(spec, kind)).name).path
        if path in registry.outside and fingerprint(path) not in there.header.get("plugins", ""):
            raise ValueError(
                f"{spec.label} is recorded with another {path.name}; "
                "give --again or another --results folder"
            )
    return there.finished
