"""The paper's feed-forward table: error by layers and method, measured above published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from harness.analysis.layers import POINTS, is_call, layers
from harness.analysis.pairs import by
from harness.analysis.scoring import result
from harness.analysis.table import brackets
from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.statistics import interval
from harness.store import Record
from harness.suites import depth, quick
from plots import _shared

METHODS = tuple(zip(depth.TRAINERS, ("backpropagation", "DNI", "cDNI"), strict=True))
PUBLISHED = {
    3: (2.0, 1.9, 2.2), 4: (1.8, 2.2, 1.9), 5: (1.8, 3.4, 1.7), 6: (1.8, 4.3, 1.6),
}  # fmt: skip
"""Jaderberg et al. (2017), MNIST test error in %, by layers, as METHODS; single runs, recalled."""

WIDTH, HEIGHT = 1.5, 0.78  # of a cell, inches
NAMES = 1.6
"""Width of the column of row names, in cells."""


class TableDepth(Figure):
    """One block of columns a data set, one row a depth."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return quick.layers()

    def draw(self, records: Sequence[Record]) -> Drawing:
        listed = [r for r in records if r.status == "complete" and _shared.trained(r)]
        chosen = [r for r in listed if any(_is(call)(r) for call, _ in METHODS) and layers(r)]
        if not any(is_call("dni_depth")(r) for r in chosen):
            raise LookupError("no completed run of dni_depth to put into the table")
        depths = sorted({layers(record) for record in chosen})
        groups = list(by(lambda r: r.spec.task, chosen).values())
        columns = len(METHODS) * len(groups)
        drawing = Drawing(figsize=(WIDTH * (columns + NAMES), HEIGHT * (len(depths) + 2.2)))
        axes = drawing.add_axes((0, 0, 1, 1))
        axes.set(xlim=(-NAMES, columns), ylim=(len(depths) + 0.6, -1.6))
        axes.axis("off")
        axes.text(-NAMES + 0.1, -1.3, "Layers decoupled by synthetic gradients: test error, %",
                  va="center", fontsize=12)  # fmt: skip
        for y, hidden in enumerate(depths):
            axes.text(-NAMES + 0.1, y + 0.5, f"{hidden} layers", va="center", weight="bold")
            axes.plot([-NAMES, columns], [y, y], color="0.3" if y == 0 else "0.85", linewidth=1)
        for number, group in enumerate(groups):
            _block(axes, number * len(METHODS), group, depths)
        axes.plot([-NAMES, columns], [len(depths)] * 2, color="0.3", linewidth=1)
        axes.text(
            -NAMES + 0.1, len(depths) + 0.3,
            "bold: measured, linear synthesisers, median over seeds; under it the "
            + brackets(len({record.spec.seed for record in chosen}))
            + ("\ngrey: as published, recalled: single runs; DNI with M of two layers of 1,024"
               if _on_mnist(groups) else ""),
            va="center", fontsize=9,
        )  # fmt: skip
        return drawing


def _block(axes: Axes, x: int, group: Sequence[Record], depths: Sequence[int]) -> None:
    axes.text(x + len(METHODS) / 2, -0.85, _shared.task(group[0]), ha="center", va="center",
              weight="bold")  # fmt: skip
    for i, (call, said) in enumerate(METHODS):
        axes.text(x + i + 0.5, -0.3, said, ha="center", va="center")
        for y, hidden in enumerate(depths):
            own = [r for r in group if _is(call)(r) and layers(r) == hidden]
            errors = [POINTS * (1 - value) for r in own if (value := result(r)) is not None]
            at: dict[str, Any] = {"ha": "center", "va": "center"}
            if errors:
                found = interval(errors)
                axes.text(x + i + 0.5, y + 0.24, f"{found.centre:.1f}", weight="bold",
                          fontsize=12, **at)  # fmt: skip
                low = abs(round(found.low, 1))  # no error is 0.0, not -0.0
                spread = f"{low:.1f}–{found.high:.1f}" if found.n > 1 else "1 seed"
                axes.text(x + i + 0.5, y + 0.52, spread, fontsize=8.5, **at)
            if hidden in PUBLISHED and _on_mnist([group]):
                axes.text(x + i + 0.5, y + 0.79, f"{PUBLISHED[hidden][i]:.1f}", color="0.5",
                          style="italic", fontsize=9.5, **at)  # fmt: skip


def _on_mnist(groups: Sequence[Sequence[Record]]) -> bool:
    return any("mnist" in group[0].spec.task for group in groups)


def _is(call: str) -> Callable[[Record], bool]:
    """A test whether a run has that trainer, at the rate of its method."""
    return is_call(call, depth.rate(call))
