"""Language modelling at several windows: validation bits against characters, seconds and FLOPs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure as Drawing

from harness.analysis.pairs import by, name, task, tuned
from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from harness.suites import table1_desk
from plots import _by_window, _shared

AXES = (
    ("timesteps", None, "characters seen (millions)"),
    ("seconds", 1.0, "seconds of training alone"),
    ("flops", 1e-9, "GFLOP"),
)
BEGINNING = 0.2
"""Of the training, which is left out: it would leave no room for what differs."""


class CharLmCurves(Figure):
    """One row a text; truncation dashed, DNI solid."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return table1_desk.language(registry)

    def draw(self, records: Sequence[Record]) -> Drawing:
        shown = [
            r
            for r in tuned([r for r in records if r.status == "complete"])
            if name(r) in ("tbptt", "dni") and r.header.get("corpus") and len(r.validation) >= 5
        ]
        if len({r.spec.T for r in shown}) < 2:
            raise LookupError("no completed runs on a text at several T to draw")
        texts = by(task, shown)
        drawing, grid = _shared.panels(len(texts), len(AXES), scale=0.9)
        for row, (where, group) in zip(grid, texts.items(), strict=True):
            late = [
                p["bits"]
                for r in group
                for p in r.validation
                if p["timesteps"] > BEGINNING * r.spec.timesteps
            ]
            for axes, (x, unit, label) in zip(row, AXES, strict=True):
                scale = group[0].spec.batch / 1e6 if unit is None else unit
                _by_window.draw(axes, group, "validation", x, lambda p: p["bits"], unit=scale)
                axes.set(xlabel=label, ylabel="validation, bits per character")
                axes.set_ylim(min(late) - 0.02, float(np.quantile(late, 0.98)))
            seeds = len({r.spec.seed for r in group})
            row[0].set_title(f"{where}: median of {seeds} seeds", loc="left")
        _by_window.legend(drawing, shown)
        return drawing
