"""Task progression: the level solved against timesteps, the paper's staircase."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import MaxNLocator

from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from harness.suites import quick
from plots import _shared


class Levels(Figure):
    """One panel a copy task, one curve a trainer and T."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return quick.copying(registry)

    def draw(self, records: Sequence[Record]) -> Drawing:
        groups = _shared.completed(
            records, lambda r: _shared.trained(r) and r.curve[-1].get("t_task") is not None
        )
        drawing, grid = _shared.panels(1, len(groups))
        for axes, group in zip(grid[0], groups, strict=True):
            frame = _shared.on_grid(
                group, "curve", "timesteps", lambda row: row["t_task"], steps=True
            )
            _shared.lines(axes, frame, "timesteps", steps=True)
            axes.set(
                title=_shared.title(group),
                xlabel="timesteps seen per sequence",
                ylabel="level solved, T_task (timesteps)",
                ylim=(0, None),
            )
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        return drawing
