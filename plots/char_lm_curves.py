"""Language modelling at several windows: validation against characters, seconds and FLOPs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import MaxNLocator

from harness.analysis.pairs import arms, by, name, task, tuned
from harness.analysis.scoring import points, score
from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from harness.suites import table1_desk
from plots import _by_window, _shared

AXES = (
    ("timesteps", None, "characters seen (millions)"),
    ("seconds", 1.0, "seconds of training alone"),
    ("flops", 1e-9, "GFLOP"),
)
BEGINNING = 0.2
"""Share of the training that the y limits ignore: it would hide the differences."""


class CharLmCurves(Figure):
    """Three rows a text, one column a T; the axes are the same along a row."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return table1_desk.language(registry)

    def draw(self, records: Sequence[Record]) -> Drawing:
        shown = [
            r
            for r in tuned([r for r in records if r.status == "complete"])
            if name(r) in ("tbptt", "dni") and r.header.get("corpus") and len(r.validation) >= 5
        ]
        if len({r.spec.T for r in shown}) < 2:
            raise LookupError("no completed runs on a text at several T to draw")
        texts = [_by_window.columns(group) for group in by(_timed, shown).values()]
        rows = [(columns, *axis) for columns in texts for axis in AXES]
        drawing, grid = _shared.panels(
            len(texts) * len(AXES), max(map(len, texts)), scale=0.5, sharex="row", sharey="row"
        )
        for axes in grid.flat:
            axes.set_visible(False)
        drawing.set_figheight(_shared.HEADROOM + 2.3 * len(rows))
        for line, (columns, x, unit, label) in zip(grid, rows, strict=True):
            group = [r for each in columns.values() for r in each]
            scale = group[0].spec.batch / 1e6 if unit is None else unit
            for axes, (said, own) in zip(line, columns.items(), strict=False):
                _draw(axes, own, x, scale)
                axes.set(visible=True, title=said, xlabel=label)
                axes.xaxis.set_major_locator(MaxNLocator(4))
            line[0].set(
                ylabel=_shared.wrapped(score(group[0]).heading("validation")), ylim=_limits(group)
            )
        seeds = len({r.spec.seed for r in shown})
        where = "; ".join(dict.fromkeys(_shared.task(r) for r in shown))
        drawing.suptitle(f"{where}, by window T: median of {seeds} seeds")
        _shared.legend(
            drawing,
            map(name, shown),
            "medians: intervals, and dni_aux and sg, are in table1. Against seconds a curve ends "
            "where its fastest seed ended.",
        )
        return drawing


def _timed(record: Record) -> tuple[str, str]:
    """The text, and the engine: seconds are drawn."""
    return task(record), record.engine


def _draw(axes: Axes, records: Sequence[Record], x: str, scale: float) -> None:
    """A line per method; if several T are drawn, the panel gets a legend of its own."""
    several = len({r.spec.T for r in records}) > 1
    frame = _by_window.curves(arms(records) if several else by(name, records), x)
    frame[x] *= scale
    _shared.lines(axes, frame, x, band=False)
    if several:
        axes.legend(frameon=False, loc="upper right", fontsize=9, handlelength=3)


def _limits(records: Sequence[Record]) -> tuple[float, float]:
    """Limits of y: the range of the later part of training."""
    by_score = score(records[0])
    late = [
        p[by_score.column]
        for r in records
        for p in points(r)
        if p["timesteps"] > BEGINNING * r.spec.timesteps
    ]
    return min(late) - 0.02, float(np.quantile(late, 0.98))
