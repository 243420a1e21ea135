"""Language modelling: validation bits per character against characters and against seconds."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing

from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from harness.suites import quick
from plots import _shared


def _has_levels(record: Record) -> bool:
    return record.curve[-1].get("t_task") is not None


class Bits(Figure):
    """One row a text (or another task without levels), one curve a trainer and T."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return quick.language(registry)

    def draw(self, records: Sequence[Record]) -> Drawing:
        groups = _shared.completed(
            records, lambda r: _shared.trained(r) and bool(r.validation) and not _has_levels(r)
        )
        drawing, grid = _shared.panels(len(groups), 2)
        for row, group in zip(grid, groups, strict=True):
            batch, unit = group[0].spec.batch, group[0].header["unit"]
            seen = "characters" if "character" in unit else "timesteps of all sequences"
            for axes, x in zip(row, ("timesteps", "seconds"), strict=True):
                frame = _shared.on_grid(group, "validation", x, lambda point: point["bits"])
                if x == "timesteps":
                    frame[x] *= batch / 1e6
                _shared.lines(axes, frame, x)
                axes.set(
                    title=_shared.title(group),
                    xlabel=f"{seen} seen (millions)"
                    if x == "timesteps"
                    else "seconds of training alone",
                    ylabel=f"validation, {unit}",
                )
        return drawing
