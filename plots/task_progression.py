"""Task progression as the paper draws it: how far each method gets on both copy tasks, by T."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import MaxNLocator

from harness.analysis.comparison import left_out
from harness.analysis.pairs import by, levelled, name, task, tuned
from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from harness.suites import table1_desk
from plots import _by_window, _shared

SHOWN = ("bptt", "tbptt", "dni", "dni_aux")


class TaskProgression(Figure):
    """One row a copy task, one column a T; full BPTT, which has none, in every column."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return table1_desk.copying(registry)

    def draw(self, records: Sequence[Record]) -> Drawing:
        done = tuned([r for r in records if r.status == "complete" and _shared.trained(r)])
        shown = [r for r in done if levelled(r) and name(r) in SHOWN]
        if not any(name(r) == "dni_aux" for r in shown):
            raise LookupError("no completed runs of dni_aux on a copy task to draw")
        tasks = by(task, shown)
        rows = [_by_window.columns(group) for group in tasks.values()]
        drawing, grid = _shared.panels(len(rows), max(map(len, rows)), scale=0.65, sharey="row")
        for axes in grid.flat:
            axes.set_visible(False)
        for line, row in zip(grid, rows, strict=True):
            for axes, (said, group) in zip(line, row.items(), strict=False):
                frame = _by_window.curves(by(name, group), "timesteps", steps=True)
                _shared.lines(axes, frame, "timesteps", steps=True, band=False)
                _shared.thousands(axes)
                axes.set(visible=True, title=said)
                _shared.levels_from_zero(axes)
                axes.xaxis.set_major_locator(MaxNLocator(3))
                axes.yaxis.set_major_locator(MaxNLocator(integer=True))
            where = _shared.task(next(iter(row.values()))[0])
            line[0].set(ylabel=f"{where}:\nlevel solved,\nT_task (timesteps)")
        seeds = len({r.spec.seed for r in shown})
        drawing.suptitle(f"How long a dependency is learned, by window T: median of {seeds} seeds")
        for axes in grid[-1]:
            axes.set_xlabel("timesteps per sequence")
        said = "medians, of the paper's methods: their intervals, and sg, are in table1"
        gone = left_out([r for r in records if _shared.trained(r) and levelled(r)])
        _shared.legend(drawing, map(name, shown), f"{said}; {gone}" if gone else said)
        return drawing
