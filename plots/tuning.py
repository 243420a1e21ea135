"""The tuning sweep: every trial of every method, and the setting that came out best."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from matplotlib.figure import Figure as Drawing

from harness.analysis.look import ordered, styles
from harness.analysis.pairs import by, name, rates, task
from harness.analysis.scoring import attained, points, score
from harness.figure import Figure
from harness.names.call import Call
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from harness.suites import table1_desk
from plots import _shared

WIDE, HEIGHT = 1.6, 3.7
"""Of a panel: in widths of others; in inches."""


class Tuning(Figure):
    """One panel a task, one column a method, one dot a trial: the mean over its seeds.

    A level solved is averaged over training, which tells apart trials that end at the same level;
    for other scores the best on validation counts. Diverged runs are left out.
    """

    def runs(self, registry: Registry) -> list[RunSpec]:
        runs: list[RunSpec] = registry.make("suite", "tuning").runs(registry)
        return runs

    def draw(self, records: Sequence[Record]) -> Drawing:
        # a run that collapsed has a mean over training, too
        done = [r for r in records if r.finished and r.status != "diverged" and _shared.trained(r)]
        panels = {
            where: trials
            for where, group in by(task, done).items()
            if len(trials := by(_trial, group)) > len({method for method, _ in trials})
        }
        if not panels:
            raise LookupError("no completed runs of several settings to draw")
        registry = Registry()
        drawing, grid = _shared.panels(len(panels), 1, scale=WIDE)
        drawing.set_figheight(_shared.HEADROOM + HEIGHT * len(panels))
        for axes, trials in zip(grid[:, 0], panels.values(), strict=True):
            methods = ordered(method for method, _ in trials)
            style = styles(methods)
            measured = score(next(iter(trials.values()))[0])
            side = 1 if measured.higher else -1
            for x, method in enumerate(methods):
                scores = {
                    said: mean(map(_reached, group))
                    for (each, said), group in trials.items()
                    if each == method
                }
                axes.scatter(
                    [x] * len(scores), list(scores.values()), color=style["palette"][method],
                    marker=style["markers"][method], alpha=0.6, s=45,
                )  # fmt: skip
                best = next(t for t in scores if scores[t] == measured.best(scores.values()))
                axes.annotate(
                    best, (x, scores[best]), (0, 10 * side), textcoords="offset points",
                    ha="center", va="bottom" if side > 0 else "top", fontsize=9,
                )  # fmt: skip
                taken = [scores[said] for (each, said), group in trials.items()
                         if each == method and _chosen(group[0], registry)]  # fmt: skip
                axes.scatter([x] * len(taken), taken, s=170, facecolor="none", edgecolor="black",
                             linewidth=1.3)  # fmt: skip
            axes.set_xticks(range(len(methods)), methods)
            axes.set(
                title=_shared.task(next(iter(trials.values()))[0]),
                xlim=(-0.6, len(methods) - 0.4),
                ylabel=measured.heading("best validation")
                if measured.rows == "validation"
                else _shared.wrapped(f"{measured.heading()}, mean over training"),
            )
            axes.margins(y=0.35)
        drawing.suptitle(
            "What was tried: one point per trial, the best of each method named;\n"
            "ringed: the setting that was chosen (one for both copy tasks)"
        )
        drawing.supxlabel("lr, clip: of the model; M lr: of the synthesiser", fontsize="small")
        return drawing


def _trial(record: Record) -> tuple[str, str]:
    """The method, and what was tried: its rates, and a line for each of its own options."""
    options = {k: v for k, v in Call.parse(record.spec.trainer).options.items() if k != "T"}
    said = {"lr": "M lr"}  # of the synthesiser, not of the model
    own = [f"{said.get(k, k)} {v:g}" if isinstance(v, float) else f"{k} {v}"
           for k, v in options.items()]  # fmt: skip
    lr, clip = rates(record)
    return name(record), "\n".join((f"lr {lr:g}, clip {clip:g}", *own))


def _chosen(record: Record, registry: Registry) -> bool:
    """Whether a trial is at the setting that table1_desk runs its method at.

    The rates of bptt on text are those of its longer windows. A method of a plug-in has none.
    """
    method, text = name(record), bool(record.header.get("corpus"))
    if method not in registry.names("trainer"):
        return False
    usual = table1_desk.tuned(record.spec.task, method, 0, 1)
    at = table1_desk.TEXT_LONGER if text and method == "bptt" else (usual.lr, usual.clip)
    call = table1_desk.on_text(method) if text else method
    ours = registry.options("trainer", call)
    tried = {k: v for k, v in Call.parse(record.spec.trainer).options.items() if k != "T"}
    return rates(record) == at and all(ours[k] == v for k, v in tried.items())


def _reached(record: Record) -> float:
    by_score = score(record)
    if by_score.rows == "curve":
        return float(mean(row[by_score.column] for row in points(record)))
    return attained(record) or 0.0
