"""What the charts of a report show, as values to be written down as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np

from harness.analysis.comparison import Section
from harness.analysis.look import method, ordered, styles
from harness.analysis.scoring import points, score
from harness.analysis.table import summary
from harness.store import Record

AXES = ("timesteps", "seconds", "flops")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
POINTS = 80
"""Of a median, over the length of its axis."""

COSTS = (
    ("seconds", 1.0, "seconds of training"),
    ("flops", 1e9, "GFLOP"),
    ("activation_bytes", 1e3, "held for the backward pass, kB"),
    ("peak_memory_bytes", 1e3, "all memory, peak, kB"),
)


def as_json(value: Any) -> str:
    """JSON that can stand in a page: nothing in it opens or closes a tag; null for no number."""
    text = json.dumps(_finite(value), separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def charts(section: Section) -> dict[str, Any]:
    """The curves and costs of one setting; runs that did not complete only as marked curves."""
    # one that failed before it began says nothing of the score
    by = section.score or score(max(section.records, key=lambda r: (len(r.curve), len(r.header))))
    steps = by.rows == "curve"
    looks = _looks([line.trainer for line in section.lines])
    trainers = []
    for trainer, group, _ in section.lines:
        look = looks[trainer]
        runs = [run for record in group if (run := _run(record))["y"]]
        whole = [run for run in runs if run["status"] == "complete"]
        trainers.append({
            "name": trainer, **look, "runs": runs,
            "medians": {x: _median(whole, x, steps=steps) for x in AXES} if whole else None,
        })  # fmt: skip
    return {
        "steps": steps,
        "said": by.heading("" if steps else "validation"),
        "target": section.target,
        "trainers": trainers,
        "costs": [_cost(section, *cost) for cost in COSTS],
    }


def _run(record: Record) -> dict[str, Any]:
    rows, column = points(record), score(record).column
    return {
        "seed": record.spec.seed,
        "status": record.status,
        "y": [_short(row[column]) for row in rows],
        **{x: [_short(row[x]) for row in rows] for x in AXES},
    }


def _median(runs: Sequence[dict[str, Any]], x: str, *, steps: bool) -> dict[str, list[float]]:
    """The median over seeds at common points, where every one of them has values."""
    first, last = max(run[x][0] for run in runs), min(run[x][-1] for run in runs)
    grid = np.linspace(first, max(first, last), POINTS)
    values = []
    for run in runs:
        at, y = np.array(run[x], dtype=float), np.array(run["y"], dtype=float)
        index = np.maximum(np.searchsorted(at, grid, side="right") - 1, 0)
        values.append(y[index] if steps else np.interp(grid, at, y))
    middle = np.median(values, axis=0)
    return {"x": [_short(v) for v in grid], "y": [_short(v) for v in middle]}


def _cost(section: Section, column: str, divisor: float, said: str) -> dict[str, Any]:
    """Medians over completed runs, and their range; a trainer without any has none."""
    bars = []
    for trainer, group, _ in section.lines:
        done = [r for r in group if r.status == "complete"]
        found = [v / divisor for r in done if (v := summary(r)[column]) is not None]
        bars.append({
            "trainer": trainer, "done": len(done), "made": len(group),
            "median": _short(median(found)) if found else None,
            "low": _short(min(found)) if found else None,
            "high": _short(max(found)) if found else None,
        })  # fmt: skip
    return {"said": said, "bars": bars}


def _looks(trainers: Sequence[str]) -> dict[str, dict[str, str]]:
    """The method's colour, as in every figure; its settings told apart by their dashes."""
    methods = {trainer: method(trainer) for trainer in trainers}
    colours = styles(ordered(methods.values()))["palette"]
    mates: dict[str, int] = {}
    looks = {}
    for trainer, name in methods.items():
        rank = mates[name] = mates.get(name, -1) + 1
        looks[trainer] = {"colour": colours[name], "dash": DASHES[rank % len(DASHES)]}
    return looks


def _short(value: float) -> float:
    """Five digits, which is more than a screen shows."""
    return float(f"{value:.5g}")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
