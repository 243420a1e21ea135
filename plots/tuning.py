"""The tuning sweep: every trial of every method, and the setting that came out best."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from matplotlib.figure import Figure as Drawing

from harness.analysis.look import METHODS, styles
from harness.analysis.pairs import by, name, task
from harness.figure import Figure
from harness.names.call import Call
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from plots import _shared


class Tuning(Figure):
    """One panel a task, one column a method, one dot a trial: the mean over its seeds.

    On a copy task the score is T_task, averaged over training, which tells apart trials that end
    on the same level; on text the best validation. A trial with a diverged seed is not drawn.
    """

    def runs(self, registry: Registry) -> list[RunSpec]:
        runs: list[RunSpec] = registry.make("suite", "tuning").runs(registry)
        return runs

    def draw(self, records: Sequence[Record]) -> Drawing:
        done = [r for r in records if r.status == "complete" and _shared.trained(r)]
        panels = {
            where: trials
            for where, group in by(task, done).items()
            if len(trials := by(_setting, group)) > len(METHODS)
        }
        if not panels:
            raise LookupError("no completed runs of several settings to draw")
        drawing, (grid,) = _shared.panels(1, len(panels), scale=1.1)
        for axes, (where, trials) in zip(grid, panels.items(), strict=True):
            methods = [m for m in METHODS if any(m == method for method, _ in trials)]
            style = styles(methods)
            levelled = next(iter(trials.values()))[0].curve[-1].get("t_task") is not None
            for x, method in enumerate(methods):
                scores = {
                    said: mean(map(_score, group))
                    for (each, said), group in trials.items()
                    if each == method
                }
                axes.scatter(
                    [x] * len(scores), list(scores.values()), color=style["palette"][method],
                    marker=style["markers"][method], alpha=0.6,
                )  # fmt: skip
                best = (max if levelled else min)(scores, key=scores.__getitem__)
                axes.annotate(
                    best, (x, scores[best]), (0, 8 if levelled else -8),
                    textcoords="offset points", ha="center",
                    va="bottom" if levelled else "top", fontsize=6.5,
                )  # fmt: skip
            axes.set_xticks(range(len(methods)), methods)
            axes.set(
                title=f"{where}: the best trial is named",
                xlim=(-0.6, len(methods) - 0.4),
                ylabel="T_task, mean over training" if levelled else "best validation, bits",
            )
            axes.margins(y=0.2)
        return drawing


def _setting(record: Record) -> tuple[str, str]:
    """The method, and what was tried on it: its own options in the second line."""
    options = {k: v for k, v in Call.parse(record.spec.trainer).options.items() if k != "T"}
    own = ", ".join(f"{k} {v}" for k, v in options.items())
    return name(record), f"lr {record.spec.lr:g}, clip {record.spec.clip:g}\n{own}".strip()


def _score(record: Record) -> float:
    if "t_task" in record.curve[-1]:
        return float(mean(row["t_task"] for row in record.curve))
    return float(min(row["bits"] for row in record.validation))
