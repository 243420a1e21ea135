"""What the records of runs that processes share say of themselves: the way, the speed."""

from __future__ import annotations

from collections.abc import Callable

from harness.store import Record
from harness.suites.workers import Way, run


def is_way(way: Way) -> Callable[[Record], bool]:
    """A test whether a run is shared and trained so."""
    wanted = run(way, seed=0)
    return lambda record: (record.spec.workers, record.spec.trainer) == (
        wanted.workers, wanted.trainer,
    )  # fmt: skip


def examples_per_second(record: Record) -> float:
    """Images trained on, by the seconds of training."""
    end = record.curve[-1]
    return float(end["timesteps"] * record.spec.batch / end["seconds"])
