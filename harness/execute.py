"""Many runs on the cores of one machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from multiprocessing.managers import SyncManager
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import torch

from harness.bars import Bars, Report
from harness.call import Call
from harness.environment import fingerprint
from harness.record import record
from harness.registry import Registry
from harness.run import Run
from harness.spec import RunSpec
from harness.store import Store


def execute(
    specs: Iterable[RunSpec],
    store: Store,
    registry: Registry,
    jobs: int | None,
    *,
    again: bool = False,
) -> dict[RunSpec, str]:
    """Make every run that the store does not hold yet, or all of them again; return how each ended.

    Everything that a user can get wrong raises ValueError before anything is written. jobs:
    processes; None: one a core, and one alone on a GPU.
    """
    unique = list(dict.fromkeys(specs))
    todo = [spec for spec in unique if again or not _finished(spec, store, registry)]
    check(todo, registry)
    store.create()
    if jobs is None:
        jobs = 1 if any(spec.device != "cpu" for spec in todo) else os.cpu_count() or 1
    with Bars(todo, len(unique)) as bars:
        if min(jobs, len(todo)) < 2:
            made = _alone(todo, store, registry, bars, again)
        else:
            made = _in_parallel(todo, store, registry, bars, again, jobs)
    return {spec: made.get(spec, "found") for spec in unique}


def check(specs: Sequence[RunSpec], registry: Registry) -> None:
    """Build each run once, seeds apart, so that a bad one is refused before the first starts."""
    for spec in dict.fromkeys(replace(spec, seed=0, probe=0) for spec in specs):
        try:
            run = Run(spec, registry)
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
        if path in registry.plugins and fingerprint(path) not in there.header.get("plugins", ""):
            raise ValueError(
                f"{spec.label} is recorded with another {path.name}; "
                "give --again or another --results folder"
            )
    return there.finished


def _alone(
    todo: Sequence[RunSpec], store: Store, registry: Registry, bars: Bars, again: bool
) -> dict[RunSpec, str]:
    """One run after the other, in this process."""
    torch.set_num_threads(1)
    made = {}
    for spec in todo:
        shown = partial(bars.show, spec.id)
        made[spec] = record(spec, registry, store, shown, again=again)
        bars.finish(spec, made[spec])
    return made


def _in_parallel(
    todo: Sequence[RunSpec], store: Store, registry: Registry, bars: Bars, again: bool, jobs: int
) -> dict[RunSpec, str]:
    """Each run in one of `jobs` processes of one thread."""
    context = multiprocessing.get_context("spawn")
    made: dict[RunSpec, str] = {}
    # Children inherit it: they do not hear Ctrl-C, are ended from here, and say nothing.
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    manager = SyncManager(ctx=context)
    manager.start(_watch_parent)
    reports: Queue[Report | None] = manager.Queue()
    listener = Thread(target=bars.listen, args=(reports,), daemon=True)
    listener.start()
    pool = ProcessPoolExecutor(
        jobs,
        mp_context=context,
        initializer=_begin,
        initargs=(store.folder, registry.plugins, reports),
    )
    futures: dict[Future[str], RunSpec] = {pool.submit(_work, spec, again): spec for spec in todo}
    try:
        signal.signal(signal.SIGINT, heard)
        for future in as_completed(futures):
            made[futures[future]] = future.result()
            bars.finish(futures[future], future.result())
    except BrokenProcessPool:
        raise ChildProcessError(
            "a worker process died (out of memory?); the same command goes on from here"
        ) from None
    finally:
        reports.put(None)
        listener.join()
        if len(made) < len(todo):  # stopped: what runs still goes on from its checkpoint
            for process in (pool._processes or {}).values():
                process.terminate()
        pool.shutdown(cancel_futures=True)
        manager.shutdown()
    return made


_worker: dict[str, Any] = {}
"""What a worker process was begun with."""


def _begin(folder: Path, plugins: Sequence[Path], reports: Queue[Report | None]) -> None:
    _watch_parent()
    torch.set_num_threads(1)
    _worker.update(store=Store(folder), registry=Registry(plugins), reports=reports)


def _watch_parent() -> None:
    """End with the parent: children of one that was killed would make the rest of its runs."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end() -> None:
        parent.join()
        os._exit(1)

    Thread(target=end, daemon=True).start()


def _work(spec: RunSpec, again: bool) -> str:
    def report(timesteps: int, word: str) -> None:
        _worker["reports"].put((spec.id, timesteps, word))

    return record(spec, _worker["registry"], _worker["store"], report, again=again)
