"""Workers: what two processes reach, measured, and what more would reach, simulated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from harness.analysis.pairs import pairs
from harness.analysis.scoring import cost_to
from harness.analysis.setting import timed
from harness.analysis.sharing import examples_per_second, is_way
from harness.figure import Figure
from harness.registry import Registry
from harness.simulation import predictions
from harness.spec import RunSpec
from harness.statistics import Interval, interval, ratio
from harness.store import Record
from harness.suites.workers import (
    ALONE,
    DDP,
    DECOUPLED,
    GOAL,
    GPIPE,
    ONE_F_ONE_B,
    SEEDS,
    UNCONNECTED,
    UNLOCKED,
    WAYS,
    Way,
    run,
)
from plots import _shared


class Line(NamedTuple):
    """How a way to share a run is drawn; simulated: the name of what simulates it, if anything."""

    way: Way
    said: str
    simulated: str
    colour: str
    dashes: tuple[float | None, ...]
    marker: str


LINES = (
    Line(UNCONNECTED, "unconnected", "", "#9a9a9a", (None, None), "p"),
    Line(DDP, "DDP", "ddp", "#0072b2", (6, 2), "s"),
    Line(GPIPE, "GPipe", "gpipe", "#d55e00", (2, 1.5), "^"),
    Line(ONE_F_ONE_B, "1F1B", "one_f_one_b", "#cc79a7", (1, 1), "v"),
    Line(DECOUPLED, "decoupled", "decoupled", "#007a78", (None, None), "D"),
    Line(UNLOCKED, "on synthetic inputs", "decoupled, inputs", "#a85a00", (7, 2, 1, 2), "o"),
)
DEAR = 10
"""Times the measured seconds of a backward pass."""


class Workers(Figure):
    """Left measured, filled, beside its simulation, hollow; right simulated alone."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [run(way, seed) for seed in SEEDS for way in WAYS]

    def draw(self, records: Sequence[Record]) -> Drawing:
        groups = _shared.completed(records, lambda r: bool(r.spec.workers))
        shared = [record for group in groups for record in group]
        drawing, grid = _shared.panels(2, 3)
        _speed(grid[0, 0], shared)
        _sooner(grid[1, 0], shared)
        for row, dear in zip(grid, (1, DEAR), strict=True):
            for axes, link in zip(row[1:], (predictions.FAST, predictions.SLOW), strict=True):
                _further(axes, link, dear)
            row[1].set_ylabel(_shared.wrapped("speed-up over one process, simulated"))
        handles = [
            Line2D([], [], label=line.said, color=line.colour, dashes=line.dashes,
                   marker=line.marker, markeredgecolor="white")
            for line in LINES if line.simulated
        ]  # fmt: skip
        drawing.suptitle("Decoupled blocks beside what people use")
        drawing.legend(
            handles=handles, loc="outside lower center", ncols=5, frameon=False, handlelength=4,
            title=f"Left: {_shared.task(shared[0])}, {_shared.seeds(shared).split(' of ')[-1]}; "
            "bars: 95 % intervals. Right: a network of "
            f"{predictions.DEEP} layers, from what its parts cost on one core.",
            title_fontsize="small",
        )  # fmt: skip
        return drawing


def _speed(axes: Axes, shared: Sequence[Record]) -> None:
    alone = predictions.as_measured("ddp", 1)
    for line, y in _rows(axes):
        beside = pairs(
            shared, is_way(line.way), is_way(ALONE), lambda r: None, within=timed, shared=True
        )
        if beside:
            speeds = [(examples_per_second(a), examples_per_second(b)) for a, b in beside]
            _point(axes, ratio(speeds).effect, y, line)
        if line.simulated:
            axes.plot(predictions.as_measured(line.simulated, 2) / alone, y, line.marker,
                      color=line.colour, fillstyle="none", markersize=9)  # fmt: skip
    axes.axvline(1, color="0.7", linewidth=1, zorder=0)
    axes.set_title("Two processes on two cores, measured", loc="left")
    axes.set(xlabel="speed-up over one process (hollow: simulated)")


def _sooner(axes: Axes, shared: Sequence[Record]) -> None:
    axes.set_xscale("log")
    for line, y in _rows(axes):
        own = [r for r in shared if is_way(line.way)(r)]
        if own:
            _point(axes, interval([cost_to(r, GOAL, "seconds") for r in own]), y, line)
    alone = [cost_to(r, GOAL, "seconds") for r in shared if is_way(ALONE)(r)]
    if alone:
        axes.axvline(interval(alone).centre, color="0.7", linewidth=1, zorder=0)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_title(f"Seconds to {GOAL:.0%}, measured (line: one process)", loc="left")
    axes.set(xlabel="seconds; where it is not reached, all of the run's")


def _rows(axes: Axes) -> list[tuple[Line, int]]:
    rows = [(line, -i) for i, line in enumerate(LINES)]
    axes.set_yticks([y for _, y in rows], [line.said for line, _ in rows])
    axes.margins(y=0.12)
    return rows


def _point(axes: Axes, found: Interval, y: int, line: Line) -> None:
    axes.errorbar(
        found.centre, y, xerr=[[found.centre - found.low], [found.high - found.centre]],
        color=line.colour, marker=line.marker, capsize=3, elinewidth=1.5,
    )  # fmt: skip


def _further(axes: Axes, link: Any, dear: int) -> None:
    shown = predictions.PROCESSES
    for line in LINES:
        if line.simulated:
            speeds = [predictions.predicted(line.simulated, W, link, dear) for W in shown]
            axes.plot(
                shown, [speed / speeds[0] for speed in speeds], color=line.colour,
                dashes=line.dashes, marker=line.marker, markeredgecolor="white",
            )  # fmt: skip
    axes.plot(shown, shown, color="0.8", linewidth=1, zorder=0)
    axes.set(xscale="log", yscale="log", xlabel="processes")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(FixedLocator(shown))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    cost = "as measured" if dear == 1 else f"{dear} times as dear"
    axes.set_title(
        f"{8 * link.bandwidth / 1e9:g} Gbit/s, {1e6 * link.latency:g} µs\nbackward passes {cost}",
        loc="left",
    )  # fmt: skip
