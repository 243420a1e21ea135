"""What the charts of a report show, as values for JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from harness.analysis.comparison import Section
from harness.analysis.look import styles
from harness.analysis.scoring import score
from harness.analysis.table import summary
from harness.store import Record, Row

AXES = ("timesteps", "seconds", "flops")
"""What curves are drawn against; not against seconds where several engines made the runs."""

INK = "#000000"
POINTS = 80
"""Of a median, along its axis."""

COSTS = (
    ("seconds", 1.0, "Seconds of training"),
    ("flops", 1e9, "GFLOP"),
    ("activation_bytes", 1e3, "Held for the backward pass, kB"),
    ("peak_memory_bytes", 1e3, "Peak of all memory, kB"),
)


class Charted(NamedTuple):
    """What the curves of a setting show: a column, the rows that hold it, and its label."""

    column: str
    rows: str
    steps: bool
    said: str


def as_json(value: Any) -> str:
    """JSON that is safe in a page: it cannot open or close a tag; null for NaN and infinity."""
    text = json.dumps(_finite(value), separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


class Bar(NamedTuple):
    """A cost of one trainer over its completed runs.

    done, made: how many runs completed, and how many there are in all
    said:       the median and, where runs differ, their range; None where no run completed
    percent:    the median, the least and the most, in per cent of the chart's width
    """

    trainer: str
    colour: str
    done: int
    made: int
    said: str | None
    percent: tuple[float, ...]


def charted(section: Section) -> Charted:
    """What the setting is scored by, along training."""
    # a run that failed before it began does not state the score
    by = section.score or score(max(section.records, key=lambda r: (len(r.curve), len(r.header))))
    steps = by.rows == "curve"
    return Charted(by.column, by.rows, steps, by.heading("" if steps else "validation"))


def charts(section: Section) -> dict[str, Any]:
    """The curves of one setting; runs that did not complete appear only as marked curves."""
    what, look, trainers = charted(section), looks(section), []
    axes = [x for x in AXES if not (section.apart and x == "seconds")]
    for trainer, group in _groups(section).items():
        runs = [run for record in group if (run := _run(record, what, axes))["y"]]
        whole = [run for run in runs if run["status"] == "complete"]
        trainers.append({
            "name": trainer, **look[trainer], "runs": runs,
            "medians": {x: _median(whole, x, steps=what.steps) for x in axes} if whole else None,
        })  # fmt: skip
    return {
        "task": section.said[0].partition(": ")[0],
        "axes": axes,
        "steps": what.steps,
        "said": what.said,
        "target": section.target,
        "trainers": trainers,
    }


def costs(section: Section) -> list[tuple[str, list[Bar]]]:
    """What the trainers of one setting cost: per chart, a heading and a bar for each trainer."""
    return [
        (said, _bars(section, column, unit))
        for column, unit, said in COSTS
        if not (section.apart and column == "seconds")
    ]


def _run(record: Record, what: Charted, axes: Sequence[str]) -> dict[str, Any]:
    rows: list[Row] = getattr(record, what.rows)
    rows = [row for row in rows if row.get(what.column) is not None]
    return {
        "seed": record.spec.seed,
        "status": record.status,
        "y": [_short(row[what.column]) for row in rows],
        **{x: [_short(row[x]) for row in rows] for x in axes},
    }


def _median(runs: Sequence[dict[str, Any]], x: str, *, steps: bool) -> dict[str, list[float]]:
    """The median over seeds at common points, where all seeds have values."""
    first, last = max(run[x][0] for run in runs), min(run[x][-1] for run in runs)
    grid = np.linspace(first, max(first, last), POINTS)
    values = []
    for run in runs:
        at, y = np.array(run[x], dtype=float), np.array(run["y"], dtype=float)
        index = np.maximum(np.searchsorted(at, grid, side="right") - 1, 0)
        values.append(y[index] if steps else np.interp(grid, at, y))
    middle = np.median(values, axis=0)
    return {"x": [_short(v) for v in grid], "y": [_short(v) for v in middle]}


def _groups(section: Section) -> dict[str, list[Record]]:
    """The runs of every trainer, in the order of the table."""
    return {trainer: group for trainer, group, _ in section.lines}


def _bars(section: Section, column: str, unit: float) -> list[Bar]:
    look, found = looks(section), {}
    for trainer, group in _groups(section).items():
        done = [summary(record)[column] for record in group if record.status == "complete"]
        found[trainer] = len(done), len(group), [v / unit for v in done if v is not None]
    full = max((v for *_, values in found.values() for v in values), default=0) or 1
    bars = []
    for trainer, (n, made, values) in found.items():
        ends = (median(values), min(values), max(values)) if values else ()
        middle, *between = map(_said, ends) if ends else (None,)
        said = f"{middle} [{', '.join(between)}]" if len(set(between)) > 1 else middle
        percent = tuple(round(100 * end / full, 2) for end in ends)
        bars.append(Bar(trainer, look[trainer]["colour"], n, made, said, percent))
    return bars


def looks(section: Section) -> dict[str, dict[str, Any]]:
    """How a trainer's lines look, as in every figure; black becomes light in dark mode.

    dash is in line widths, width in pixels.
    """
    trainers = list(_groups(section))
    style = styles(trainers)
    widths = style["widths"]
    found = {}
    for trainer in trainers:
        colour = style["palette"][trainer]
        found[trainer] = {
            "colour": "var(--ink)" if colour == INK else colour,
            "dash": list(style["dashes"][trainer]),
            "width": round(widths[trainer] * 4 / 3, 2),  # a point is 4/3 pixels
        }
    return found


def _said(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _short(value: float) -> float:
    """Five digits, more than a screen can show."""
    return float(f"{value:.5g}")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
