"""Performance profiles: on how many tasks a trainer is within a factor of the best there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FuncFormatter, NullFormatter

from harness.analysis.look import ordered, styles
from harness.analysis.performance import profiles
from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from harness.suites import quick
from plots import _shared

DASHES: tuple[Any, ...] = (
    "solid", (0, (6, 2)), (0, (2, 1.5)), (0, (7, 1.5, 1.5, 1.5)), (0, (1, 1)), (0, (8, 4)),
    (0, (3, 1, 1, 1, 1, 1)), (0, (12, 2)),
)  # fmt: skip
SAID = {"seconds": "seconds", "flops": "FLOPs", "activation_bytes": "bytes held"}


class Profiles(Figure):
    """A panel a measure, a curve a trainer (Dolan & Moré, 2002, as AlgoPerf draws them).

    A task on which a trainer was not run counts as one that it did not do; the legend tells.
    """

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [*quick.copying(registry), *quick.language(registry)]

    def draw(self, records: Sequence[Record]) -> Drawing:
        found = {column: profiles(records, column) for column in SAID}
        if not all(found.values()):
            raise LookupError("no completed run that reached a target")
        drawing, grid = _shared.panels(1, len(found))
        for axes, (column, ratios) in zip(grid[0], found.items(), strict=True):
            labels = ordered(ratios)
            looks = _looks(labels)
            finite = [r for each in ratios.values() for r in each if r < math.inf]
            last = max(*finite, 2) * 1.1
            for label in labels:
                at = sorted(r for r in ratios[label] if r < math.inf)
                share = [(i + 1) / len(ratios[label]) for i in range(len(at))]
                run = sum(not math.isnan(ratio) for ratio in ratios[label])
                lacking = f", run on {run}" if run < len(ratios[label]) else ""
                axes.step(
                    [1, *at, last], [0, *share, share[-1] if share else 0], where="post",
                    label=label + lacking, linewidth=2, clip_on=False, **looks[label],
                )  # fmt: skip
            tasks = len(next(iter(ratios.values())))
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter(FuncFormatter(lambda tau, _: f"{tau:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set(
                xlim=(1, last), ylim=(0, 1.02), title=f"{SAID[column]} to target, {tasks} tasks",
                xlabel="τ, times the best", ylabel="share of tasks within τ",
            )  # fmt: skip
        names = list(next(iter(found.values())))
        drawing.set_figheight(max(_shared.PANEL[1], 0.24 * len(names)))  # the legend's lines
        drawing.legend(
            *grid[0, 0].get_legend_handles_labels(), loc="outside right upper", frameon=False,
            fontsize="small", handlelength=3,
        )  # fmt: skip
        return drawing


def _looks(labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The method's colour; its settings told apart by their dashes."""
    methods = ordered(label.partition("(")[0] for label in labels)
    colours = styles(methods)["palette"]
    mates = {m: [label for label in labels if label.partition("(")[0] == m] for m in methods}
    return {
        label: {"color": colours[m], "linestyle": DASHES[i % len(DASHES)]}
        for m, group in mates.items()
        for i, label in enumerate(group)
    }
