"""One pass of the check: measuring, then judging or recording."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch

from harness.check import unknown
from harness.measure.environment import describe, set_up
from harness.regression.baseline import Baseline
from harness.regression.judgement import Status, judge
from harness.regression.reading import Reading, Settled
from harness.regression.report import Report
from harness.regression.subjects import GROUPS
from harness.regression.suite import measure

Progress = Callable[[str], object]


def check(baseline: Baseline, only: Sequence[str], progress: Progress) -> Report:
    """Measure the figures and judge them. only: beginnings of their names; empty: all figures."""
    here = describe(torch.device("cpu"))

    def settled(readings: Sequence[Reading]) -> bool:
        """A regression is reported only after the longest measurement."""
        return all(judge(each, baseline, here).status is Status.FINE for each in readings)

    readings, seconds = _measured(only, settled, progress)
    return Report([judge(each, baseline, here) for each in readings], here, seconds)


def update(baseline: Baseline, only: Sequence[str], progress: Progress) -> Baseline:
    """Measure the figures for as long as allowed, and put them into the baseline."""
    readings, _ = _measured(only, lambda _: False, progress)
    for each in readings:
        if each.error:
            raise ValueError(f"nothing recorded: {each.name} raised {each.error}")
        if not each.values:
            raise ValueError(f"nothing recorded: this machine is too busy to time {each.name}")
    return baseline.updated(readings, describe(torch.device("cpu")))


def _measured(
    only: Sequence[str], settled: Settled, progress: Progress
) -> tuple[list[Reading], dict[str, float]]:
    """The readings, and the seconds that each group took."""

    def chosen(name: str) -> bool:
        return not only or any(_within(name, each) or _within(each, name) for each in only)

    set_up()
    readings: list[Reading] = []
    seconds: dict[str, float] = {}
    for group in filter(chosen, GROUPS):
        progress(group)
        began = time.perf_counter()
        readings += [each for each in measure(group, chosen, settled) if chosen(each.name)]
        seconds[group] = time.perf_counter() - began
    if not readings:
        raise unknown("figure whose name begins with", " or ".join(only), GROUPS)
    return readings, seconds


def _within(name: str, beginning: str) -> bool:
    """Part by part: "speed/dni_aux" does not begin with "speed/dni"."""
    return f"{name}/".startswith(f"{beginning}/")
