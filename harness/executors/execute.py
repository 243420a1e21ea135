"""Which runs remain to be run, and whether they can be built here."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cache
from typing import Protocol

import torch

from harness.check import in_one_line
from harness.executors.bars import Bars
from harness.measure.environment import fingerprint
from harness.model import Model
from harness.names.call import Call
from harness.registry import Registry
from harness.runs.crew import begun
from harness.spec import Conditions, RunSpec
from harness.store import Record, Store
from harness.task import Task
from harness.trainer import Trainer

RECORDED = "already recorded"
"""How a run ended that was not run: its result was already in the store."""


class Executor(Protocol):
    """Processes, here or elsewhere, for many runs at once."""

    def cores(self, specs: Sequence[RunSpec]) -> int | None:
        """How many the runs have for themselves; None where that is not known."""

    def check(self, specs: Sequence[RunSpec], registry: Registry, conditions: Conditions) -> None:
        """Raise ValueError where a run cannot be built, as far as this machine can tell."""

    def run(
        self,
        specs: Sequence[RunSpec],
        store: Store,
        registry: Registry,
        conditions: Conditions,
        bars: Bars,
    ) -> dict[RunSpec, str]:
        """Run all of them, and record each in the store; return how each ended."""


def execute(
    specs: Iterable[RunSpec],
    store: Store,
    registry: Registry,
    conditions: Conditions,
    executor: Executor,
) -> dict[RunSpec, str]:
    """Run what the store has no result of, or everything again; return how each run ended.

    Any mistake of the user's raises ValueError before anything is written.
    """
    unique = list(dict.fromkeys(specs))
    todo = [spec for spec in unique if conditions.again or not _recorded(spec, store, registry)]
    executor.check(todo, registry, conditions)
    store.create()
    with Bars(todo, len(unique), store.say) as bars:
        ended = executor.run(todo, store, registry, conditions, bars) if todo else {}
    return {spec: ended.get(spec, RECORDED) for spec in unique}


def check(specs: Iterable[RunSpec], registry: Registry, engine: str = "eager") -> None:
    """Build each run once, ignoring seeds; ValueError where it cannot be built.

    So a bad run is refused before the first one starts.
    """
    for spec in dict.fromkeys(replace(spec, seed=0, probe=0) for spec in specs):
        with (
            in_one_line(f"{spec.label} cannot be built"),
            closing(begun(spec, registry, Conditions(engine=engine))) as run,
        ):
            _fits(run.trainer, spec)
            next(run.task.validation(spec.batch), None)  # a text may be too short for the batch


def _fits(trainer: Trainer, spec: RunSpec) -> None:
    """ValueError where one window is longer than the whole run: a stream would be cut to it.

    A run of one timestep is one of one episode, of a stream at least a window.
    """
    T = trainer.T or 1
    if spec.timesteps > 1 and spec.timesteps < T:
        raise ValueError(f"T must not exceed --timesteps ({spec.timesteps}), got {T}")
    if T >= 2**31:
        raise ValueError(f"T must be under 2**31, got {T}")


def suiting(specs: Sequence[RunSpec], registry: Registry) -> tuple[list[RunSpec], list[str]]:
    """The runs whose parts suit each other, and a line for each reason to leave others out.

    For suites, which include every trainer; a run that is asked for by name is refused instead.
    """
    asked = Suiting(registry)
    kept: list[RunSpec] = []
    out: dict[str, list[RunSpec]] = defaultdict(list)
    for spec in specs:
        why = asked.why_not(spec)
        (out[why] if why else kept).append(spec)
    return kept, [
        f"{len(left)} runs left out, {', '.join(dict.fromkeys(s.trainer for s in left))} with "
        f"{', '.join(dict.fromkeys(s.model for s in left))}: {why}"
        for why, left in out.items()
    ]


class Suiting:
    """Whether the parts of runs suit each other; each model is built once for each task."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._model = cache(self._built)
        self._asked = cache(self._reason)

    def why_not(self, spec: RunSpec) -> str:
        """In a line why a model does not suit its task, or a trainer both; "" where they do."""
        return self._asked(spec.trainer, spec.model, spec.task)

    def _reason(self, trainer: str, model: str, task: str) -> str:
        built, made = self._model(model, task)
        if isinstance(built, str):
            return built
        method: type[Trainer] = self.registry.load("trainer", trainer)
        return method.suits(built, made)

    def _built(self, model: str, task: str) -> tuple[Model | str, Task]:
        made: Task = self.registry.make("task", task)
        network: type[Model] = self.registry.load("model", model)
        if why := network.suits(made):
            return why, made
        with torch.random.fork_rng(devices=[]):
            return self.registry.make("model", model, made.d_in, made.d_out), made


def _as_recorded(option: object) -> object:
    """An option as a record gives it back: a tuple comes back as a list."""
    return json.loads(json.dumps(option))


def _recorded(spec: RunSpec, store: Store, registry: Registry) -> bool:
    """Whether the store holds the result.

    ValueError where it comes from other defaults, another text or another plug-in.
    """
    there = store.record(spec)
    if there is None or not (there.finished or store.checkpoint(spec).exists()):
        return False
    if "date" not in there.header:  # it never began
        return False
    if differs := _differs(there, registry):
        raise ValueError(
            f"{spec.label} is recorded with {differs}; give --again or another --results folder"
        )
    return there.finished


def _differs(there: Record, registry: Registry) -> str:
    """What a run was recorded with that is different now; empty: nothing."""
    spec = there.spec
    for kind, call in spec.calls.items():
        now = registry.options(kind, call)
        for name, value in there.header["options"].get(kind, {}).items():
            if name in now and _as_recorded(now[name]) != value:
                return f"{name}={value!r}, which is now {now[name]!r}"
    for name, value in registry.make("task", spec.task).provenance().items():
        if there.header.get(name) != value:
            return f"another {name}"
    for kind, call in spec.calls.items():
        path = registry.entry(kind, Call.parse(call).name).path
        if path in registry.outside and fingerprint(path) not in there.header.get("plugins", ""):
            return f"another {path.name}"
    return ""
