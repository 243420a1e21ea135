"""The table of what each method reaches and what it costs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from harness.analysis.look import ordered
from harness.analysis.pairs import arms, by, common_rates
from harness.analysis.scoring import first, heading, result, score, target
from harness.analysis.setting import APART, described, engines, setting
from harness.analysis.table import brackets, distinct, summary
from harness.analysis.text import aligned
from harness.score import Score
from harness.statistics import interval
from harness.store import Record

HEADER = (
    "trainer", "seeds", "score", "updates", "seconds", "GFLOP",
    "s to target", "GFLOP to target", "activations kB", "peak kB",
)  # fmt: skip
SECONDS = ("seconds", "s to target")
"""Columns that are blank where runs of several engines are in one table."""

TRACE = "trace kB"
"""A further column where a method keeps a trace."""


class Cell(NamedTuple):
    """A cell as it is printed, and the number that its column is sorted by; NaN: no number."""

    said: str
    value: float


NOTHING = Cell("–", math.nan)


class Line(NamedTuple):
    """A trainer: its label, its runs whatever their status, a cell for each further column."""

    trainer: str
    records: list[Record]
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Section:
    """The trainers of one setting side by side.

    header:  names of the columns
    said:    the setting; then, if any run completed, the score and the target, and what is left out
    apart:   whether seconds are left out, since several engines made the runs
    records: every run of the setting, whatever its status
    score, target: None where nothing completed
    lines:   by trainer
    """

    header: tuple[str, ...]
    said: tuple[str, ...]
    apart: bool
    records: list[Record]
    score: Score | None
    target: float | None
    lines: list[Line]


def comparison(records: Sequence[Record]) -> str:
    """One table per setting, one line per trainer: medians over seeds with their intervals.

    The target is what the weakest trainer reaches: the level that its median seed solves, or its
    median best validation score. Runs that did not complete are counted and left out of the
    numbers; runs of one episode, which only measure memory, are left to the figures. Seconds are
    left out where several engines made the runs.
    """
    return "\n\n".join(_printed(section) for section in sections(records))


def sections(records: Sequence[Record]) -> list[Section]:
    """The tables of comparison() as data, for a report to show."""
    trained = [record for record in distinct(records) if record.spec.timesteps > 1]
    return [_section(group) for group in by(setting, trained or records).values()]


def _section(records: list[Record]) -> Section:
    groups = arms(records)
    labels = ordered(groups)
    where, apart = described(records, common_rates(records)), len(engines(records)) > 1
    header = HEADER + (TRACE,) * any(record.end.get("trace_bytes") for record in records)
    done = [[r for r in groups[label] if r.status == "complete"] for label in labels]
    some = [group for group in done if group]
    if not some:
        empty = [NOTHING] * (len(header) - 2)
        lines = [Line(t, groups[t], [_seeds(0, len(groups[t])), *empty]) for t in labels]
        return Section(header, (where,), apart, records, None, None, lines)
    goal, one = target(some), some[0][0]
    about = f"score: {heading(one)}; target: {score(one).goal(goal)}"
    spread = brackets(*map(len, some))
    said = [where, f"{about}; in brackets: {spread}" if spread else about]
    if gone := left_out(records):
        said.append(gone)
    if apart:
        said.append(APART)
    shown = [column for column in header if not (apart and column in SECONDS)]
    lines = [
        Line(label, groups[label], _cells(groups[label], goal, header, shown)) for label in labels
    ]
    return Section(header, tuple(said), apart, records, score(one), goal, lines)


def left_out(records: Sequence[Record]) -> str:
    """How many runs are counted and in no number, by what became of them; empty: none."""
    broke = Counter(record.status for record in records if record.status != "complete")
    said = ", ".join(f"{n} {status}" for status, n in sorted(broke.items()))
    return f"left out: {said}" if said else ""


def _printed(section: Section) -> str:
    rows = [section.header, *((t, *(cell.said for cell in cells)) for t, _, cells in section.lines)]
    return "\n".join((*section.said, "", *aligned(rows)))


def _seeds(done: int, made: int) -> Cell:
    return Cell(str(done) if done == made else f"{done} of {made}", done)


def _cells(
    records: Sequence[Record], target: float, header: Sequence[str], shown: Sequence[str]
) -> list[Cell]:
    """A cell for each column but the first, blank where it is not shown."""
    done = [record for record in records if record.status == "complete"]
    seeds = _seeds(len(done), len(records))
    if not done:
        return [seeds, *[NOTHING] * (len(header) - 2)]
    rows = [summary(record) for record in done]
    reached = [first(record, target) for record in done]
    scores = interval([value for record in done if (value := result(record)) is not None])
    seconds = interval([row["seconds"] for row in rows])
    updates = median([row["updates"] for row in rows])
    cells = [
        seeds,
        Cell(scores.said(score(done[0]).digits), scores.centre),
        Cell(f"{updates:,.0f}", updates),
        Cell(seconds.said(1), seconds.centre),
        _short(median([row["flops"] for row in rows]) / 1e9),
        _short(median([row["seconds"] if row else math.inf for row in reached])),
        _short(median([row["flops"] / 1e9 if row else math.inf for row in reached])),
        _short(median([row["activation_bytes"] for row in rows]) / 1e3),
        _short(median([row["peak_memory_bytes"] for row in rows]) / 1e3),
        _short(median([row["trace_bytes"] for row in rows]) / 1e3),
    ]
    named = zip(header[1:], cells, strict=False)  # a trace may have no column
    return [cell if column in shown else NOTHING for column, cell in named]


def _short(value: float) -> Cell:
    """Three digits, or all digits of a larger number; a dash for a target that was not reached."""
    if math.isinf(value):
        return NOTHING
    return Cell(f"{value:,.0f}" if value >= 100 else f"{value:.3g}", value)
