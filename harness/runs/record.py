"""A run written down as it goes: resumed, checkpointed, and closed with its status."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.measure import environment
from harness.registry import Registry
from harness.runs import checkpoint
from harness.runs.run import DivergenceError, Run
from harness.runs.scalars import Scalars
from harness.spec import Conditions, RunSpec
from harness.store import BusyError, Record, RecordingError, Row, Store, Writer

if TYPE_CHECKING:
    from harness.engines.stacked import Stack

CHECKPOINT_SECONDS = 5.0

Append = Callable[[str, Row], None]

Progress = Callable[[int, str], None]
"""Told how many timesteps are done, and a word on how it goes."""


def record(
    spec: RunSpec,
    registry: Registry,
    store: Store,
    progress: Progress,
    conditions: Conditions = Conditions(),  # noqa: B008 - frozen
    stack: Stack | None = None,
) -> str:
    """Run a spec, or go on with it, and record it as it goes; return its status.

    stack: what it trains in, with others
    A run that raises is recorded as failed, one whose loss is no longer a number as diverged.
    """
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

        run = Run(spec, registry, conditions.engine, stack)
        path = store.checkpoint(spec)
        resumed = None if conditions.again else _resumable(spec, there, store)
        if resumed:
            run.load_state_dict(resumed)
            where = environment.describe(run.device, registry.outside)
            append("resumed", {"timesteps": run.done["timesteps"], **where})
        else:
            path.unlink(missing_ok=True)  # of another attempt, perhaps of other code
            append("run", _header(run, registry))
        if store.damage(spec):
            store.say(f"{spec.label} {'goes on from its checkpoint' if resumed else 'begins anew'}")
        end = _follow(run, append, store, progress)
        append("end", end)
        path.unlink(missing_ok=True)
        return str(end["status"])


def _resumable(spec: RunSpec, there: Record | None, store: Store) -> dict[str, Any] | None:
    """The checkpoint that a run can go on from; None where it has to begin anew.

    It has to where the checkpoint is damaged, or where the record has lost rows before it.
    """
    try:
        state = checkpoint.load(store.checkpoint(spec), spec.id)
    except ValueError as error:
        store.say(f"{error}; {spec.label} begins anew")
        return None
    if state is None or there is None or "date" not in there.header:
        return None
    return state if state["done"]["timesteps"] <= there.sound else None


def fail(spec: RunSpec, registry: Registry, store: Store, error: str) -> str:
    """Close the record of a run that could not do so itself; return its status.

    What was finished, after all or before, stays as it is.
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
    """A writer, waited for: a process that was killed lets go of its record a moment later."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with suppress(BusyError):
            return store.open(spec)
        time.sleep(0.05)
    return store.open(spec)


def _follow(run: Run, append: Append, store: Store, progress: Progress) -> Row:
    """Write down what a run yields, to its end; return the closing row."""
    saved = time.monotonic()
    try:
        for kind, row in run.train():
            append(kind, row)
            if kind == "curve":
                progress(min(row["timesteps"], run.spec.timesteps), _word(run, row))
                if time.monotonic() - saved > CHECKPOINT_SECONDS:
                    checkpoint.save(store.checkpoint(run.spec), run.spec.id, run.state_dict())
                    saved = time.monotonic()
        return {"status": "complete", "error": None, **run.engines(), **run.summary()}
    except DivergenceError as error:
        return {"status": "diverged", "error": str(error), **run.engines(), **run.peaks}
    except RecordingError:
        raise
    except (Exception, SystemExit) as error:  # the latter: a trainer's, not ours
        return {
            "status": "failed",
            "error": f"{type(error).__name__}: {error}{_where(error)}",
            "traceback": traceback.format_exception(error),
            **run.engines(),
            **run.peaks,
        }


def _where(error: BaseException) -> str:
    """The innermost line of the project's or of a plug-in's that an error came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in Path(frame.filename).parts]
    return f" ({Path(ours[-1].filename).name}, line {ours[-1].lineno})" if ours else ""


def _word(run: Run, row: Row) -> str:
    level = "".join(f" {k[-1].upper()}={row[k]}" for k in ("level_n", "level_r") if k in row)
    return level if row["bits"] is None else f"{row['bits']:.3f} bits{level}"


def _header(run: Run, registry: Registry) -> Row:
    return {
        **asked(run.spec, registry),
        "parameters": sum(p.numel() for p in run.trainer.parameters()),
        "unit": run.task.unit,
        **run.task.provenance(),
        **environment.describe(run.device, registry.outside),
    }


def asked(spec: RunSpec, registry: Registry) -> Row:
    """What is known of a run before it begins."""
    return {
        "id": spec.id,
        "spec": asdict(spec),
        "options": {
            kind: registry.options(kind, getattr(spec, kind))
            for kind in ("task", "trainer", "model")
        },
    }
