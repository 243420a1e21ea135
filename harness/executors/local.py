"""Many runs in processes of this machine; one that dies, hangs or raises ends alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import Queue
from typing import Any

import torch
from pebble import ProcessExpired, ProcessPool

from harness.engines.stacked import Going, Stack
from harness.executors.bars import Bars, Report
from harness.executors.reports import shown, watch_parent
from harness.registry import Registry
from harness.runs.record import fail, record, recording
from harness.spec import Conditions, RunSpec
from harness.store import BusyError, RecordingError, Store

BREAKS = 5
"""Times that workers may die as they begin."""

AGAIN_SECONDS = 1.0
"""Between two looks at runs that another suite is making."""


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
        return run_all(todo, store, registry, conditions, bars, jobs)


def run_all(
    todo: Sequence[RunSpec],
    store: Store,
    registry: Registry,
    conditions: Conditions,
    bars: Bars,
    jobs: int,
) -> dict[RunSpec, str]:
    """Make each run in one of `jobs` processes of one thread; return how each ended."""
    made: dict[RunSpec, str] = {}
    context = multiprocessing.get_context("spawn")
    # Children begun deaf do not hear Ctrl-C: they are ended from here, and say nothing.
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    with shown(bars, context) as reports:

        def begun() -> ProcessPool:
            return ProcessPool(
                min(jobs, len(todo)),
                initializer=_begin,
                initargs=(store.folder, registry.plugins, reports),
                context=context,
            )

        pool, waiting, broken = begun(), list(todo), 0
        try:
            while waiting:
                futures: dict[Future[list[str]], Sequence[RunSpec]] = {
                    pool.schedule(_work, (stack, conditions), timeout=conditions.limit): stack
                    for stack in _stacks(waiting, registry, conditions.stack)
                }
                signal.signal(signal.SIGINT, heard)
                waiting, lost = [], False
                for future in as_completed(futures):
                    stack = futures[future]
                    statuses = _outcome(future, stack, store, registry, conditions)
                    for spec, status in zip(stack, statuses, strict=True):
                        lost = lost or status == "unmade"
                        if status in ("busy", "unmade"):
                            waiting.append(spec)
                        else:
                            made[spec] = status
                            bars.finish(spec, status)
                if lost:  # pebble gives a pool up whose worker dies while none is at work
                    broken += 1
                    if broken > BREAKS:
                        raise ChildProcessError("workers die as they begin (out of memory?)")
                    pool.stop()
                    pool.join()
                    pool = begun()
                if waiting:
                    time.sleep(AGAIN_SECONDS)
            pool.close()
        finally:
            pool.stop()  # what runs still goes on from its checkpoint
            pool.join()
    return made


def _stacks(specs: Sequence[RunSpec], registry: Registry, width: int) -> list[Sequence[RunSpec]]:
    """The runs in groups of at most `width` that differ in their seed alone, as even as can be.

    In the order of the runs, so that what is stopped early has something of every setting.
    A method that unrolls whole episodes has no windows that would be of one length; it is alone.
    """
    alike: dict[RunSpec, list[RunSpec]] = {}
    for spec in specs:
        windows = "T" in registry.options("trainer", spec.trainer)
        alike.setdefault(replace(spec, seed=0) if windows else spec, []).append(spec)
    stacks: list[Sequence[RunSpec]] = []
    for group in alike.values():
        count = -(-len(group) // width)
        stacks += [group[number::count] for number in range(count)]
    return sorted(stacks, key=lambda stack: specs.index(stack[0]))


def _outcome(
    future: Future[list[str]],
    specs: Sequence[RunSpec],
    store: Store,
    registry: Registry,
    conditions: Conditions,
) -> list[str]:
    """How runs ended; those that could not say so themselves are recorded as failed."""
    try:
        return future.result()
    except BrokenProcessPool:  # they were never begun, or go on from their checkpoints
        return ["unmade"] * len(specs)
    except RecordingError:  # the disk: no run can go on
        raise
    except TimeoutError:
        error = f"took longer than its limit of {conditions.limit:g} s"
    except ProcessExpired as died:
        error = f"its process died ({_cause(died.exitcode)}); the same command goes on with it"
    except (Exception, SystemExit) as raised:
        error = f"{type(raised).__name__}: {raised}"
    return [_failed(spec, store, registry, conditions, error) for spec in specs]


def _failed(
    spec: RunSpec, store: Store, registry: Registry, conditions: Conditions, error: str
) -> str:
    try:
        status = fail(spec, registry, store, error)
    except BusyError:  # another suite has taken it up
        return "busy"
    return "failed" if conditions.again else status


def _cause(code: int | None) -> str:
    """What an exit code tells of a process."""
    if code == -signal.SIGKILL:
        return "killed, or out of memory"
    return signal.strsignal(-code) or str(code) if code and code < 0 else f"exit code {code}"


_worker: dict[str, Any] = {}
"""What a worker process was begun with."""


def _begin(folder: Path, plugins: Sequence[Path], reports: Queue[Report | None]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch_parent()
    torch.set_num_threads(1)
    _worker.update(store=Store(folder), registry=Registry(plugins), reports=reports)


def _work(specs: Sequence[RunSpec], conditions: Conditions) -> list[str]:
    stack = Stack(conditions.engine, specs[0].timesteps)
    alone = len(specs) == 1
    return stack.together([_one(spec, conditions, None if alone else stack) for spec in specs])


def _one(spec: RunSpec, conditions: Conditions, stack: Stack | None) -> Going[str]:
    def report(timesteps: int, word: str) -> None:
        with suppress(OSError, EOFError):  # who shows the bars may be gone; the run is not
            _worker["reports"].put((spec.id, timesteps, word))

    registry, store = _worker["registry"], _worker["store"]
    try:
        return (yield from recording(spec, registry, store, report, conditions, stack))
    except BusyError:
        return "busy"
    except RecordingError:
        raise
    except (Exception, SystemExit) as error:  # before it began: its checkpoint, its scalars
        return _failed(spec, store, registry, conditions, f"{type(error).__name__}: {error}")


def _here(
    spec: RunSpec, store: Store, registry: Registry, conditions: Conditions, bars: Bars
) -> str:
    """A run by itself, in this process."""
    torch.set_num_threads(1)
    status = record(spec, registry, store, partial(bars.show, spec.id), conditions)
    bars.finish(spec, status)
    return status
