"""What has to be held for the backward pass, against the length of the episode."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure as Drawing

from harness.figure import Figure, styles
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from harness.suites import quick
from plots import _shared


class ActivationBytes(Figure):
    """One curve a trainer, one point an episode."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return quick.episode_lengths(registry)

    def draw(self, records: Sequence[Record]) -> Drawing:
        groups = _shared.completed(records, lambda r: r.spec.timesteps == 1)
        frame = pd.DataFrame([record.summary() for group in groups for record in group])
        frame["kB"] = frame["activation_bytes"].astype(float) / 1e3
        labels = sorted(frame["trainer"].unique())
        drawing, grid = _shared.panels(1, 1)
        axes = grid[0][0]
        sns.lineplot(
            frame, x="timesteps", y="kB", hue="trainer", style="trainer", hue_order=labels,
            style_order=labels, **styles(labels), ax=axes, linewidth=2, markersize=8,
            errorbar=None,
        )  # fmt: skip
        spec = groups[0][0].spec
        axes.set(
            xscale="log",
            yscale="log",
            xlabel="episode length L (timesteps)",
            ylabel="held for backward, peak (kB)",
            title=f"{spec.model}, batch {spec.batch}",
        )
        lengths = sorted(frame["timesteps"].unique())
        axes.set_xticks(lengths, [str(length) for length in lengths])
        axes.minorticks_off()
        axes.legend(title=None, frameon=False)
        return drawing
