"""What the figures share: recorded curves on a common axis, lines per trainer, panels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from harness.analysis.look import ordered, styles
from harness.analysis.table import distinct
from harness.spec import RunSpec
from harness.store import Record, Row

PANEL = (5.2, 3.6)  # inches


def completed(records: Sequence[Record], wanted: Callable[[Record], bool]) -> list[list[Record]]:
    """The completed runs among `records` that are wanted, a list per setting, seeds and trainers
    together. LookupError where there is none."""
    chosen = [r for r in distinct(records) if r.status == "complete" and wanted(r)]
    if not chosen:
        raise LookupError("no completed run to draw")
    return [list(group) for _, group in groupby(sorted(chosen, key=setting), key=setting)]


def setting(record: Record) -> tuple[Any, ...]:
    """Everything that runs in one panel share."""
    s: RunSpec = record.spec
    return (
        s.task, s.model, s.batch, s.lr, s.clip, s.timesteps, s.device, s.optimiser, s.schedule,
    )  # fmt: skip


def trained(record: Record) -> bool:
    """A run that was made for what it learns, not for what one episode costs."""
    return len(record.curve) >= 5


def on_grid(
    records: Sequence[Record],
    rows: str,
    x: str,
    value: Callable[[Row], float],
    *,
    steps: bool = False,
    points: int = 200,
) -> pd.DataFrame:
    """Recorded curves at common points of x, so that seeds can be taken together.

    rows:  "curve", "validation" or "probes"; a row without a value (NaN) is passed over
    steps: between two rows the earlier one holds; else the line between them

    A trainer is drawn where all of its seeds have values.
    """
    found = {
        record: np.array([(row[x], v) for row in getattr(record, rows)
                          if not math.isnan(v := value(row))])
        for record in records
    }  # fmt: skip
    found = {record: curve for record, curve in found.items() if len(curve)}
    grid = np.linspace(0, max(curve[-1, 0] for curve in found.values()), points + 1)
    parts = []
    for record, (at, values) in ((r, curve.T) for r, curve in found.items()):
        mates = [curve for r, curve in found.items() if r.spec.trainer == record.spec.trainer]
        first, last = max(c[0, 0] for c in mates), min(c[-1, 0] for c in mates)
        inside = grid[(grid >= first) & (grid <= last)]
        index = np.searchsorted(at, inside, side="right") - 1
        parts.append(
            pd.DataFrame({
                "trainer": record.spec.trainer, "seed": record.spec.seed, x: inside,
                "value": values[index] if steps else np.interp(inside, at, values),
            })
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def lines(axes: Axes, frame: pd.DataFrame, x: str, *, steps: bool = False) -> None:
    """A line per trainer, the median over seeds, in a band that holds every seed."""
    band = {"alpha": 0.15, "linewidth": 0} | ({"step": "post"} if steps else {})
    labels = ordered(frame["trainer"])
    style = styles(labels)
    sns.lineplot(
        frame, x=x, y="value", hue="trainer", style="trainer", hue_order=labels,
        style_order=labels, palette=style["palette"], dashes=style["dashes"],
        estimator="median", errorbar=("pi", 100), err_kws=band, linewidth=2,
        drawstyle="steps-post" if steps else "default", ax=axes,
    )  # fmt: skip
    axes.legend(title=None, frameon=False)


def panels(rows: int, columns: int, scale: float = 1.0) -> tuple[Drawing, np.ndarray[Any, Any]]:
    """An empty figure of rows × columns panels, and their axes."""
    look = {"axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": "medium"}
    sns.set_theme(style="ticks", rc=look)
    size = (scale * PANEL[0] * columns, scale * PANEL[1] * rows)
    drawing = Drawing(figsize=size, layout="constrained")
    return drawing, drawing.subplots(rows, columns, squeeze=False)


def title(records: Sequence[Record]) -> str:
    """What a panel shows: the task, and how many seeds its lines and bands stand for."""
    counts = Counter(record.spec.trainer for record in records)
    seeds = "–".join(map(str, sorted({min(counts.values()), max(counts.values())})))
    return f"{records[0].spec.task}{records[0].spec.suffix}\n" + (
        "1 seed" if seeds == "1" else f"median and range of {seeds} seeds"
    )
