"""Two trainers, or two folders of records, compared run by run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import Any

from harness.analysis.pairs import Pair, by, pairs
from harness.analysis.scoring import first, heading, result, score, target
from harness.analysis.setting import APART, described, engines, setting
from harness.analysis.table import brackets, summary
from harness.analysis.text import aligned
from harness.analysis.verdict import said_p
from harness.check import unknown
from harness.statistics import Paired, difference, holm, ratio
from harness.store import Record

COSTS = (
    ("seconds", 1.0, "seconds"),
    ("flops", 1e9, "GFLOP"),
    ("activation_bytes", 1e3, "activations kB"),
    ("peak_memory_bytes", 1e3, "peak kB"),
)
"""Columns of the tidy table, their divisors and names; seconds first, to be left out."""

TO_TARGET = COSTS[:2]
"""Also measured up to the point where a run reached the target; a peak is of the whole run."""

HEADER = ("", "A (median)", "B (median)", "mean A − B", "mean A / B", "p", "pairs")

Chosen = Callable[[Record], bool]


@dataclass(frozen=True, slots=True)
class Measure:
    """One quantity over the pairs that have a value on both sides.

    a, b:    medians
    digits:  after the decimal point, when printed
    change:  the mean of a - b
    factor:  the geometric mean of a / b; None if any value is not above 0
    """

    name: str
    a: float
    b: float
    digits: int
    change: Paired
    factor: Paired | None


@dataclass(frozen=True, slots=True)
class Contrast:
    """The pairs of one setting; of two folders, those of one trainer at its rates in it.

    where: the setting
    notes: the pairs, the target, and what was left out
    """

    where: str
    notes: tuple[str, ...]
    measures: tuple[Measure, ...]


def trainers(records: Iterable[Record], a: str, b: str) -> tuple[Chosen, Chosen]:
    """Which records of one folder are A's and which B's; ValueError for an unknown trainer."""
    there = {record.spec.trainer for record in records}
    for name in (a, b):
        if name not in there:
            raise unknown("recorded trainer", name, there)
    if a == b:
        raise ValueError(f"cannot compare {a} with itself; name two trainers, or two folders")
    return (lambda r: r.spec.trainer == a), (lambda r: r.spec.trainer == b)


def contrasts(
    records: Sequence[Record],
    ours: Chosen,
    theirs: Chosen,
    same: Callable[[Record], tuple[Any, ...]] = lambda record: (),
) -> list[Contrast]:
    """Compare A with B, seed by seed, in every setting in which both completed runs.

    The target is what the weaker of the two reaches in its median seed, as in a suite's table.
    Runs that did not complete, and runs without a partner, are counted and left out; so are
    seconds where several engines made the runs.
    ValueError where no two runs can be compared, or one with two.

    same: what the runs of a pair share besides their setting; each value of it is compared by
          itself, as one seed is one piece of evidence
    """
    asked = [record for record in records if ours(record) or theirs(record)]
    asked = [record for record in asked if record.spec.timesteps > 1] or asked
    found = []
    for group in by(setting, asked).values():
        parts, alone = [], []
        for part in by(same, group).values():
            done = [record for record in part if record.status == "complete"]
            beside = pairs(done, ours, theirs, same)
            pairs(list(chain(*beside)), theirs, ours, same)  # ValueError: one of B in two of them
            parts += [(part, beside)] if beside else []
            alone += [] if beside else part
        for part, beside in parts:
            found.append(_contrast(part, beside, alone if part is parts[-1][0] else []))
    if not found:
        raise ValueError("no two completed runs of A and B share a task, a setting and a seed")
    return found


def _contrast(group: Sequence[Record], beside: Sequence[Pair], alone: list[Record]) -> Contrast:
    """alone: runs of the same setting of which none has a partner, to be counted here."""
    sides = list(zip(*beside, strict=True))
    used = [record for pair in beside for record in pair]
    apart = len(engines(used)) > 1
    rows = [[summary(record) for record in side] for side in sides]
    goal, one = target(sides), sides[0][0]
    there = [[first(record, goal) for record in side] for side in sides]
    a, b = ([result(record) for record in side] for side in sides)
    measures = [_measure(heading(one), a, b, score(one).digits)]
    for column, divisor, said in COSTS[apart:]:
        a, b = ([row[column] / divisor for row in side] for side in rows)
        measures.append(_measure(said, a, b))
    for column, divisor, said in TO_TARGET[apart:]:
        a, b = (
            [{**row, **point}[column] / divisor if point else None
             for row, point in zip(side, points, strict=True)]
            for side, points in zip(rows, there, strict=True)
        )  # fmt: skip
        measures.append(_measure(f"{said} to target", a, b))
    hits = [sum(point is not None for point in points) for points in there]
    at = score(one).goal(goal)
    notes = [f"{len(beside)} pairs; target: {at}, reached by A {hits[0]}, by B {hits[1]}"]
    if spread := brackets(len(beside)):
        notes.append(f"in brackets: {spread}")
    left = _left_out(group, used)
    methods = {record.spec.trainer for record in used}
    alike = f"{one.spec.trainer}, " if len(methods) == 1 else ""
    if left:
        notes.append(f"left out: {left}")
    if alone:
        others = sorted({record.spec.trainer for record in alone})
        whose = ", ".join(others) if len(others) < 4 else f"{len(others)} other trainers"
        notes.append(f"left out of {whose}: {_left_out(alone, [])}")
    if apart:
        notes.append(APART)
    return Contrast(
        alike + described(used, (one.spec.lr, one.spec.clip) if alike else None),
        tuple(notes),
        tuple(measure for measure in measures if measure is not None),
    )


def _left_out(group: Sequence[Record], used: Sequence[Record]) -> str:
    """How many runs are not compared, and why: "1 diverged, 2 without a partner"."""
    lacking = Counter(r.status for r in group if r.status != "complete")
    done = {id(record) for record in group if record.status == "complete"}
    lacking["without a partner"] = len(done - {id(record) for record in used})
    return ", ".join(f"{n} {what}" for what, n in sorted(lacking.items()) if n)


def _measure(
    name: str, a: Iterable[float | None], b: Iterable[float | None], digits: int | None = None
) -> Measure | None:
    values = [(x, y) for x, y in zip(a, b, strict=True) if x is not None and y is not None]
    if not values:
        return None
    left, right = (median(side) for side in zip(*values, strict=True))
    size = max(abs(left), abs(right))
    return Measure(
        name, left, right,
        # three digits; a level's mean over seeds has one decimal more than a level
        max(digits, 1) if digits is not None else max(0, 2 - math.floor(math.log10(size or 1))),
        difference(values),
        ratio(values) if min(map(min, values)) > 0 else None,
    )  # fmt: skip


def said(found: Sequence[Contrast]) -> str:
    """Tables to print; p is Holm-adjusted over all of them, for each measure."""
    family: dict[str, list[Measure]] = {}
    for contrast in found:
        for measure in contrast.measures:
            family.setdefault(measure.name, []).append(measure)
    adjusted = {
        id(measure): p
        for group in family.values()
        for measure, p in zip(group, holm([m.change.p for m in group]), strict=True)
    }
    parts = []
    for contrast in found:
        rows = [HEADER]
        for m in contrast.measures:
            factor = m.factor.said(2) if m.factor else "–"
            rows.append((
                m.name, f"{m.a:,.{m.digits}f}", f"{m.b:,.{m.digits}f}",
                m.change.said(m.digits), factor, said_p(adjusted[id(m)]).removeprefix("p "),
                str(m.change.effect.n),
            ))  # fmt: skip
        parts.append("\n".join((contrast.where, *contrast.notes, "", *aligned(rows))))
    return "\n\n".join(parts)
