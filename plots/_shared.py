"""What the figures share: recorded curves on a common axis, lines per trainer, panels, legends."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from harness.analysis import scoring
from harness.analysis.look import method, ordered, styles
from harness.analysis.pairs import arms, by
from harness.analysis.scoring import score
from harness.analysis.setting import setting
from harness.analysis.table import distinct
from harness.names.call import Call
from harness.store import Record, Row

PANEL = (5.2, 3.3)  # inches
HEADROOM = 0.9
"""Room for a title above all panels and a legend below them, inches."""

Named = Mapping[str, Sequence[Record]]
"""The runs of a panel by their names in its legend."""


def completed(
    records: Sequence[Record],
    wanted: Callable[[Record], bool],
    within: Callable[[Record], object] = setting,
) -> list[list[Record]]:
    """The completed runs among `records` that are wanted, one list per setting.

    within: `timed` where seconds are drawn
    LookupError where there is none.
    """
    chosen = [r for r in distinct(records) if r.status == "complete" and wanted(r)]
    if not chosen:
        raise LookupError("no completed run to draw")
    return list(by(within, chosen).values())


def trained(record: Record) -> bool:
    """Whether a run was made to learn, not to measure one episode."""
    return len(record.curve) >= 5


def named(group: Sequence[Record]) -> Named:
    """The runs of one setting by method, or by trainer where a method was run in several ways."""
    found = arms(group)
    names = [method(label) for label in found]
    if len(set(names)) < len(names):
        return found
    return {method(label): runs for label, runs in found.items()}


def on_grid(
    group: Named,
    rows: Callable[[Record], Sequence[Row]],
    x: str,
    value: Callable[[Row], float],
    *,
    steps: bool = False,
    points: int = 200,
) -> pd.DataFrame:
    """Recorded curves at common points of x, so that seeds can be combined.

    rows:  of a record; rows without a value (NaN) are skipped
    steps: between two rows the earlier value holds; else interpolate linearly

    A trainer is drawn where all of its seeds have values.
    """
    found = {
        label: [curve for record in runs if len(curve := _curve(rows(record), x, value))]
        for label, runs in group.items()
    }
    last = max(curve[-1, 0] for curves in found.values() for curve in curves)
    grid = np.linspace(0, last, points + 1)
    parts = []
    for label, curves in found.items():
        for seed, curve in enumerate(curves):
            begin, end = max(c[0, 0] for c in curves), min(c[-1, 0] for c in curves)
            inside = grid[(grid >= begin) & (grid <= end)]
            at, values = curve.T
            index = np.searchsorted(at, inside, side="right") - 1
            parts.append(
                pd.DataFrame({
                    "trainer": label, "seed": seed, x: inside,
                    "value": values[index] if steps else np.interp(inside, at, values),
                })
            )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def score_on_grid(group: Named, x: str, *, steps: bool = False) -> pd.DataFrame:
    """The score of runs, all of one task, along training."""
    column = score(next(iter(group.values()))[0]).column
    return on_grid(group, scoring.points, x, lambda row: float(row[column]), steps=steps)


def _curve(rows: Sequence[Row], x: str, value: Callable[[Row], float]) -> np.ndarray[Any, Any]:
    return np.array([(row[x], v) for row in rows if not math.isnan(v := value(row))])


def lines(
    axes: Axes, frame: pd.DataFrame, x: str, *, steps: bool = False, band: bool = True
) -> None:
    """A line per trainer, the median over seeds, in a band that spans all seeds."""
    labels = ordered(frame["trainer"])
    style = styles(labels)
    for i, label in enumerate(labels):
        at = frame[frame["trainer"] == label].groupby(x)["value"]
        middle, colour = at.median(), style["palette"][label]
        axes.plot(
            middle.index, middle, **line(style, label), label=label,
            markevery=(0.02 + 0.2 * i / len(labels), 0.2),
            drawstyle="steps-post" if steps else "default",
        )  # fmt: skip
        if band:
            axes.fill_between(
                middle.index, at.min(), at.max(), color=colour, alpha=0.15, linewidth=0,
                step="post" if steps else None,
            )  # fmt: skip


def line(style: Mapping[str, Mapping[str, Any]], label: str) -> dict[str, Any]:
    """Matplotlib's arguments for a trainer's line."""
    return {
        "color": style["palette"][label],
        "dashes": style["dashes"][label] or (None, None),
        "linewidth": style["widths"][label],
        "marker": style["markers"][label],
        "markersize": 6,
        "markeredgecolor": "white",
        "markeredgewidth": 0.6,
    }


def legend(drawing: Drawing, labels: Iterable[str], note: str = "", columns: int = 6) -> None:
    """One legend for all panels, below them; note: what is not drawn, or how to read what is."""
    shown = ordered(labels)
    style = styles(shown)
    drawing.legend(
        handles=[Line2D([], [], label=label, **line(style, label)) for label in shown],
        loc="outside lower center", ncols=min(len(shown), columns), frameon=False, handlelength=4,
        title=note or None, title_fontsize="small",
    )  # fmt: skip


def panels(
    rows: int, columns: int, scale: float = 1.0, **options: Any
) -> tuple[Drawing, np.ndarray[Any, Any]]:
    """An empty figure of rows × columns panels, and their axes."""
    look = {"axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": "medium"}
    sns.set_theme(style="ticks", rc=look)
    size = (scale * PANEL[0] * columns, scale * PANEL[1] * rows + HEADROOM)
    drawing = Drawing(figsize=size, layout="constrained")
    return drawing, drawing.subplots(rows, columns, squeeze=False, **options)


def levels_from_zero(axes: Axes) -> None:
    """Let y begin at zero, with a little room for lines that stay there."""
    top = max(axes.get_ylim()[1], 1.0)
    axes.set_ylim(-0.03 * top, top)


def wrapped(label: str) -> str:
    """A label wrapped to fit beside an axis."""
    return fill(label, 26)


def thousands(axes: Axes) -> None:
    """Few ticks along x, with a comma at the thousands."""
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))


def task(record: Record) -> str:
    """The task in words, with the options that its call states: Plain copy (bits 4)."""
    call = Call.parse(record.spec.task)
    corpus, data = record.header.get("corpus"), record.header.get("data")
    options = [f"{k} {v}" for k, v in call.options.items() if k not in ("corpus", "data")]
    said = f"Images: {data}" if data else call.name.replace("_", " ").capitalize()
    said = f"Text: {corpus}" if corpus else said
    return f"{said} ({', '.join(options)})" if options else said


def title(records: Sequence[Record]) -> str:
    """What a panel shows: the task, the window of its methods if they share one, the seeds."""
    windows = {r.spec.T for r in records} - {None}
    T = f", T = {windows.pop()}" if len(windows) == 1 else ""
    return f"{task(records[0])}{T}{records[0].spec.suffix}\n{seeds(records)}"


def seeds(records: Sequence[Record]) -> str:
    """How many seeds the lines and bands summarise."""
    counts = Counter(label for label, runs in arms(records).items() for _ in runs)
    found = "–".join(map(str, sorted({min(counts.values()), max(counts.values())})))
    return "1 seed" if found == "1" else f"median and range of {found} seeds"
