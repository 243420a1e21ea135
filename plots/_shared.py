"""What the figures share: recorded curves on a common axis, lines per trainer, panels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from harness.figure import styles
from harness.spec import RunSpec
from harness.store import Record, Row

PANEL = (5.2, 3.6)  # inches


def completed(records: Sequence[Record], wanted: Callable[[Record], bool]) -> list[list[Record]]:
    """The completed runs among `records` that are wanted, a list per setting, seeds and trainers
    together. LookupError where there is none."""
    chosen = [r for r in records if r.status == "complete" and wanted(r)]
    if not chosen:
        raise LookupError("no completed run to draw")
    return [list(group) for _, group in groupby(sorted(chosen, key=setting), key=setting)]


def setting(record: Record) -> tuple[Any, ...]:
    """Everything that runs in one panel share."""
    s: RunSpec = record.spec
    return s.task, s.model, s.batch, s.lr, s.clip, s.timesteps, s.device


def trained(record: Record) -> bool:
    """A run that was made for what it learns, not for what one episode costs."""
    return len(record.curve) >= 5


def on_grid(
    records: Sequence[Record], rows: str, x: str, value: Callable[[Row], float], points: int = 200
) -> pd.DataFrame:
    """Recorded curves at common points of x, so that seeds can be taken together.

    rows: "curve", "validation" or "probes". Between two rows the earlier one holds; a run is not
    drawn before its first row or beyond its last.
    """
    end = max(row[x] for record in records for row in getattr(record, rows))
    grid = np.linspace(0, end, points + 1)
    parts = []
    for record in records:
        found = [(row[x], value(row)) for row in getattr(record, rows)]
        at = np.array([position for position, _ in found])
        values = np.array([v for _, v in found], dtype=float)
        index = np.searchsorted(at, grid, side="right") - 1
        seen = (index >= 0) & (grid <= at[-1] + end / points)
        parts.append(
            pd.DataFrame({
                "trainer": record.spec.trainer, "seed": record.spec.seed,
                x: grid[seen], "value": values[index[seen]],
            })
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def lines(axes: Axes, frame: pd.DataFrame, x: str, **looks: Any) -> None:
    """A line per trainer, the median over seeds, in a band that holds every seed."""
    labels = sorted(frame["trainer"].unique())
    style = styles(labels)
    sns.lineplot(
        frame, x=x, y="value", hue="trainer", style="trainer", hue_order=labels,
        style_order=labels, palette=style["palette"], dashes=style["dashes"],
        estimator="median", errorbar=("pi", 100), err_kws={"alpha": 0.15, "linewidth": 0},
        ax=axes, **looks,
    )  # fmt: skip
    axes.legend(title=None, frameon=False)


def panels(rows: int, columns: int) -> tuple[Drawing, np.ndarray[Any, Any]]:
    """An empty figure of rows × columns panels, and their axes."""
    sns.set_theme(style="ticks", rc={"axes.spines.top": False, "axes.spines.right": False})
    drawing = Drawing(figsize=(PANEL[0] * columns, PANEL[1] * rows), layout="constrained")
    return drawing, drawing.subplots(rows, columns, squeeze=False)


def seeds_said(records: Sequence[Record]) -> str:
    """How many seeds a panel shows."""
    n = len({record.spec.seed for record in records})
    return f"{n} seed" + ("s: median, range" if n > 1 else "")
