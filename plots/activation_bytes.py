"""What has to be held for the backward pass, against the length of the episode."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FuncFormatter, LogLocator

from harness.analysis.look import ordered, styles
from harness.analysis.table import summary
from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from harness.suites import quick
from plots import _shared

MEASURES = (
    ("activation_bytes", "Held for the backward pass", "activations, peak (kB, log)"),
    ("peak_memory_bytes", "All memory", "allocator's peak over idle (kB, log)"),
)
LARGEST, SMALLEST = 14, 5
"""Markers, in points."""


class ActivationBytes(Figure):
    """One curve a trainer, one point an episode; left what autograd holds, right all memory."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return quick.episode_lengths(registry)

    def draw(self, records: Sequence[Record]) -> Drawing:
        groups = _shared.completed(records, lambda r: r.spec.timesteps == 1)
        frame = pd.DataFrame([summary(record) for group in groups for record in group])
        frame["peak_memory_bytes"] += frame["trace_bytes"]  # held all the time, so not in the peak
        traced = " and trace" if frame["trace_bytes"].any() else ""
        labels = ordered(frame["trainer"])
        look = styles(labels)
        lengths = sorted(frame["timesteps"].unique())
        drawing, grid = _shared.panels(1, 2)
        for axes, (column, what, unit) in zip(grid[0], MEASURES, strict=True):
            for i, label in enumerate(labels):
                own = frame[frame["trainer"] == label].sort_values("timesteps")
                # markers shrink and are hollow: where methods hold the same, all remain visible
                size = LARGEST - (LARGEST - SMALLEST) * i / max(len(labels) - 1, 1)
                axes.plot(
                    own["timesteps"], own[column].astype(float) / 1e3, label=label,
                    color=look["palette"][label], marker=look["markers"][label],
                    dashes=look["dashes"][label] or (None, None), linewidth=1.5,
                    markersize=size, markerfacecolor="none", markeredgewidth=1.5,
                )  # fmt: skip
            axes.set(
                xscale="log", yscale="log", xlabel="episode length L (timesteps, log)",
                ylabel=unit.replace("over idle", f"over idle{traced}"), title=what,
            )  # fmt: skip
            axes.set_xticks(lengths, [str(length) for length in lengths])
            axes.minorticks_off()
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        spec = groups[0][0].spec
        drawing.suptitle(f"Memory and the length of the episode: {spec.model}, batch {spec.batch}")
        drawing.legend(
            *grid[0][0].get_legend_handles_labels(), loc="outside lower center", frameon=False,
            ncols=min(len(labels), 5), handlelength=4,
        )  # fmt: skip
        return drawing
