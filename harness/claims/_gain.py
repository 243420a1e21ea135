"""What the claims share that set `dni` beside truncation: levels, symbols, and scores of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from harness.analysis.headroom import headroom, line
from harness.analysis.pairs import (
    NONE_SOLVED,
    Pair,
    by,
    by_score,
    by_T,
    levelled,
    of,
    pairs,
    results,
    span,
    task,
    units,
    where,
)
from harness.analysis.scoring import result
from harness.claim import Finding
from harness.score import Score
from harness.spec import RunSpec
from harness.statistics import difference, ratio, ratio_of_medians
from harness.store import Record

MARGIN = 1.25
"""A ratio of T_task that matters: below it, and above its inverse, methods count as equivalent."""

EARLY = (0.1, 0.3)
"""Shares of the budget at which an effect is also told."""


def made_for(part: Sequence[RunSpec], records: Sequence[Record]) -> list[Record]:
    """The records of a part of a suite, whatever their seeds."""
    kinds = {replace(spec, seed=0) for spec in part}
    return [r for r in records if levelled(r) and replace(r.spec, seed=0) in kinds]


def early(group: Sequence[Pair]) -> str:
    """The effect after a part of the budget, on which it depends."""

    def after(share: float) -> str:
        values = units(group, lambda a, b: (reached(a, share), reached(b, share)), "geometric")
        return f"{share:.0%} of the timesteps {ratio(values).said(2)}"

    return f"after {', '.join(map(after, EARLY))}"


def reached(record: Record, share: float) -> float:
    """T_task of the level solved at the first point of the curve at or past a share of the budget.

    At or past, since an update may end a few timesteps beyond the mark of its point. What becomes
    of the run later, a collapse among it, does not count then.
    """
    past = [
        row["t_task"] for row in record.curve if row["timesteps"] >= share * record.spec.timesteps
    ]
    return max(past[0], NONE_SOLVED) if past else NONE_SOLVED  # it diverged before


def symbols(beside: Sequence[Pair], theirs: str = "truncation") -> tuple[str, ...]:
    """A line per task: T_task and N, with the ratio of medians where the second solved any."""
    lines = []
    for said, group in by(task, [a for a, _ in beside]).items():
        here = [(a, b) for a, b in beside if a in group]
        spanned = [(float(span(a)), float(span(b))) for a, b in here]
        copied = [(_n(a), _n(b)) for a, b in here]
        some = all(n > 0 for _, n in copied)
        lines.append(
            f"{said}: T_task {_medians(spanned)}, ratio {ratio_of_medians(spanned).said(2)}; "
            f"N {_medians(copied)}, "
            + (f"ratio {ratio_of_medians(copied).said(2)}" if some else
               f"no ratio: {theirs} solved no level, which counts as T_task {NONE_SOLVED}")
        )  # fmt: skip
    return tuple(lines)


def _medians(values: Sequence[tuple[float, float]]) -> str:
    ours, theirs = (median(side) for side in zip(*values, strict=True))
    return f"{ours:g} against {theirs:g}"


def _n(record: Record) -> float:
    """N of the level solved, 0 where none was."""
    return float(record.curve[-1]["level_n"]) if record.status == "complete" else 0.0


def beyond(group: Sequence[Pair], horizon: int) -> str:
    """How many runs of `dni` and `sg` solve a level that is longer than `sg` predicts."""
    ours, theirs = (sum(span(pair[side]) > horizon for pair in group) for side in (0, 1))
    return f"T_task above 2T = {horizon}: dni in {ours} of {len(group)} runs, sg in {theirs}"


def beside_in_score(records: Sequence[Record]) -> list[Finding]:
    """A finding per score and T: `dni` beside `tbptt` on tasks without levels."""
    return [f for score, group in by_score(records) for f in _scored(score, group)]


def _scored(score: Score, records: Sequence[Record]) -> list[Finding]:
    def three(a: Record, b: Record, c: Record) -> tuple[float, float, float]:
        return (*results(a, b), result(c) or 0.0)

    found = []
    for T, group in by_T(pairs(records, of("dni"), of("tbptt"), lambda r: r.spec.T)):
        room = headroom(group, records, three, higher=score.higher)
        found.append(
            Finding(
                says=f"dni scores {score.improvement} than tbptt at equal T",
                where=f"{where(a for a, _ in group)}, T={T}",
                paired=difference(units(group, results, "arithmetic")),
                null=0, unit=f"{score.column}, dni − tbptt", if_true=score.side, digits=4,
                headroom=room.found.effect if room else None,
                details=(line(room, "dni", score.column, 4),),
            )
        )  # fmt: skip
    return found
