"""A run that several processes share: its parent, which starts, hears and evaluates them."""

from __future__ import annotations

import math
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.registry import Registry
from harness.runs import member, torchrun
from harness.runs.build import Built
from harness.runs.launch import launched
from harness.runs.parent import SLOW
from harness.runs.run import EVALUATIONS, DivergenceError, Run
from harness.runs.shared import Shared
from harness.spec import Conditions, RunSpec
from harness.store import Row
from harness.worker import Mode

if TYPE_CHECKING:
    from harness.engines.stacked import Stack

GRACE_SECONDS = 1.0
"""For others to say what went wrong with them: who loses a neighbour fails, too."""

KEPT = ("SGBENCH_DATA",)
"""Of the environment: what workers need of it."""


class WorkerError(RuntimeError):
    """A worker has died, or raised an error."""

    def __init__(self, message: str, said: list[str]) -> None:
        super().__init__(message)
        self.said = said


def begun(
    spec: RunSpec,
    registry: Registry,
    conditions: Conditions,
    stack: Stack | None = None,
    shared: Shared | None = None,
) -> Run:
    """A run, in this process or shared by several."""
    if not spec.workers:
        if launched():
            raise ValueError("a run without --workers is one process: leave torchrun out")
        return Run(spec, registry, conditions.engine, stack, shared)
    if conditions.engine not in ("eager", "auto"):
        raise ValueError(f"workers {spec.workers}: runs on workers have engine 'eager' alone")
    return Crew(spec, registry, conditions.limit)


class Crew(Run):
    """The parent of a run's workers. Its own model is evaluated, its own trainer never trains.

    All workers stop at each mark, off the clock, and send what they hold. The clock of a stretch
    is that of the slowest.

    limit: seconds after which the run has failed; None: never
    """

    def __init__(self, spec: RunSpec, registry: Registry, limit: float | None = None) -> None:
        super().__init__(spec, registry)
        self.registry, self.limit = registry, limit
        self.mode: Mode = registry.make("mode", spec.workers)
        self.processes: list[BaseProcess | torchrun.Rank] = []
        self.posts: list[Connection] = []
        self.states: list[Any] = []
        self.tally: dict[str, Any] = {
            "bytes": 0, "waited": [0.0] * self.mode.processes, "ages": 0, "late": 0, "oldest": 0,
        }  # fmt: skip
        try:
            torchrun.check(self.mode.processes)
            self._check()
        except ValueError as error:
            raise ValueError(f"workers {spec.workers}: {error}") from None

    def _check(self) -> None:
        if not self.task.static:
            raise ValueError("they need episodes of one timestep, as images have")
        made = Built(self.task, self.model, self.trainer, self.optimisers)
        self.mode.check(member.place(made, self.spec, 0, self.mode.processes))

    def train(self) -> Iterator[tuple[str, Row]]:
        if self.done["timesteps"] >= self.spec.timesteps:
            return
        flops = self.costs.of(next(self.episodes())).flops
        marks = [mark for mark in self._marks() if mark > self.done["timesteps"]]
        until = math.inf if self.limit is None else time.monotonic() + self.limit
        with tempfile.TemporaryDirectory(prefix="sgbench-") as folder:
            self._start(Path(folder) / "meeting", marks)
            for mark in marks:
                learnt = mark - self.done["timesteps"]
                self._take(self._hear(until), learnt)
                self.done["timesteps"] = mark
                self.done["updates"] += learnt
                self.done["flops"] += flops * learnt
                yield "validation", {**self._position(), **self._validate()}
                yield "curve", {**self._position(), "bits": self.bits, **self.task.progress()}
                yield "episode", {**self._position(), "bits": self.bits, **self.task.progress()}
                if mark < marks[-1]:
                    for post in self.posts:
                        self._tell(post, b"on")
        self.close_workers()

    def _marks(self) -> list[int]:
        """Numbers of timesteps at which runs are evaluated."""
        parts, budget = EVALUATIONS, self.spec.timesteps
        return sorted({-(-budget * part // parts) for part in range(1, parts + 1)})

    def _start(self, meeting: Path, marks: list[int]) -> None:
        multiprocessing.set_forkserver_preload([member.__name__, *SLOW, type(self.mode).__module__])
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        for rank in range(self.mode.processes):
            job = member.Job(
                self.spec.to_dict(), self.registry.plugins, rank, self.mode.processes,
                str(meeting), marks, self.done["timesteps"], kept,
            )  # fmt: skip
            process, post = torchrun.worker(job)
            self.processes.append(process)
            self.posts.append(post)
        for rank, post in enumerate(self.posts):
            self._tell(post, member.packed(self.states[rank]) if self.states else b"")

    def _tell(self, post: Connection, message: bytes) -> None:
        try:
            post.send_bytes(message)
        except OSError:
            raise self._lost({}) from None

    def _hear(self, until: float) -> list[Row]:
        """A report of each worker; WorkerError as soon as one of them will not report."""
        found: dict[int, Row] = {}
        ends = {process.sentinel for process in self.processes}
        while len(found) < len(self.posts):
            waiting = [post for rank, post in enumerate(self.posts) if rank not in found]
            left = None if math.isinf(until) else max(until - time.monotonic(), 0.0)
            ready = wait([*waiting, *ends], left)
            if not ready:
                raise WorkerError(f"took longer than its limit of {self.limit:g} s", [])
            for rank, post in enumerate(self.posts):
                if post in ready and (report := _report(post)) is not None:
                    found[rank] = report
            if ends.intersection(ready) or any("error" in report for report in found.values()):
                raise self._lost(found)
        return [found[rank] for rank in range(len(self.posts))]

    def _lost(self, found: dict[int, Row]) -> WorkerError:
        """What went wrong first: a killed worker, or the first that raised an error."""
        until = time.monotonic() + GRACE_SECONDS
        while not (killed := self._killed()) and time.monotonic() < until and self._alive():
            time.sleep(0.02)
        if killed:
            self.lost = True
            return WorkerError(f"{killed}; run the same command to resume it", [])
        for rank, post in enumerate(self.posts):
            if "error" not in found.get(rank, {}) and post.poll():
                found[rank] = _report(post) or {}
        errors = sorted((r["when"], rank) for rank, r in found.items() if "error" in r)
        if errors:
            rank = errors[0][1]
            return WorkerError(f"worker {rank}: {found[rank]['error']}", found[rank]["traceback"])
        codes = [
            f"{p.name} ended with exit code {p.exitcode}" for p in self.processes if p.exitcode
        ]
        return WorkerError(", ".join(codes) or "a worker ended too soon", [])

    def _alive(self) -> bool:
        return any(process.exitcode is None for process in self.processes)

    def _killed(self) -> str:
        """Which worker was killed, if one was."""
        for rank, process in enumerate(self.processes):
            if (code := process.exitcode) is not None and code < 0:
                return f"worker {rank} was killed by signal {-code}"
            if code == torchrun.GONE:
                return f"worker {rank} has died, with rank {rank} of torchrun"
        return ""

    def _take(self, reports: list[Row], learnt: int) -> None:  # type: ignore[override]
        """Take over what the workers have learnt in a stretch of so many minibatches."""
        self.meter.seconds += max(report["seconds"] for report in reports)
        tally = self.tally
        for rank, report in enumerate(reports):
            tally["waited"][rank] += report["waited"]
            tally["ages"] += sum(report["ages"])
            tally["late"] += len(report["ages"])
            tally["oldest"] = max(tally["oldest"], *report["ages"], 0)
        sent = [report["bytes"] for report in reports]
        unknown = tally["bytes"] is None or None in sent
        tally["bytes"] = None if unknown else tally["bytes"] + sum(sent)
        shares = [report["losses"] for report in reports if report["losses"] is not None]
        losses = [sum(parts) for parts in zip(*shares, strict=True)]
        for number, value in enumerate(losses, start=self.done["updates"] + 1):
            if not math.isfinite(value):
                raise DivergenceError(f"the loss became {value} at update {number}")
        self.bits = sum(losses) / learnt / math.log(2)
        self.model.load_state_dict({k: v for r in reports for k, v in r["weights"].items()})
        self.states = [report["state"] for report in reports]

    def summary(self) -> Row:
        examples, tally = self.done["timesteps"] * self.spec.batch, self.tally
        sent = tally["bytes"]
        return {
            **super().summary(),
            "examples_per_second": examples / self.meter.seconds,
            "bytes_per_example": None if sent is None else sent / examples,
            "wait_seconds": [round(seconds, 6) for seconds in tally["waited"]],
            "gradient_age_mean": tally["ages"] / tally["late"] if tally["late"] else 0.0,
            "gradient_age_max": tally["oldest"],
        }

    def close(self) -> None:
        self.close_workers()
        super().close()

    def close_workers(self) -> None:
        """End every worker; they hold nothing that is not in their reports."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.join()
        for post in self.posts:
            post.close()
        self.processes, self.posts = [], []

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "workers": self.states, "tally": self.tally}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.states, self.tally = state["workers"], state["tally"]


def _report(post: Connection) -> Row | None:
    """What a worker says; None where it is gone."""
    try:
        report: Row = member.unpacked(post.recv_bytes())
    except (EOFError, OSError):
        return None
    return report
