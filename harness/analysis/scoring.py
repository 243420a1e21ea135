"""What a recorded run scored: its score, its result, and the points on the way to a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from statistics import median

from harness.score import T_TASK, Score, bits
from harness.store import Record, Row


def score(record: Record) -> Score:
    """What a run is compared by: what its task says, or, for older records, what they hold.

    An older run whose rows have levels is scored by them, any other by its bits.
    """
    stated = record.header.get("score")
    if isinstance(stated, dict):
        known = {field.name for field in fields(Score)}
        return Score(**{name: value for name, value in stated.items() if name in known})
    if record.curve and record.curve[-1].get("t_task") is not None:
        return T_TASK
    return bits(str(record.header.get("unit", "bits")))


def points(record: Record) -> list[Row]:
    """The rows along training that hold the score."""
    by = score(record)
    rows = record.curve if by.rows == "curve" else record.validation
    return [row for row in rows if row.get(by.column) is not None]


def attained(record: Record) -> float | None:
    """What a run attained along training: the last level, the best validation; None: nothing."""
    by = score(record)
    values = [float(row[by.column]) for row in points(record)]
    if not values:
        return None
    return values[-1] if by.rows == "curve" else by.best(values)


def tested(record: Record) -> bool:
    """Whether the result is on a test set."""
    by = score(record)
    return by.rows == "validation" and record.end.get(f"test_{by.column}") is not None


def result(record: Record) -> float | None:
    """What a run is compared by: on the test set where there is one, else what it attained."""
    return float(record.end[result_column(record)]) if tested(record) else attained(record)


def result_column(record: Record) -> str:
    """The name of the result: t_task, test_bits, validation_accuracy."""
    by = score(record)
    if by.rows == "curve":
        return by.column
    return f"{'test' if tested(record) else 'validation'}_{by.column}"


def heading(record: Record) -> str:
    """The result in words, with its unit."""
    by = score(record)
    if by.rows == "curve":
        return by.heading()
    return by.heading("test" if tested(record) else "best validation")


def target(groups: Sequence[Sequence[Record]]) -> float:
    """What the weakest group's median run attains, or the score's `least` if that is harder.

    groups: completed runs, not empty; all of one score
    """
    found = [[v for record in group if (v := attained(record)) is not None] for group in groups]
    by = next(score(record) for group in groups for record in group)
    medians = [median(values) for values in found if values]
    weakest = by.worst(medians) if medians else by.nothing
    return weakest if by.least is None else by.best((weakest, by.least))


def first(record: Record, target: float) -> Row | None:
    """The first point of a run that reaches the target; None if none does."""
    by = score(record)
    return next((row for row in points(record) if by.reached(row[by.column], target)), None)


def cost_to(record: Record, target: float, column: str) -> float:
    """What a run took to the target, in a column of its rows; all that it took where none does."""
    return float((first(record, target) or record.curve[-1])[column])
