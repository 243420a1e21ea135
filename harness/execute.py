"""Which runs are to be made, and whether they can be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import torch

from harness.bars import Bars
from harness.call import Call
from harness.environment import fingerprint
from harness.executors import local, ray
from harness.record import record
from harness.registry import Registry
from harness.run import Run
from harness.spec import Conditions, RunSpec
from harness.store import Store


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


@dataclass(frozen=True)
class Local:
    """Processes of this machine. jobs: how many; None: one a core, and one alone on a GPU."""

    jobs: int | None = None

    def tried(self, spec: RunSpec) -> RunSpec:
        return spec

    def engine(self, conditions: Conditions) -> str:
        return conditions.engine

    def make(
        self,
        todo: Sequence[RunSpec],
        store: Store,
        registry: Registry,
        conditions: Conditions,
        bars: Bars,
    ) -> dict[RunSpec, str]:
        if len(todo) == 1 and conditions.limit is None:
            return {todo[0]: _here(todo[0], store, registry, conditions, bars)}
        jobs = self.jobs
        if jobs is None:
            jobs = 1 if any(spec.device != "cpu" for spec in todo) else os.cpu_count() or 1
        return local.run_all(todo, store, registry, conditions, bars, jobs)


@dataclass(frozen=True)
class Cluster:
    """Nodes of a Ray cluster: its address, and what of a node a run takes."""

    address: str | None = None
    cpus: float = 1.0
    gpus: float = 0.0

    def tried(self, spec: RunSpec) -> RunSpec:
        return replace(spec, device="cpu")  # the GPU and the compiler are the nodes'

    def engine(self, conditions: Conditions) -> str:
        return "eager"

    def make(
        self,
        todo: Sequence[RunSpec],
        store: Store,
        registry: Registry,
        conditions: Conditions,
        bars: Bars,
    ) -> dict[RunSpec, str]:
        return ray.run_all(
            todo, store, registry, conditions, bars,
            address=self.address, cpus=self.cpus, gpus=self.gpus,
        )  # fmt: skip


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
    for kind in ("task", "trainer", "model"):
        path = registry.entry(kind, Call.parse(getattr(spec, kind)).name).path
        if path in registry.outside and fingerprint(path) not in there.header.get("plugins", ""):
            raise ValueError(
                f"{spec.label} is recorded with another {path.name}; "
                "give --again or another --results folder"
            )
    return there.finished


def _here(
    spec: RunSpec, store: Store, registry: Registry, conditions: Conditions, bars: Bars
) -> str:
    """A run by itself, in this process."""
    torch.set_num_threads(1)
    status = record(spec, registry, store, partial(bars.show, spec.id), conditions)
    bars.finish(spec, status)
    return status
