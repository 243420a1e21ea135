"""Many runs on the nodes of a Ray cluster; their records are collected in one store."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.executors import one
from harness.executors.bars import Bars
from harness.executors.execute import check
from harness.registry import Registry
from harness.runs.launch import launched
from harness.runs.record import asked
from harness.spec import Conditions, RunSpec
from harness.store import BusyError, Record, Store, Writer

RETRIES = 5
"""Of a run whose node or process died: it starts over, on another node."""


@dataclass(frozen=True)
class Cluster:
    """Nodes of a Ray cluster: its address, and the cores and GPUs that a run takes."""

    address: str | None = None
    cpus: float = 1.0
    gpus: float = 0.0

    def cores(self, specs: Sequence[RunSpec]) -> int | None:
        return None

    def check(self, specs: Sequence[RunSpec], registry: Registry, conditions: Conditions) -> None:
        if launched():
            raise ValueError("--executor ray starts processes of its own: leave torchrun out")
        check([replace(spec, device="cpu") for spec in specs], registry)  # GPUs are on the nodes

    def run(
        self,
        specs: Sequence[RunSpec],
        store: Store,
        registry: Registry,
        conditions: Conditions,
        bars: Bars,
    ) -> dict[RunSpec, str]:
        return run_all(
            specs, store, registry, conditions, bars,
            address=self.address, cpus=self.cpus, gpus=self.gpus,
        )  # fmt: skip


def run_all(
    specs: Sequence[RunSpec],
    store: Store,
    registry: Registry,
    conditions: Conditions,
    bars: Bars,
    *,
    address: str | None,
    cpus: float,
    gpus: float,
) -> dict[RunSpec, str]:
    """Run each as a Ray task of `cpus` and `gpus`; return how each ended.

    address: of a running cluster ("auto", "ray://host:10001"); None: one is started here
    """
    ray = _ray()
    store.say(f"connecting to Ray at {address}…" if address else "starting Ray…")
    ray.init(address=address, log_to_driver=False, configure_logging=False)
    try:
        task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES)(_work)
        # by hand: with Ray's own way to set them, workers restart for every driver
        kept = {name: os.environ[name] for name in ("SGBENCH_DATA",) if name in os.environ}
        sources = {path.name: path.read_bytes() for path in registry.plugins}
        ended: dict[RunSpec, str] = {}
        waiting = list(specs)
        while waiting:
            begun: dict[Any, tuple[RunSpec, Writer]] = {}
            busy = []
            for spec in waiting:
                try:
                    writer = store.open(spec)  # ours until the run is collected
                except BusyError:
                    busy.append(spec)
                    continue
                there = store.record(spec)
                if there and there.finished and not conditions.again:
                    ended[spec] = there.status  # by another suite, meanwhile
                    writer.close()
                    bars.finish(spec, ended[spec])
                    continue
                if store.damage(spec):
                    store.say(f"{spec.label} starts over")
                sized = task.options(num_cpus=max(cpus, _processes(spec, registry)))
                begun[sized.remote(asdict(spec), asdict(conditions), sources, kept)] = spec, writer
            while begun:
                (done,), _ = ray.wait(list(begun), num_returns=1)
                spec, writer = begun.pop(done)
                with writer:
                    ended[spec] = _home(ray, done, spec, store, registry, writer)
                bars.finish(spec, ended[spec])
            waiting = busy
            if waiting:
                time.sleep(1.0)
    finally:
        ray.shutdown()
    return ended


def _processes(spec: RunSpec, registry: Registry) -> int:
    """Those of a run, which share a node."""
    return int(registry.options("mode", spec.workers)["processes"]) if spec.workers else 1


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise ValueError("--executor ray needs Ray: pip install 'sgbench[ray]'") from None
    return ray


def _home(
    ray: Any, done: Any, spec: RunSpec, store: Store, registry: Registry, writer: Writer
) -> str:
    """Record what a run sent, or that nothing arrived."""
    try:
        rows: list[dict[str, Any]] = ray.get(done)
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1]
        rows = [
            {"kind": "run", **asked(spec, registry)},
            {"kind": "end", "status": "failed", "error": f"{type(error).__name__}: {reason}"},
        ]
    store.checkpoint(spec).unlink(missing_ok=True)  # of another attempt
    for row in rows:
        writer.append(row.pop("kind"), row)
    record = store.record(spec)
    assert isinstance(record, Record)
    return record.status


def _work(
    spec: Mapping[str, Any],
    conditions: Mapping[str, Any],
    sources: Mapping[str, bytes],
    kept: Mapping[str, str],
) -> list[dict[str, Any]]:
    """On a node: run in a temporary folder; return the rows of the record."""
    from harness.measure.environment import set_up

    set_up()
    os.environ.update(kept)
    how = Conditions(**conditions)
    with tempfile.TemporaryDirectory() as scratch:
        plugins = []
        for name, source in sources.items():
            plugins.append(str(Path(scratch) / name))
            Path(plugins[-1]).write_bytes(source)
        asked, store = RunSpec(**spec), Store(scratch)
        store.create()
        with _Alarm(how.limit):
            one.run(asked, store, Registry(plugins), how, lambda timesteps, word: None)
        text = store.text(asked)
    return [json.loads(line) for line in text.splitlines()]


class TooLongError(Exception):
    """A run exceeded its limit. Not a TimeoutError: that is an OSError, taken for a full disk."""


class _Alarm:
    """A limit in seconds on the code inside; a run turns it into its record's error."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        if self._seconds is not None:
            signal.signal(signal.SIGALRM, self._ring)
            signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, *_: object) -> None:
        raise TooLongError(f"took longer than its limit of {self._seconds:g} s")
