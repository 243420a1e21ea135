"""Whether a synthetic gradient pays: cost to an accuracy beside backpropagation's."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from harness.analysis.layers import is_call
from harness.analysis.pairs import pairs
from harness.analysis.scoring import cost_to
from harness.analysis.setting import timed
from harness.analysis.table import brackets
from harness.claims.dear_backward import GOAL, multiple, nth
from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.statistics import ratio
from harness.store import Record
from harness.suites import backward_cost
from plots import _shared

LINES = (("#009e73", "D", (None, None)), ("#0072b2", "s", (8, 2)), ("#d55e00", "o", (4, 2)))
"""Colour, marker and dashes, by how often the whole chain runs."""


class BackwardCost(Figure):
    """Left in FLOPs, right in seconds; below 1 the synthetic gradient pays."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return backward_cost.dear()

    def draw(self, records: Sequence[Record]) -> Drawing:
        groups = _shared.completed(records, lambda r: _shared.trained(r) and bool(multiple(r)))
        dear = [record for group in groups for record in group]
        drawing, ((left, right),) = _shared.panels(1, 2, sharey=True)
        counts = set[int]()
        for axes, column, words in ((left, "flops", "FLOPs"), (right, "seconds", "seconds")):
            for every, (colour, marker, dashes) in zip(backward_cost.EVERY, LINES, strict=True):
                call = backward_cost.call(1, every)
                beside = pairs(dear, is_call(call), is_call("bptt"), lambda r: None, within=timed)
                at = sorted({multiple(a) for a, _ in beside})
                found = [
                    ratio([(cost_to(a, GOAL, column), cost_to(b, GOAL, column))
                           for a, b in beside if multiple(a) == m]).effect
                    for m in at
                ]  # fmt: skip
                counts |= {each.n for each in found}
                middle = [each.centre for each in found]
                spread = [
                    [each.centre - each.low for each in found],
                    [each.high - each.centre for each in found],
                ]
                axes.errorbar(
                    at, middle, yerr=spread, label=f"the whole chain at {nth(every)}", capsize=3,
                    color=colour, marker=marker, dashes=dashes, elinewidth=1,
                )  # fmt: skip
            axes.axhline(1, color="0.7", linewidth=1, zorder=0)
            axes.set(xscale="log", yscale="log", xlabel="backward iterations / forward iterations")
            axes.set_title(f"{words} to {GOAL:.0%}", loc="left")
            axes.xaxis.set_major_locator(FixedLocator(backward_cost.MULTIPLES))
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter("{x:g}")
                axis.set_minor_locator(NullLocator())
        left.set(ylabel=_shared.wrapped("cDNI over backpropagation (1: the same)"))
        drawing.suptitle("Does a synthetic gradient pay where the backward pass is dear?")
        handles, labels = left.get_legend_handles_labels()
        drawing.legend(
            handles, labels, loc="outside lower center", ncols=3, frameon=False,
            title=f"{_shared.task(dear[0])}, an equilibrium on two layers, cut off below; bars: "
            f"{brackets(*counts)}; a run that does not get there counts with all that it took",
            title_fontsize="small",
        )  # fmt: skip
        return drawing
