"""The score on validation against the data seen and against seconds."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing

from harness.analysis.scoring import points, score
from harness.analysis.setting import timed
from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from harness.suites import quick
from plots import _shared


class Bits(Figure):
    """One row a task that is scored on validation (a text, by its bits), one curve a trainer."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return quick.language(registry)

    def draw(self, records: Sequence[Record]) -> Drawing:
        groups = _shared.completed(
            records,
            lambda r: _shared.trained(r) and score(r).rows == "validation" and bool(points(r)),
            within=timed,
        )
        drawing, grid = _shared.panels(len(groups), 2)
        labels: set[str] = set()
        for row, group in zip(grid, groups, strict=True):
            by, named, batch = score(group[0]), _shared.named(group), group[0].spec.batch
            seen = "characters" if "character" in by.unit else "timesteps of all sequences"
            for axes, x in zip(row, ("timesteps", "seconds"), strict=True):
                frame = _shared.score_on_grid(named, x)
                if x == "timesteps":
                    frame[x] *= batch / 1e6
                _shared.lines(axes, frame, x)
                axes.set(
                    title=_shared.title(group),
                    xlabel=f"{seen} seen (millions)"
                    if x == "timesteps"
                    else "seconds of training alone\n(a curve ends where its fastest seed ended)",
                    ylabel=_shared.wrapped(by.heading("validation")),
                )
            labels |= named.keys()
        _shared.legend(drawing, labels)
        drawing.suptitle("Validation: against the data seen, and against time")
        return drawing
