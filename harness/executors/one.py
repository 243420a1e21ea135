"""One run, from its spec to its record, in the calling process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.registry import Registry
from harness.runs.record import Progress, driven, fail, recording
from harness.runs.shared import Shared
from harness.spec import Conditions, RunSpec
from harness.store import BusyError, RecordingError, Store

if TYPE_CHECKING:
    from harness.engines.stacked import Going, Stack


def run(
    spec: RunSpec,
    store: Store,
    registry: Registry,
    conditions: Conditions,
    progress: Progress,
    shared: Shared | None = None,
) -> str:
    """Run a spec, and record it; return how it ended.

    That is its status, or "busy" if another process is running it. Only RecordingError is raised:
    the disk is full, and no other run can go on either.
    """
    return driven(going(spec, store, registry, conditions, progress, shared=shared))


def going(
    spec: RunSpec,
    store: Store,
    registry: Registry,
    conditions: Conditions,
    progress: Progress,
    stack: Stack | None = None,
    shared: Shared | None = None,
) -> Going[str]:
    """run(), for a stack to drive."""
    try:
        return (yield from recording(spec, registry, store, progress, conditions, stack, shared))
    except BusyError:
        return "busy"
    except RecordingError:
        raise
    except (Exception, SystemExit) as error:  # before it began, or from its scalars
        return close(spec, store, registry, conditions, f"{type(error).__name__}: {error}")


def close(
    spec: RunSpec, store: Store, registry: Registry, conditions: Conditions, error: str
) -> str:
    """Record that a run failed, for one that could not; return how it ended, as run() does."""
    try:
        status = fail(spec, registry, store, error)
    except BusyError:
        return "busy"
    return "failed" if conditions.again else status
