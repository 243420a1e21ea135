"""What each method reaches against what it costs: memory, time, arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from harness.analysis.comparison import left_out
from harness.analysis.look import ordered, styles
from harness.analysis.pairs import arms, levelled
from harness.analysis.scoring import result, score
from harness.analysis.setting import timed
from harness.analysis.table import brackets, memory, summary
from harness.figure import Figure
from harness.registry import Registry
from harness.spec import RunSpec
from harness.statistics import Interval, interval
from harness.store import Record
from harness.suites import rivals
from plots import _shared

MEASURES = (
    ("bytes", 1e6, "peak memory and trace (MB)"),
    ("seconds", 1.0, "training (seconds)"),
    ("flops", 1e9, "arithmetic (GFLOP)"),
)


class Frontier(Figure):
    """One row a task, one column a cost, one point a method, with its intervals.

    The line joins the methods that no other beats at a cost that is as low.
    """

    def runs(self, registry: Registry) -> list[RunSpec]:
        return rivals.learning()

    def draw(self, records: Sequence[Record]) -> Drawing:
        groups = _shared.completed(
            records, lambda r: _shared.trained(r) and levelled(r), within=timed
        )
        drawing, grid = _shared.panels(len(groups), len(MEASURES), sharey="row")
        labels = ordered({label for group in groups for label in arms(group)})
        for row, group in zip(grid, groups, strict=True):
            reached = {
                label: interval([value for r in runs if (value := result(r)) is not None])
                for label, runs in arms(group).items()
            }
            for axes, (column, unit, name) in zip(row, MEASURES, strict=True):
                costs = {
                    label: interval([_cost(r, column) / unit for r in runs])
                    for label, runs in arms(group).items()
                }
                _points(axes, costs, reached, labels)
                axes.set(xscale="log", xlabel=name)
                axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
                axes.xaxis.set_minor_formatter(NullFormatter())
                _shared.levels_from_zero(axes)
            row[0].set(ylabel=f"T_task solved ({score(group[0]).unit})")
            row[0].set_title(_shared.task(group[0]), loc="left")
        drawing.suptitle("What each method reaches, against what it costs (logarithmic)")
        style = styles(labels)
        counts = [len(runs) for group in groups for runs in arms(group).values()]
        drawing.legend(
            handles=[
                Line2D([], [], label=label, **_shared.line(style, label) | {"linestyle": "none"})
                for label in labels
            ],
            loc="outside lower center", ncols=5, frameon=False, title_fontsize="small",
            title="; ".join(filter(None, (
                f"whiskers: {brackets(*counts)}",
                "grey: what no method surpasses at as low a cost",
                left_out([r for r in records if _shared.trained(r) and levelled(r)]),
            ))),
        )  # fmt: skip
        return drawing


def _cost(record: Record, column: str) -> float:
    return float(memory(record) if column == "bytes" else summary(record)[column])


def _points(
    axes: Axes, costs: dict[str, Interval], reached: dict[str, Interval], labels: list[str]
) -> None:
    style = styles(labels)
    front = _front({label: (costs[label].centre, reached[label].centre) for label in costs})
    axes.plot(*zip(*front, strict=True), color="0.8", linewidth=3, zorder=0, drawstyle="steps-post")
    for label in ordered(costs):
        x, y = costs[label], reached[label]
        look: dict[str, Any] = _shared.line(style, label) | {"markersize": 9}
        axes.errorbar(
            x.centre, y.centre, xerr=_whisker(x), yerr=_whisker(y), **look,
            elinewidth=1, label=label,
        )  # fmt: skip


def _whisker(found: Interval) -> list[list[float]]:
    return [[found.centre - found.low], [found.high - found.centre]]


def _front(points: dict[str, tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that none of as low a cost surpasses, by cost."""
    front: list[tuple[float, float]] = []
    for cost, value in sorted(points.values(), key=lambda at: (at[0], -at[1])):
        if not front or value > front[-1][1]:
            front.append((cost, value))
    return front
