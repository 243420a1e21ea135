"""Many runs in processes on this machine; one that dies, hangs or raises does not end others."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import Queue
from typing import Any

from pebble import ProcessExpired, ProcessPool

import harness
from harness.engines.stacked import Going, Stack
from harness.executors import one, server
from harness.executors.bars import Bars, Message
from harness.executors.channel import channel
from harness.executors.execute import check
from harness.measure.environment import set_up
from harness.registry import Registry
from harness.runs.parent import watch_parent
from harness.runs.record import driven
from harness.runs.shared import Shared
from harness.spec import Conditions, RunSpec
from harness.store import RecordingError, Store

BREAKS = 5
"""Times that workers may die as they start."""

AGAIN_SECONDS = 1.0
"""Between two attempts at runs that another process is running."""


@dataclass(frozen=True)
class Local:
    """Processes on this machine. jobs: how many; None: one per core, or a single one on a GPU."""

    jobs: int | None = None

    def cores(self, specs: Sequence[RunSpec]) -> int:
        if self.jobs is None and any(spec.device != "cpu" for spec in specs):
            return 1
        return min(self.jobs or os.cpu_count() or 1, max(len(specs), 1))

    def check(self, specs: Sequence[RunSpec], registry: Registry, conditions: Conditions) -> None:
        check(specs, registry, conditions.engine)

    def run(
        self,
        specs: Sequence[RunSpec],
        store: Store,
        registry: Registry,
        conditions: Conditions,
        bars: Bars,
    ) -> dict[RunSpec, str]:
        here = [spec for spec in specs if spec.workers]  # has processes of its own, and is timed
        elsewhere = [spec for spec in specs if not spec.workers]
        ended: dict[RunSpec, str] = {}
        if len(elsewhere) == 1 and conditions.limit is None:  # another process takes seconds
            here, elsewhere = [*elsewhere, *here], []
        if elsewhere:
            jobs = self.cores(elsewhere)
            ended |= run_all(elsewhere, store, registry, conditions, bars, jobs)
        shared = Shared(began=None if elsewhere else harness.began)
        for spec in here:  # one at a time
            set_up()
            told = partial(bars.show, spec.id)
            while (status := one.run(spec, store, registry, conditions, told, shared)) == "busy":
                time.sleep(AGAIN_SECONDS)
            bars.finish(spec, status)
            ended[spec] = status
        return ended


def run_all(
    specs: Sequence[RunSpec],
    store: Store,
    registry: Registry,
    conditions: Conditions,
    bars: Bars,
    jobs: int,
) -> dict[RunSpec, str]:
    """Run each in one of `jobs` single-threaded processes; return how each ended."""
    ended: dict[RunSpec, str] = {}
    context = server.begun()
    # Children started like this ignore Ctrl-C: they are ended from here, without a traceback.
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    with (
        channel(bars, context) as messages,
        tempfile.TemporaryDirectory(prefix="sgbench-") as shared,
    ):

        def begun(at: float) -> ProcessPool:
            return ProcessPool(
                jobs,
                initializer=_begin,
                initargs=(
                    store.folder, registry.plugins, messages, Path(shared), at, dict(os.environ)
                ),
                context=context,
            )  # fmt: skip

        pool, waiting, broken = begun(harness.began), list(specs), 0
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
                        lost = lost or status == "lost"
                        if status in ("busy", "lost"):
                            waiting.append(spec)
                        else:
                            ended[spec] = status
                            bars.finish(spec, status)
                if lost:  # pebble gives up a pool if a worker dies while none is busy
                    broken += 1
                    if broken > BREAKS:
                        raise ChildProcessError("workers die as they start (out of memory?)")
                    pool.stop()
                    pool.join()
                    pool = begun(time.monotonic())
                if waiting:
                    time.sleep(AGAIN_SECONDS)
            pool.close()
        finally:
            pool.stop()  # what is still running can resume from its checkpoint
            pool.join()
    return ended


def _stacks(specs: Sequence[RunSpec], registry: Registry, width: int) -> list[Sequence[RunSpec]]:
    """The runs in groups of at most `width` that differ only in their seed, as even as possible.

    In the order of the runs, so that a suite stopped early has some runs of every setting. A
    method that unrolls whole episodes is run alone: it has no windows of one length.
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
    """How the runs of a worker ended; if it could not close them itself, they are closed here."""
    try:
        return future.result()
    except BrokenProcessPool:  # they never began, or resume from their checkpoints
        return ["lost"] * len(specs)
    except RecordingError:  # the disk is full: no run can go on
        raise
    except TimeoutError:
        error = f"took longer than its limit of {conditions.limit:g} s"
    except ProcessExpired as died:
        error = f"its process died ({_cause(died.exitcode)}); run the same command to resume it"
    except (Exception, SystemExit) as raised:
        error = f"{type(raised).__name__}: {raised}"
    return [one.close(spec, store, registry, conditions, error) for spec in specs]


def _cause(code: int | None) -> str:
    """What the exit code of a process means."""
    if code == -signal.SIGKILL:
        return "killed, or out of memory"
    return signal.strsignal(-code) or str(code) if code and code < 0 else f"exit code {code}"


_worker: dict[str, Any] = {}
"""What a worker process was started with."""


def _begin(
    folder: Path,
    plugins: Sequence[Path],
    messages: Queue[Message | None],
    shared: Path,
    began: float,
    environment: Mapping[str, str],
) -> None:
    def tell(message: Message) -> None:
        with suppress(OSError, EOFError):  # the bars may be gone; the run goes on
            messages.put(message)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch_parent()
    os.environ.update(environment)  # as it is now: the server may have begun before
    set_up()
    _worker.update(
        store=Store(folder, say=tell), registry=Registry(plugins), tell=tell,
        shared=Shared(shared, began),
    )  # fmt: skip


def _work(specs: Sequence[RunSpec], conditions: Conditions) -> list[str]:
    if len(specs) == 1:
        return [driven(_one(specs[0], conditions))]
    stack = Stack(conditions.engine, specs[0].timesteps)
    return stack.together([_one(spec, conditions, stack) for spec in specs])


def _one(spec: RunSpec, conditions: Conditions, stack: Stack | None = None) -> Going[str]:
    def told(timesteps: int, word: str) -> None:
        _worker["tell"]((spec.id, timesteps, word))

    store, registry, shared = (_worker[name] for name in ("store", "registry", "shared"))
    return one.going(spec, store, registry, conditions, told, stack, shared)
