"""What a run costs: seconds, floating-point operations and memory, per trainer."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np
from matplotlib.figure import Figure as Drawing

from harness.analysis.look import ordered, styles
from harness.analysis.setting import timed
from harness.analysis.table import summary
from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from harness.suites import quick
from plots import _shared

MEASURES = (
    ("seconds", 1.0, "Training alone", "seconds"),
    ("flops", 1e9, "Arithmetic", "GFLOP"),
    ("activation_bytes", 1e3, "Activations", "peak, kB"),
    ("peak_memory_bytes", 1e3, "All memory", "peak, kB"),
)


class Costs(Figure):
    """One row a task, one column a measure, one bar a trainer; the whisker spans the seeds."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [*quick.copying(registry), *quick.language(registry)]

    def draw(self, records: Sequence[Record]) -> Drawing:
        groups = _shared.completed(records, _shared.trained, within=timed)
        most = max(len(_shared.named(group)) for group in groups)
        drawing, grid = _shared.panels(len(groups), len(MEASURES), scale=0.7, sharey="row")
        drawing.set_figheight(_shared.HEADROOM + len(groups) * (1.1 + 0.28 * most))
        for row, group in zip(grid, groups, strict=True):
            named = _shared.named(group)
            labels = ordered(named)
            style = styles(labels)
            rows = {label: [summary(r) for r in named[label]] for label in labels}
            for axes, (column, divisor, what, unit) in zip(row, MEASURES, strict=True):
                values = {t: [each[column] / divisor for each in rows[t]] for t in labels}
                middle = np.array([median(values[t]) for t in labels])
                spread = np.array([(min(values[t]), max(values[t])) for t in labels]).T
                axes.barh(
                    labels, middle, alpha=0.75, edgecolor="white",
                    color=[style["palette"][t] for t in labels],
                    hatch=[style["hatches"][t] for t in labels],
                )  # fmt: skip
                for colour, width in (("white", 4.0), ("black", 1.4)):  # seen on any bar
                    axes.errorbar(
                        middle, labels, xerr=abs(spread - middle), fmt="none", ecolor=colour,
                        elinewidth=width,
                    )  # fmt: skip
                axes.set(xlabel=f"{what} ({unit})", ylabel="")
                _shared.thousands(axes)
            row[0].set(ylabel="trainer")
            row[0].invert_yaxis()
            row[0].set_title(_shared.title(group), loc="left")
        makers = {f"{r.header.get('processor')}, {r.header.get('threads')} thread" for r in records}
        drawing.suptitle("What a run costs")
        drawing.supxlabel(f"made on: {'; '.join(sorted(makers))}", fontsize="small")
        return drawing
