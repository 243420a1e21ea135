"""The table that answers what a method reaches and what it costs, beside the others."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import groupby
from statistics import median
from typing import NamedTuple

from harness.figure import ordered
from harness.statistics import interval
from harness.store import Record, Row
from harness.table import distinct, summary

COLUMNS = (
    "trainer", "seeds", "score", "updates", "seconds", "GFLOP",
    "s to target", "GFLOP to target", "held kB", "peak kB",
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


def comparison(records: list[Record]) -> str:
    """One table a setting, one line a trainer: medians over seeds with 95 % intervals.

    The target is what the weakest trainer reaches: the level that its median seed solves, or its
    median best validation score. Runs that did not complete are counted and left out of the
    numbers; runs of one episode, made for what it costs to hold, are for figures.
    """
    trained = [record for record in distinct(records) if record.spec.timesteps > 1]
    listed = sorted(trained or records, key=_setting)
    return "\n\n".join(
        _section(setting, list(group)) for setting, group in groupby(listed, key=_setting)
    )


def _setting(record: Record) -> str:
    s = record.spec
    return (
        f"{s.task}: {s.model}, batch {s.batch}, Adam {s.lr:g} clipped at {s.clip:g}, "
        f"{s.timesteps:,} timesteps, {s.device}"
    )


def _section(setting: str, records: list[Record]) -> str:
    trainers = ordered(record.spec.trainer for record in records)
    by_trainer = {t: [r for r in records if r.spec.trainer == t] for t in trainers}
    done = [r for r in records if r.status == "complete"]
    heading = setting
    if done:
        rows = [summary(record) for record in done]
        score = next(s for s in SCORES if s is SCORES[-1] or rows[0][s.column] is not None)
        target = _target(score, rows)
        unit = rows[0]["unit"]
        said = f"{target:.0f}" if score.rows == "curve" else f"validation {target:.3f} {unit}"
        heading += f"\nscore: {score.said.format(unit=unit)}; target: {said}"
        lines = [_line(t, group, score, target) for t, group in by_trainer.items()]
    else:
        lines = [
            (t, f"0 of {len(group)}", *["–"] * (len(COLUMNS) - 2))
            for t, group in by_trainer.items()
        ]
    widths = [max(len(row[i]) for row in (COLUMNS, *lines)) for i in range(len(COLUMNS))]
    ruled = [
        row[0].ljust(widths[0])
        + "".join(f"  {cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True))
        for row in (COLUMNS, *lines)
    ]
    return "\n".join((heading, "", *ruled))


def _target(score: Score, rows: list[Row]) -> float:
    """What the weakest trainer's median seed reaches; of levels at least the first."""
    column = "t_task" if score.rows == "curve" else "validation_bits"
    medians: list[float] = [
        median([row[column] for row in rows if row["trainer"] == trainer])
        for trainer in {row["trainer"] for row in rows}
    ]
    return max(min(medians), 4.0) if score.rows == "curve" else max(medians)


def _line(trainer: str, records: list[Record], score: Score, target: float) -> tuple[str, ...]:
    done = [record for record in records if record.status == "complete"]
    seeds = str(len(done)) if len(done) == len(records) else f"{len(done)} of {len(records)}"
    if not done:
        return (trainer, seeds, *["–"] * (len(COLUMNS) - 2))
    rows = [summary(record) for record in done]
    reached = [
        next((row for row in getattr(r, score.rows) if score.reached(row, target)), None)
        for r in done
    ]
    return (
        trainer,
        seeds,
        interval([row[score.column] for row in rows]).said(score.digits),
        f"{median([row['updates'] for row in rows]):,.0f}",
        interval([row["seconds"] for row in rows]).said(1),
        _short(median([row["flops"] for row in rows]) / 1e9),
        _short(median([row["seconds"] if row else math.inf for row in reached])),
        _short(median([row["flops"] / 1e9 if row else math.inf for row in reached])),
        _short(median([row["activation_bytes"] for row in rows]) / 1e3),
        _short(median([row["peak_memory_bytes"] for row in rows]) / 1e3),
    )


def _short(value: float) -> str:
    """Three digits or all of a larger number's; a dash for a target that was not reached."""
    if math.isinf(value):
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
