"""Performance profiles: on how many problems a method is within a factor of the best there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, PercentFormatter

from harness.analysis.look import ordered, styles
from harness.analysis.performance import at_best, at_equal_T
from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from harness.suites import quick
from plots import _shared

MEASURES = {"seconds": "seconds", "flops": "FLOPs", "activation_bytes": "activation bytes"}
LARGEST = 32.0
"""τ at which the axes end; what takes longer is not shown."""


class Profiles(Figure):
    """A row a measure, a curve a method (Dolan & Moré, 2002, as AlgoPerf draws them).

    Left: each method at its best T; beside it, a panel for every T, methods at equal T. A problem
    is a setting and a seed; one on which a method was not run counts as not solved.
    """

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [*quick.copying(registry), *quick.language(registry)]

    def draw(self, records: Sequence[Record]) -> Drawing:
        rows = []
        for column in MEASURES:
            best = at_best(records, column)
            equal = at_equal_T(records, column)
            rows.append({"each at its best T": best, **{f"T = {T}": p for T, p in equal.items()}})
        if not any(each for row in rows for each in row.values()):
            raise LookupError("no completed run that reached a target")
        width = max(map(len, rows))
        drawing, grid = _shared.panels(
            len(rows), width, scale=0.5 if width > 2 else 0.8, sharex=True, sharey=True
        )
        drawing.set_figheight(_shared.HEADROOM + 2.1 * len(rows))
        for line, row, said in zip(grid, rows, MEASURES.values(), strict=True):
            for axes, (title, ratios) in zip(line, row.items(), strict=True):
                _draw(axes, ratios)
                if row is rows[0]:
                    axes.set_title(f"{title}\n{_problems(ratios)} problems")
            line[0].set(ylabel=f"share of problems:\n{said}")
        for axes in grid[-1]:
            axes.set_xlabel("τ")
        drawing.suptitle("How often a method reaches the target within τ times what the best took")
        _shared.legend(
            drawing,
            {m for row in rows for ratios in row.values() for m in ratios},
            "problem: one setting (task, budget, ...) and one seed; τ: what a method took to the "
            "target there, over what the best method took",
        )
        return drawing


def _problems(ratios: Mapping[str, Sequence[float]]) -> int:
    return len(next(iter(ratios.values()), ()))


def _draw(axes: Axes, ratios: Mapping[str, Sequence[float]]) -> None:
    labels = ordered(ratios)
    style = styles(labels)
    for i, label in enumerate(labels):
        at = sorted(r for r in ratios[label] if r < math.inf)
        share = [(k + 1) / len(ratios[label]) for k in range(len(at))]
        axes.step(
            [1, *at, max(LARGEST, *at, 1)], [0, *share, share[-1] if share else 0], where="post",
            markevery=(0.02 + 0.25 * i / len(labels), 0.25), **_shared.line(style, label),
        )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set(xlim=(0.97, LARGEST), ylim=(0, 1.03))
    axes.xaxis.set_major_locator(FixedLocator([1, 2, 4, 8, 16, 32]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda tau, _: f"{tau:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
