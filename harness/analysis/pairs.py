"""Records side by side: whose runs are compared with whose."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from statistics import fmean, geometric_mean
from typing import Literal, TypeVar

from harness.analysis.table import summary
from harness.names.call import Call
from harness.store import Record

Pair = tuple[Record, Record]
K = TypeVar("K")

NONE_SOLVED = 3
"""T_task, N·R + 3, where no level is solved, or the run diverged."""


def name(record: Record) -> str:
    """The trainer's name, without its options."""
    return Call.parse(record.spec.trainer).name


def task(record: Record) -> str:
    """What is said of where a run was made: the task's name, and its text or its protocol."""
    protocol = record.header.get("options", {}).get("task", {}).get("protocol")
    kind = record.header.get("corpus") or protocol
    said = Call.parse(record.spec.task).name
    return f"{said} ({kind})" if kind else said


def setting(record: Record) -> tuple[str, str, int, int, str, str]:
    """What runs that are compared must share; the learning rate is each method's own."""
    s = record.spec
    return s.task, s.model, s.batch, s.timesteps, s.device, record.engine


def where(records: Iterable[Record]) -> str:
    """The tasks that runs are of, in words."""
    return ", ".join(sorted({task(record) for record in records}))


def of(trainer: str, **options: float) -> Callable[[Record], bool]:
    """Whether a run is of that trainer, with those options in its call; 0: not stated."""

    def matches(record: Record) -> bool:
        call = Call.parse(record.spec.trainer)
        return call.name == trainer and all(
            call.options.get(option, 0) == value for option, value in options.items()
        )

    return matches


def plain(record: Record) -> bool:
    """Whether the trainer's call states nothing but its T."""
    return set(Call.parse(record.spec.trainer).options) <= {"T"}


def tuned(records: Sequence[Record]) -> list[Record]:
    """Of each trainer at each T the plain calls, which stand for its defaults; else all."""
    kept = {(r.spec.task, name(r), r.spec.T) for r in records if plain(r)}
    return [r for r in records if plain(r) or (r.spec.task, name(r), r.spec.T) not in kept]


def by(key: Callable[[Record], K], records: Iterable[Record]) -> dict[K, list[Record]]:
    """The records in groups, by a key that sorts."""
    ordered = sorted(records, key=key)  # type: ignore[arg-type]
    return {value: list(group) for value, group in groupby(ordered, key=key)}


def pairs(
    records: Iterable[Record],
    ours: Callable[[Record], bool],
    theirs: Callable[[Record], bool],
    same: Callable[[Record], object],
) -> list[Pair]:
    """Each of our records beside the one of theirs of equal setting, seed and `same`.

    ValueError where there are two: what is compared would hang on their order.
    """
    listed = list(records)
    other: dict[object, Record] = {}
    for record in filter(theirs, listed):
        key = (setting(record), record.spec.seed, same(record))
        if key in other:
            raise ValueError(
                f"two runs of {record.spec.label} with other options in one folder: "
                "which is meant cannot be told"
            )
        other[key] = record
    return [
        (record, other[key])
        for record in filter(ours, listed)
        if (key := (setting(record), record.spec.seed, same(record))) in other
    ]


def units(
    beside: Iterable[Pair],
    values: Callable[[Record, Record], tuple[float, float]],
    mean: Literal["geometric", "arithmetic"],
) -> list[tuple[float, float]]:
    """One pair of values a setting and seed: runs of one seed at several T are no new evidence."""
    average = geometric_mean if mean == "geometric" else fmean
    grouped: dict[tuple[object, int], list[tuple[float, float]]] = {}
    for a, b in beside:
        grouped.setdefault((setting(a), a.spec.seed), []).append(values(a, b))
    return [
        (average([a for a, _ in group]), average([b for _, b in group]))
        for _, group in sorted(grouped.items())
    ]


def levelled(record: Record) -> bool:
    """Whether the task of a run has levels."""
    return bool(record.curve) and record.curve[-1].get("t_task") is not None


def span(record: Record, seconds: float = math.inf) -> int:
    """T_task of the level solved after so many seconds."""
    if record.status != "complete":
        return NONE_SOLVED
    solved = [row["t_task"] for row in record.curve if row["seconds"] <= seconds]
    return max(solved[-1], NONE_SOLVED) if solved else NONE_SOLVED


def bits(record: Record) -> float | None:
    """The score on a task without levels: on the test set, else the best on validation."""
    row = summary(record)
    score = row["test_bits"] if row["test_bits"] is not None else row["validation_bits"]
    return None if score is None else float(score)
