"""What a run costs: seconds, floating-point operations and memory, per trainer."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure as Drawing

from harness.analysis.look import ordered, styles
from harness.analysis.table import summary
from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from harness.suites import quick
from plots import _shared

MEASURES = (
    ("seconds", 1.0, "training alone (s)"),
    ("flops", 1e9, "GFLOP"),
    ("activation_bytes", 1e3, "held, peak (kB)"),
    ("peak_memory_bytes", 1e3, "all memory, peak (kB)"),
)
HATCHES = ("", "//", "..", "xx", "\\\\", "++", "oo")


class Costs(Figure):
    """One row a task, one column a measure, one bar a trainer; the whisker spans the seeds."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [*quick.copying(registry), *quick.language(registry)]

    def draw(self, records: Sequence[Record]) -> Drawing:
        groups = _shared.completed(records, _shared.trained)
        drawing, grid = _shared.panels(len(groups), len(MEASURES), scale=0.75)
        for row, group in zip(grid, groups, strict=True):
            frame = pd.DataFrame([summary(record) for record in group])
            labels = ordered(frame["trainer"])
            for axes, (column, unit, label) in zip(row, MEASURES, strict=True):
                sns.barplot(
                    frame.assign(value=frame[column].astype(float) / unit), x="trainer", y="value",
                    hue="trainer", order=labels, hue_order=labels, estimator="median",
                    palette=styles(labels)["palette"], errorbar=("pi", 100), alpha=0.75,
                    legend=False, ax=axes,
                )  # fmt: skip
                for bars, hatch in zip(axes.containers, HATCHES * len(labels), strict=False):
                    for bar in bars:
                        bar.set_hatch(hatch)
                axes.set(xlabel="", ylabel=label)
                axes.tick_params(axis="x", rotation=20)
            row[0].set_title(_shared.title(group), loc="left")
        makers = {f"{r.header['processor']}, {r.header['threads']} thread" for r in records}
        drawing.supxlabel(f"made on: {'; '.join(sorted(makers))}", fontsize="small")
        return drawing
