"""Task progression: the level solved against timesteps, the paper's staircase."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import MaxNLocator

from harness.analysis.comparison import left_out
from harness.analysis.scoring import score
from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from harness.suites import quick
from plots import _shared


class Levels(Figure):
    """One panel a task with levels (or another score told along training), one curve a trainer."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return quick.copying(registry)

    def draw(self, records: Sequence[Record]) -> Drawing:
        groups = _shared.completed(
            records, lambda r: _shared.trained(r) and score(r).rows == "curve"
        )
        drawing, grid = _shared.panels(1, len(groups))
        labels: set[str] = set()
        for axes, group in zip(grid[0], groups, strict=True):
            by, named = score(group[0]), _shared.named(group)
            frame = _shared.score_on_grid(named, "timesteps", steps=True)
            _shared.lines(axes, frame, "timesteps", steps=True)
            _shared.thousands(axes)
            axes.set(
                title=_shared.title(group),
                xlabel="timesteps seen per sequence",
                ylabel=_shared.wrapped(by.heading()),
            )
            _shared.levels_from_zero(axes)
            axes.yaxis.set_major_locator(MaxNLocator(integer=by.digits == 0))
            labels |= named.keys()
        shown = [r for r in records if _shared.trained(r) and score(r).rows == "curve"]
        _shared.legend(drawing, labels, left_out(shown))
        drawing.suptitle("How long a dependency is learned")
        return drawing
