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


class Bits(Figure):
    """One row a text, one curve a trainer and T."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return quick.language(registry)

    def draw(self, records: Sequence[Record]) -> Drawing:
        groups = _shared.completed(
            records, lambda r: bool(r.validation) and r.header["unit"] == "bits per character"
        )
        drawing, grid = _shared.panels(len(groups), 2)
        for row, group in zip(grid, groups, strict=True):
            batch = group[0].spec.batch
            for axes, x in zip(row, ("timesteps", "seconds"), strict=True):
                frame = _shared.on_grid(group, "validation", x, lambda point: point["bits"])
                if x == "timesteps":
                    frame[x] *= batch / 1e6
                _shared.lines(axes, frame, x, linewidth=2)
                axes.set(
                    title=_shared.title(group),
                    xlabel="characters seen (millions)"
                    if x == "timesteps"
                    else "seconds of training alone",
                    ylabel="validation, bits per character",
                )
        return drawing
