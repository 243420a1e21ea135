"""What the records of decoupled layers say of themselves: the call, the layers, the cuts."""

from __future__ import annotations

from collections.abc import Callable

from harness.names.call import Call, canonical
from harness.store import Record

POINTS = 100
"""Percentage points in an accuracy of 1."""


def is_call(trainer: str, lr: float | None = None) -> Callable[[Record], bool]:
    """A test whether a run has exactly that trainer, and that rate if one is given."""
    wanted = canonical(trainer)
    return lambda record: record.spec.trainer == wanted and lr in (None, record.spec.lr)


def layers(record: Record) -> int:
    """Hidden layers of a run's network; 0 where its call does not say."""
    return int(Call.parse(record.spec.model).options.get("layers", 0))


def cuts(record: Record) -> int:
    """How many synthesisers a run's chain has."""
    stated = Call.parse(record.spec.trainer).options.get("cuts")
    return layers(record) if stated is None else len(stated)


def conditioned(record: Record) -> bool:
    """Whether a run's synthesisers read the label."""
    return bool(Call.parse(record.spec.trainer).options.get("conditioned", True))
