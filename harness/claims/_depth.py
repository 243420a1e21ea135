"""What the claims about decoupled layers share: accuracy, pair by pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from harness.analysis.layers import POINTS, is_call, layers
from harness.analysis.pairs import Pair, pairs, results
from harness.analysis.scoring import first
from harness.claim import Finding
from harness.statistics import difference
from harness.store import Record
from harness.suites import depth


def accuracy(
    records: Sequence[Record],
    ours: str,
    theirs: str,
    says: str,
    sides: str,
    if_true: Literal["above", "below"] = "above",
    lr: float | None = None,
) -> Iterator[Finding]:
    """The difference in test accuracy between two calls, in points, for each model.

    lr: of the model's Adam in both; None: each at the rate of its method
    """
    a, b = (is_call(call, depth.rate(call) if lr is None else lr) for call in (ours, theirs))
    beside = pairs(records, a, b, lambda r: None)
    for model in sorted({a.spec.model for a, _ in beside}):
        group = [pair for pair in beside if pair[0].spec.model == model]
        scored = [results(a, b) for a, b in group]
        yield Finding(
            says=says, where=f"{layers(group[0][0])} layers",
            paired=difference([(POINTS * a, POINTS * b) for a, b in scored]),
            null=0, unit=f"points of accuracy, {sides}", if_true=if_true,
        )  # fmt: skip


def reached(beside: Sequence[Pair], goal: float) -> tuple[str, ...]:
    """How many runs of each side reach an accuracy, as details; none where all of them do."""
    ours, theirs = (sum(first(pair[side], goal) is not None for pair in beside) for side in (0, 1))
    told = f"reached by {ours} and {theirs} of {len(beside)} runs"
    return (told,) if min(ours, theirs) < len(beside) else ()
