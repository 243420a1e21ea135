"""Task progression as the paper draws it: copy and repeat copy, without and with auxiliary task."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import MaxNLocator

from harness.analysis.pairs import by, name, task, tuned
from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from harness.suites import table1_desk
from plots import _by_window, _shared

ROWS = (("without the auxiliary task", "dni"), ("with the auxiliary task", "dni_aux"))


class TaskProgression(Figure):
    """One column a copy task; truncation dashed, DNI solid, full BPTT thin and black."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return table1_desk.copying(registry)

    def draw(self, records: Sequence[Record]) -> Drawing:
        done = tuned([r for r in records if r.status == "complete" and _shared.trained(r)])
        levelled = [r for r in done if r.curve[-1].get("t_task") is not None]
        tasks = by(task, levelled)
        if not any(name(r) == "dni_aux" for r in levelled):
            raise LookupError("no completed runs of dni_aux on a copy task to draw")
        drawing, grid = _shared.panels(2, len(tasks))
        for row, (said, method) in zip(grid, ROWS, strict=True):
            for axes, (where, group) in zip(row, tasks.items(), strict=True):
                shown = [r for r in group if name(r) in ("bptt", "tbptt", method)]
                _by_window.draw(
                    axes, shown, "curve", "timesteps", lambda p: p["t_task"], steps=True
                )
                seeds = len({r.spec.seed for r in shown})
                axes.set(
                    title=f"{where}, {said}\nmedian of {seeds} seeds",
                    xlabel="timesteps seen per sequence",
                    ylabel="level solved, T_task (timesteps)",
                    ylim=(0, None),
                )
                axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        methods = ("bptt", "tbptt", *(method for _, method in ROWS))
        _by_window.legend(drawing, [r for r in levelled if name(r) in methods])
        return drawing
