"""Curves of methods at several windows: the colour is T, the dashes are the method."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D

from harness.analysis.pairs import by, name
from harness.store import Record, Row
from plots import _shared

SOLID = (0, ())
DASHES = {"bptt": SOLID, "tbptt": (0, (5, 1.5)), "sg": (0, (1, 1)), "dni": SOLID, "dni_aux": SOLID}


def draw(
    axes: Axes,
    records: Sequence[Record],
    rows: str,
    x: str,
    value: Callable[[Row], float],
    *,
    steps: bool = False,
    unit: float = 1.0,
) -> None:
    """The median over seeds of each trainer."""
    colours = _colours(records)
    for _, group in by(lambda r: r.spec.trainer, records).items():
        frame = _shared.on_grid(group, rows, x, value, steps=steps)
        middle = frame.groupby(x)["value"].median()
        T, method = group[0].spec.T, name(group[0])
        axes.plot(
            middle.index * unit, middle, color="black" if T is None else colours[T],
            linestyle=DASHES.get(method, (0, (3, 1, 1, 1))), linewidth=1.6 if T else 1.0,
            drawstyle="steps-post" if steps else "default",
        )  # fmt: skip


def legend(drawing: Drawing, records: Sequence[Record]) -> None:
    """One for all panels, beside them: a colour for each T, dashes for each method."""
    colours = _colours(records)
    methods = sorted({name(r) for r in records}, key=list(DASHES).index)
    listed = [Line2D([], [], color=colours[T], label=f"T = {T}") for T in colours]
    listed += [
        Line2D([], [], color="0.3" if m != "bptt" else "black", linestyle=DASHES[m], label=m,
               linewidth=1.6 if m != "bptt" else 1.0)
        for m in methods
    ]  # fmt: skip
    drawing.legend(handles=listed, loc="outside right upper", frameon=False, handlelength=3)


def _colours(records: Sequence[Record]) -> dict[int, tuple[float, float, float]]:
    windows = sorted({r.spec.T for r in records if r.spec.T is not None})
    return dict(zip(windows, sns.color_palette("colorblind", len(windows)), strict=True))
