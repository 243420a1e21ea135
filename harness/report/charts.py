"""What the charts of a report show, as values to be written down as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np

from harness.analysis.comparison import Section
from harness.analysis.look import ordered, styles
from harness.analysis.pairs import levelled
from harness.analysis.table import summary
from harness.store import Record, Row

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
    records = section.records
    steps = any(map(levelled, records))
    unit = next((r.header["unit"] for r in records if "unit" in r.header), "")
    looks = _looks([trainer for trainer, _ in section.lines])
    trainers = []
    for trainer, look in looks.items():
        group = [record for record in records if record.spec.trainer == trainer]
        runs = [run for record in group if (run := _run(record, steps=steps))["y"]]
        whole = [run for run in runs if run["status"] == "complete"]
        trainers.append({
            "name": trainer, **look, "runs": runs,
            "medians": {x: _median(whole, x, steps=steps) for x in AXES} if whole else None,
        })  # fmt: skip
    return {
        "steps": steps,
        "said": "T_task solved, timesteps" if steps else f"validation, {unit}",
        "target": section.target,
        "trainers": trainers,
        "costs": [_cost(section, *cost) for cost in COSTS],
    }


def _run(record: Record, *, steps: bool) -> dict[str, Any]:
    rows: list[Row] = record.curve if steps else record.validation
    column = "t_task" if steps else "bits"
    rows = [row for row in rows if row.get(column) is not None]
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
    for trainer, _ in section.lines:
        group = [record for record in section.records if record.spec.trainer == trainer]
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
    methods = {trainer: trainer.partition("(")[0] for trainer in trainers}
    colours = styles(ordered(methods.values()))["palette"]
    mates: dict[str, int] = {}
    looks = {}
    for trainer, method in methods.items():
        rank = mates[method] = mates.get(method, -1) + 1
        looks[trainer] = {"colour": colours[method], "dash": DASHES[rank % len(DASHES)]}
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
