"""What makes the method work: each choice undone, what was solved, the size of the prediction."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import MaxNLocator

from harness.analysis.comparison import left_out
from harness.analysis.look import ordered, styles
from harness.analysis.pairs import by, levelled, name
from harness.analysis.scoring import attained, score
from harness.analysis.setting import setting
from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from plots import _shared


class Ablation(Figure):
    """One row a copy task, one line a variant, one dot a run.

    Left: T_task at the end. Right: the norm of the synthetic gradient over the true one, the median
    over the probes of the second half: 1 is right, 100 is a prediction that has run away.
    """

    def runs(self, registry: Registry) -> list[RunSpec]:
        runs: list[RunSpec] = registry.make("suite", "ablation").runs(registry)
        return runs

    def draw(self, records: Sequence[Record]) -> Drawing:
        predicting = [
            r for r in records
            if r.finished and levelled(r) and any(p.get("boundary_norm_ratio") for p in r.probes)
        ]  # fmt: skip
        groups = [
            group for group in by(setting, predicting).values()
            if len({r.spec.trainer for r in group}) > len({name(r) for r in group})
        ]  # fmt: skip
        if not groups:
            raise LookupError("no completed run of several variants of a method to draw")
        drawing, grid = _shared.panels(len(groups), 2)
        for (left, right), group in zip(grid, groups, strict=True):
            variants = ordered(r.spec.trainer for r in group)[::-1]
            _dots(left, variants, [(r, attained(r) or 0.0) for r in group])
            _dots(right, variants, [(r, n) for r in group if (n := _size(r)) is not None])
            right.set_xscale("log")
            right.axvline(1, color="0.7", linewidth=1, zorder=0)
            right.set_yticklabels([])
            left.set_xlim(-0.05 * left.get_xlim()[1], None)  # room for points at 0
            seeds = len({r.spec.seed for r in group})
            left.xaxis.set_major_locator(MaxNLocator(integer=True))
            said = f"{_shared.task(group[0])}: one point per seed, {seeds} seeds"
            if gone := left_out(group):
                said += f"; crosses: {gone.removeprefix('left out: ')}"
            left.set(title=f"{said}\nlevel solved", ylabel="variant",
                     xlabel=_shared.wrapped(score(group[0]).heading()))  # fmt: skip
            right.set(
                title="size (norm) of the prediction",
                xlabel="norm of synthetic gradient\nover the true one's (1: right)",
                ylabel=" ",
            )
        drawing.suptitle("What makes the method work: one choice undone at a time")
        return drawing


def _dots(axes: Axes, variants: list[str], found: list[tuple[Record, float]]) -> None:
    """Seeds side by side, a little apart; a run that diverged or collapsed is a cross."""
    palette = styles({name(r) for r, _ in found})["palette"]
    for record, value in found:
        y = variants.index(record.spec.trainer) + 0.12 * (record.spec.seed - 1)
        marker = "o" if record.status == "complete" else "x"
        axes.plot([value], [y], marker, color=palette[name(record)], alpha=0.8)
    axes.set_yticks(range(len(variants)), variants)
    axes.set_ylim(-0.6, len(variants) - 0.4)
    axes.grid(axis="y", color="0.9")


def _size(record: Record) -> float | None:
    ratios = [
        ratio
        for p in record.probes
        if p["timesteps"] >= record.spec.timesteps / 2
        for ratio in p["boundary_norm_ratio"]
        if ratio is not None
    ]
    return median(ratios) if ratios else None
