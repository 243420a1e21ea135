"""A run recorded as it goes: resumed, checkpointed, and closed with its status."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from harness.measure import environment
from harness.names.call import Call
from harness.registry import Registry
from harness.runs import checkpoint
from harness.runs.crew import WorkerError, begun
from harness.runs.run import DivergenceError, Run
from harness.runs.scalars import Scalars
from harness.runs.shared import Shared
from harness.spec import Conditions, RunSpec
from harness.store import BusyError, Record, RecordingError, Row, Store, Writer

if TYPE_CHECKING:
    from harness.engines.stacked import Going, Stack

CHECKPOINT_SECONDS, PROGRESS_SECONDS = 5.0, 0.5
"""Between two checkpoints, and two progress reports: by the clock, after any episode."""

SAVING_SHARE = 0.01
"""Share of a run's time that saving may take; a large model is saved less often."""

R = TypeVar("R")

Append = Callable[[str, Row], None]

Progress = Callable[[int, str], None]
"""Called with the timesteps done, and a short text on how the run goes."""


def record(
    spec: RunSpec,
    registry: Registry,
    store: Store,
    progress: Progress,
    conditions: Conditions = Conditions(),  # noqa: B008 - frozen
) -> str:
    """Run or resume a spec, and record it as it goes; return its status.

    A run that raises is recorded as failed, one whose loss is no longer finite as diverged.
    """
    return driven(recording(spec, registry, store, progress, conditions))


def driven(run: Going[R]) -> R:
    """Drive a run that waits for no other until it ends; return what it returned."""
    try:
        while True:
            next(run)
    except StopIteration as end:
        result: R = end.value
        return result


def recording(
    spec: RunSpec,
    registry: Registry,
    store: Store,
    progress: Progress,
    conditions: Conditions,
    stack: Stack | None = None,
    shared: Shared | None = None,
) -> Going[str]:
    """record(), for a stack to drive: it yields while others make its updates."""
    with ExitStack() as opened:
        writer = opened.enter_context(store.open(spec))
        there = store.record(spec)
        if there and there.finished and not conditions.again:
            return there.status
        sinks = [writer.append]
        if conditions.tensorboard:
            sinks.append(opened.enter_context(Scalars(conditions.tensorboard, spec)).append)

        def append(kind: str, row: Row) -> None:
            for sink in sinks:
                sink(kind, row)

        run = begun(spec, registry, conditions, stack, shared)
        opened.callback(run.close)
        path = store.checkpoint(spec)
        resumed = None if conditions.again else _resumable(spec, there, store)
        if resumed:
            run.load_state_dict(resumed)
            where = environment.describe(run.device, registry.outside)
            append("resumed", {"timesteps": run.done["timesteps"], **where})
        else:
            path.unlink(missing_ok=True)  # of another attempt, perhaps of other code
            with run.spent.on("recording"):
                append("run", _header(run, registry))
        if store.damage(spec):
            store.say(f"{spec.label} {'resumes from its checkpoint' if resumed else 'starts over'}")
        told = resumed.get("told", 0) if resumed else 0
        end = yield from _follow(run, append, writer, store, progress, registry, told)
        append("end", {**end, "spent": run.seconds()})
        if not run.lost:
            path.unlink(missing_ok=True)
        return str(end["status"])


def _resumable(spec: RunSpec, there: Record | None, store: Store) -> dict[str, Any] | None:
    """The checkpoint that a run can resume from; None where it has to start over.

    It has to if the checkpoint is damaged, or if the record has lost rows before it.
    """
    try:
        state = checkpoint.load(store.checkpoint(spec), spec.id)
    except ValueError as error:
        store.say(f"{error}; {spec.label} starts over")
        return None
    if state is None or (there and state["done"]["timesteps"] > there.sound):
        return None
    began = there and "date" in there.header
    rows = [*there.curve[-1:], *there.validation[-1:], *there.probes[-1:]] if there else []
    if not began or state.get("told", 0) > max((row["timesteps"] for row in rows), default=0):
        store.say(f"the record of {spec.label} ends before its checkpoint; the run starts over")
        return None
    return state


def fail(spec: RunSpec, registry: Registry, store: Store, error: str) -> str:
    """Close the record of a run that could not do so itself; return its status.

    A run that has finished meanwhile stays as it is.
    """
    with _opened(spec, store) as writer:
        there = store.record(spec)
        if there and there.finished:
            return there.status
        if there is None:
            writer.append("run", asked(spec, registry))
        writer.append("end", {"status": "failed", "error": error})
    return "failed"


def _opened(spec: RunSpec, store: Store) -> Writer:
    """A writer, once it is free: a killed process releases its record a moment later."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with suppress(BusyError):
            return store.open(spec)
        time.sleep(0.05)
    return store.open(spec)


def _follow(
    run: Run,
    append: Append,
    writer: Writer,
    store: Store,
    progress: Progress,
    registry: Registry,
    told: int,
) -> Going[Row]:
    """Record what a run yields after timestep `told`, to its end; return the closing row."""
    save_at = time.monotonic() + CHECKPOINT_SECONDS
    tell_at, bits = 0.0, None
    try:
        for kind, row in run.train():
            if kind == "waiting":
                yield row["engine"]
                continue
            if kind != "episode":
                with run.spent.on("recording"):
                    append(kind, row)
                told = row["timesteps"]
                bits = row["bits"] if kind == "curve" else bits
                continue
            now = time.monotonic()
            if now >= tell_at:
                with run.spent.on("recording"):
                    progress(min(row["timesteps"], run.spec.timesteps), _word(bits, row))
                tell_at = now + PROGRESS_SECONDS
            if now >= save_at:
                with run.spent.on("recording"):
                    writer.settle()  # or a resumed run would lack rows from before it
                    state = {**run.state_dict(), "told": told}
                    checkpoint.save(store.checkpoint(run.spec), run.spec.id, state)
                took = time.monotonic() - now
                save_at = now + took + max(CHECKPOINT_SECONDS, took / SAVING_SHARE)
        return {"status": "complete", "error": None, **run.engines(), **run.summary()}
    except DivergenceError as error:
        return {"status": "diverged", "error": str(error), **run.engines(), **run.costs.peaks}
    except RecordingError:
        raise
    except WorkerError as error:
        said = {"traceback": error.said} if error.said else {}
        return {"status": "failed", "error": str(error), **said, **run.engines(), **run.costs.peaks}
    except (Exception, SystemExit) as error:  # SystemExit: a trainer's, not ours
        return {
            "status": "failed",
            "error": f"{type(error).__name__}: {error}{_where(error, run.spec, registry)}",
            "traceback": traceback.format_exception(error),
            **run.engines(),
            **run.costs.peaks,
        }


def _where(error: BaseException, spec: RunSpec, registry: Registry) -> str:
    """The innermost line of a plug-in in an error's traceback, or else of the project.

    Where no line of a plug-in is in it, but the run uses one, that file is named as well.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename) in registry.outside]
    ours = own or [f for f in frames if "site-packages" not in Path(f.filename).parts]
    if not ours:
        return ""
    line = f"{Path(ours[-1].filename).name}, line {ours[-1].lineno}"
    entries = (registry.entry(kind, Call.parse(call).name) for kind, call in spec.calls.items())
    used = dict.fromkeys(each.path.name for each in entries if each.path in registry.outside)
    return f" ({line})" if own or not used else f" ({', '.join(used)}; noticed in {line})"


def _word(bits: float | None, row: Row) -> str:
    """How a run is doing: the bits of its last point, the level solved."""
    level = [f"{k[-1].upper()}={row[k]}" for k in ("level_n", "level_r") if k in row]
    return " ".join([*([] if bits is None else [f"{bits:.3f} bits"]), *level])


def _header(run: Run, registry: Registry) -> Row:
    return {
        **asked(run.spec, registry),
        "parameters": sum(p.numel() for p in run.trainer.parameters()),
        "unit": run.task.unit,
        "score": asdict(run.task.score),
        **run.task.provenance(),
        **environment.describe(run.device, registry.outside),
    }


def asked(spec: RunSpec, registry: Registry) -> Row:
    """What is known of a run before it begins."""
    return {
        "id": spec.id,
        "spec": spec.to_dict(),
        "options": {kind: registry.options(kind, call) for kind, call in spec.calls.items()},
    }
