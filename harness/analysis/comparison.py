"""The table that answers what a method reaches and what it costs, beside the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import NamedTuple

from harness.analysis.look import ordered
from harness.analysis.table import distinct, summary
from harness.statistics import interval
from harness.store import Record, Row

COLUMNS = (
    "trainer", "seeds", "score", "updates", "seconds", "GFLOP",
    "s to target", "GFLOP to target", "activations kB", "peak kB",
)  # fmt: skip


class Score(NamedTuple):
    """What trainers are compared by: a column of the tidy table, and the rows that lead to it."""

    column: str
    digits: int
    said: str
    rows: str
    reached: Callable[[Row, float], bool]


SCORES = (
    Score("t_task", 0, "T_task of the level solved, timesteps", "curve",
          lambda row, target: row["t_task"] >= target),
    Score("test_bits", 3, "test, {unit}", "validation", lambda row, target: row["bits"] <= target),
    Score("validation_bits", 3, "best validation, {unit}", "validation",
          lambda row, target: row["bits"] <= target),
)  # fmt: skip
"""A task is scored by the first that it has."""


class Cell(NamedTuple):
    """A cell as it is printed, and the number that its column is sorted by; NaN: there is none."""

    said: str
    value: float


NOTHING = Cell("–", math.nan)


@dataclass(frozen=True, slots=True)
class Section:
    """The trainers of one setting side by side.

    said:    the setting, and where a run completed what is scored and which target is meant
    records: every run of the setting, whatever its status
    score, target: None where nothing completed
    lines:   a trainer and a cell for each of the other COLUMNS
    """

    said: tuple[str, ...]
    records: list[Record]
    score: Score | None
    target: float | None
    lines: list[tuple[str, list[Cell]]]


def comparison(records: list[Record]) -> str:
    """One table a setting, one line a trainer: medians over seeds with 95 % intervals.

    The target is what the weakest trainer reaches: the level that its median seed solves, or its
    median best validation score. Runs that did not complete are counted and left out of the
    numbers; runs of one episode, made for what it costs to hold, are for figures.
    """
    return "\n\n".join(_printed(section) for section in sections(records))


def sections(records: Sequence[Record]) -> list[Section]:
    """The tables of comparison(), to be shown in other ways."""
    trained = [record for record in distinct(records) if record.spec.timesteps > 1]
    listed = sorted(trained or records, key=_setting)
    return [_section(setting, list(group)) for setting, group in groupby(listed, key=_setting)]


def _setting(record: Record) -> str:
    s = record.spec
    return (
        f"{s.task}: {s.model}, batch {s.batch}, Adam {s.lr:g} clipped at {s.clip:g}, "
        f"{s.timesteps:,} timesteps, {s.device}"
        + (f", {record.engine}" if record.engine != "eager" else "")
    )


def _section(setting: str, records: list[Record]) -> Section:
    trainers = ordered(record.spec.trainer for record in records)
    by_trainer = {t: [r for r in records if r.spec.trainer == t] for t in trainers}
    rows = [summary(r) for r in records if r.status == "complete"]
    if not rows:
        lines = [(t, [_seeds(0, len(group))]) for t, group in by_trainer.items()]
        empty = [NOTHING] * (len(COLUMNS) - 2)
        return Section((setting,), records, None, None, [(t, [*c, *empty]) for t, c in lines])
    score = scored(rows)
    goal, unit = target(score, rows), rows[0]["unit"]
    said = f"{goal:g}" if score.rows == "curve" else f"validation {goal:.3f} {unit}"
    return Section(
        (setting, f"score: {score.said.format(unit=unit)}; target: {said}"), records, score, goal,
        [(t, _cells(group, score, goal)) for t, group in by_trainer.items()],
    )  # fmt: skip


def _printed(section: Section) -> str:
    lines = [COLUMNS, *((t, *(cell.said for cell in cells)) for t, cells in section.lines)]
    widths = [max(len(row[i]) for row in lines) for i in range(len(COLUMNS))]
    ruled = [
        row[0].ljust(widths[0])
        + "".join(f"  {cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True))
        for row in lines
    ]
    return "\n".join((*section.said, "", *ruled))


def scored(rows: Sequence[Row]) -> Score:
    """What runs of one task are compared by, read from one of their rows of the tidy table."""
    return next(s for s in SCORES if s is SCORES[-1] or rows[0][s.column] is not None)


def target(score: Score, rows: Sequence[Row]) -> float:
    """What the weakest trainer's median seed reaches; of levels at least the first."""
    column = "t_task" if score.rows == "curve" else "validation_bits"
    medians: list[float] = [
        median([row[column] for row in rows if row["trainer"] == trainer])
        for trainer in {row["trainer"] for row in rows}
    ]
    return max(min(medians), 4.0) if score.rows == "curve" else max(medians)


def first(record: Record, score: Score, target: float) -> Row | None:
    """The point of a run at which the target was reached; None where it never was."""
    rows: list[Row] = getattr(record, score.rows)
    return next((row for row in rows if score.reached(row, target)), None)


def _seeds(done: int, made: int) -> Cell:
    return Cell(str(done) if done == made else f"{done} of {made}", done)


def _cells(records: list[Record], score: Score, target: float) -> list[Cell]:
    done = [record for record in records if record.status == "complete"]
    seeds = _seeds(len(done), len(records))
    if not done:
        return [seeds, *[NOTHING] * (len(COLUMNS) - 2)]
    rows = [summary(record) for record in done]
    reached = [first(record, score, target) for record in done]
    scores = interval([row[score.column] for row in rows])
    seconds = interval([row["seconds"] for row in rows])
    updates = median([row["updates"] for row in rows])
    return [
        seeds,
        Cell(scores.said(score.digits), scores.centre),
        Cell(f"{updates:,.0f}", updates),
        Cell(seconds.said(1), seconds.centre),
        _short(median([row["flops"] for row in rows]) / 1e9),
        _short(median([row["seconds"] if row else math.inf for row in reached])),
        _short(median([row["flops"] / 1e9 if row else math.inf for row in reached])),
        _short(median([row["activation_bytes"] for row in rows]) / 1e3),
        _short(median([row["peak_memory_bytes"] for row in rows]) / 1e3),
    ]


def _short(value: float) -> Cell:
    """Three digits or all of a larger number's; a dash for a target that was not reached."""
    if math.isinf(value):
        return NOTHING
    return Cell(f"{value:,.0f}" if value >= 100 else f"{value:.3g}", value)
