"""The level solved against seconds, by the width of the model and the batch."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FuncFormatter, MaxNLocator

from harness.analysis.comparison import left_out
from harness.analysis.pairs import levelled
from harness.analysis.scoring import points
from harness.analysis.setting import timed
from harness.figure import Figure
from harness.registry import Registry
from harness.score import T_TASK
from harness.spec import RunSpec
from harness.store import Record
from harness.suites.rivals_sizes import RivalsSizes
from plots import _shared


class LevelSeconds(Figure):
    """One panel a setting, one curve a trainer; it ends where the fastest seed has ended."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return RivalsSizes().runs(registry)

    def draw(self, records: Sequence[Record]) -> Drawing:
        wanted = [r for r in records if _shared.trained(r) and levelled(r)]
        groups = _shared.completed(wanted, lambda r: True, within=timed)
        drawing, grid = _shared.panels((len(groups) + 1) // 2, 2, sharex=True, sharey=True)
        labels: set[str] = set()
        for axes in grid.flat[len(groups) :]:
            axes.set_axis_off()
        for axes, group in zip(grid.flat, groups, strict=False):
            named, spec = _shared.named(group), group[0].spec
            frame = _shared.on_grid(
                named, points, "seconds", lambda row: float(row[T_TASK.column]),
                steps=True, points=800,
            )  # fmt: skip
            _shared.lines(axes, frame, "seconds", steps=True)
            size = f"{spec.model}, batch {spec.batch}"
            axes.set(
                title=f"{_shared.task(group[0])}: {size}\n{_shared.seeds(group)}",
                xscale="log", xlabel="seconds of training alone (logarithmic)",
                ylabel=_shared.wrapped(T_TASK.heading()),
            )  # fmt: skip
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
            labels |= named.keys()
        _shared.levels_from_zero(grid[0, 0])
        _shared.legend(drawing, labels, left_out(wanted), columns=3)
        drawing.suptitle("How long a dependency is learned, in seconds")
        return drawing
