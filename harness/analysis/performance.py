"""Every method compared with the best: the numbers of performance profiles.

They are those of Dolan & Moré (2002), as AlgoPerf draws them: the share of problems whose target
is reached within τ times what the best method took there. A problem is a setting and a seed; in
seconds also an engine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from harness.analysis.look import ordered
from harness.analysis.pairs import arms, by, name
from harness.analysis.scoring import attained, first, score, target
from harness.analysis.setting import setting, timed
from harness.analysis.table import distinct, summary
from harness.store import Record

Arms = dict[str, list[list[Record]]]
"""The arms of each method in one setting: a list of runs, one per seed, for each of its calls."""


def at_best(records: Sequence[Record], column: str) -> dict[str, list[float]]:
    """What each method took to the target over what the best took, by problem.

    column: "seconds", "flops" or "activation_bytes"

    In every setting a method is shown at its best: of its arms (a T, options, rates) the one whose
    median seed takes least. The target is what the weakest method reaches there in the median
    seed of its best arm. inf: not reached, or the run failed or diverged; NaN: the method was not
    run there. Problems whose target no method reached are left out.
    """
    return _profiles(records, column, lambda record: True)


def at_equal_T(records: Sequence[Record], column: str) -> dict[int, dict[str, list[float]]]:
    """The same at every T with at least two methods; methods without a T are left out.

    The target is that of the methods at that T.
    """
    found = {}
    for T in sorted({r.spec.T for r in records if r.spec.T is not None}):
        profile = _profiles(records, column, lambda r, T=T: r.spec.T == T)  # type: ignore[misc]
        if len(profile) > 1:
            found[T] = profile
    return found


def _profiles(
    records: Sequence[Record], column: str, wanted: Callable[[Record], bool]
) -> dict[str, list[float]]:
    listed = [r for r in distinct(records) if r.spec.timesteps > 1 and wanted(r)]
    problems: list[dict[str, float]] = []
    shared: Callable[[Record], object] = timed if column == "seconds" else setting
    for group in by(shared, listed).values():
        methods: Arms = {}
        for runs in arms(group).values():
            methods.setdefault(name(runs[0]), []).append(runs)
        problems += _problems(methods, column)
    return {
        method: [_ratio(each.get(method, math.nan), min(each.values())) for each in problems]
        for method in (ordered(name(r) for r in listed) if problems else ())
    }


def _ratio(cost: float, best: float) -> float:
    """A method may hold no activations at all: only another such method then equals it."""
    if best == 0 and not math.isnan(cost):
        return math.inf if cost else 1.0
    return cost / best if best else math.nan


def _problems(methods: Mapping[str, list[list[Record]]], column: str) -> list[dict[str, float]]:
    """What each method took in one setting, one entry per seed."""
    furthest = [found for each in methods.values() if (found := _furthest(each))]
    if not furthest:
        return []
    goal = target(furthest)
    taken: dict[int, dict[str, float]] = {}
    for method, own in methods.items():
        costs = [{r.spec.seed: _cost(r, goal, column) for r in runs} for runs in own]
        for seed, cost in min(costs, key=lambda each: median(each.values())).items():
            taken.setdefault(seed, {})[method] = cost
    return [each for _, each in sorted(taken.items()) if min(each.values()) < math.inf]


def _furthest(own: Sequence[Sequence[Record]]) -> list[Record]:
    """The completed runs of a method's arm whose median seed scores best."""
    done = [[r for r in runs if r.status == "complete" and attained(r) is not None] for runs in own]
    reached = {median(attained(r) or 0.0 for r in runs): runs for runs in done if runs}
    if not reached:
        return []
    return reached[score(next(iter(reached.values()))[0]).best(reached)]


def _cost(record: Record, goal: float, column: str) -> float:
    point = first(record, goal) if record.status == "complete" else None
    return float({**summary(record), **point}[column]) if point else math.inf
