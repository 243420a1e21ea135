"""Gradient alignment: how far a trainer's gradient points where full backpropagation's does."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure as Drawing

from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record, Row
from harness.suites import quick
from plots import _shared


def _gradient(row: Row) -> float:
    return float(row["cosine"])


def _boundaries(row: Row) -> float:
    """The mean over the boundaries of an episode; NaN where there is none."""
    cosines = row["boundary_cosine"]
    return sum(cosines) / len(cosines) if cosines else math.nan


def _probes(record: Record) -> Sequence[Row]:
    return record.probes


class Alignment(Figure):
    """One row a task; left the model's gradient, right the synthetic one at the boundaries."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [*quick.copying(registry), *quick.language(registry)]

    def draw(self, records: Sequence[Record]) -> Drawing:
        groups = _shared.completed(records, lambda r: len(r.probes) > 1)
        drawing, grid = _shared.panels(len(groups), 2)
        labels: set[str] = set()
        for row, group in zip(grid, groups, strict=True):
            named = _shared.named(group)
            predicting = {
                label: runs
                for label, all_runs in named.items()
                if (runs := [r for r in all_runs if any(p["boundary_cosine"] for p in r.probes)])
            }
            for axes, which, value, label in (
                (row[0], named, _gradient, "cosine between the trainer's gradient and full BPTT's"),
                (
                    row[1],
                    predicting,
                    _boundaries,
                    "cosine between the synthetic gradient and the true one",
                ),
            ):
                if which:
                    frame = _shared.on_grid(which, _probes, "timesteps", value)
                    _shared.lines(axes, frame, "timesteps")
                axes.axhline(0, color="0.7", linewidth=1, zorder=0)
                axes.set(
                    title=_shared.title(group),
                    xlabel="timesteps seen per sequence",
                    ylabel=_shared.wrapped(label),
                )
                _shared.thousands(axes)
            labels |= named.keys()
        every = max(r.spec.probe for group in groups for r in group)
        _shared.legend(
            drawing,
            labels,
            f"One probe in {every:,} updates. bptt makes one update per episode: it ends early, or "
            "is absent with a single probe.",
        )
        drawing.suptitle(
            "Gradients along training: of the weights (left), at the boundaries (right)"
        )
        return drawing
