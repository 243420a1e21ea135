"""Do synthetic gradients learn longer dependencies where training is long?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.headroom import headroom, line
from harness.analysis.pairs import (
    Pair,
    by_T,
    levelled,
    name,
    of,
    pairs,
    span,
    spans,
    units,
    where_beside,
)
from harness.claim import Claim, Finding
from harness.claims._gain import MARGIN, beside_in_score, beyond, early, reached, symbols
from harness.statistics import ratio
from harness.store import Record

BESIDE = (
    ("dni", "tbptt"), ("sg", "tbptt"), ("dni_lambda", "tbptt"), ("behind", "tbptt"),
    ("dni", "sg"), ("dni_lambda", "dni"), ("behind", "dni"), ("behind", "dni_lambda"),
    ("recomputed", "dni"),
)  # fmt: skip
"""What is compared at equal T: the first is said to be better."""

SHARE = 0.1
"""Of the budget, after which the gap is held against the gap at its end."""


class LongerTraining(Claim):
    """Predictions beside `tbptt` and beside each other: a finding a T, each at its own setting.

    Then whether the gap to truncation is wider at the end than after a tenth of the budget. On text
    bits per character. Beside truncation stands the headroom.
    """

    letter = "z"
    question = "Does it learn longer dependencies where training is long?"
    suite = "table1_long"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        copying = [r for r in records if levelled(r)]
        found = [
            _longer(ours, theirs, T, group, copying)
            for ours, theirs in BESIDE
            for T, group in by_T(pairs(copying, of(ours), of(theirs), lambda r: r.spec.T))
        ]
        gaps = by_T(pairs(copying, of("dni"), of("tbptt"), lambda r: r.spec.T))
        return [*found, *(_wider(T, group) for T, group in gaps), *beside_in_score(records)]


def _longer(
    ours: str, theirs: str, T: int, group: Sequence[Pair], records: Sequence[Record]
) -> Finding:
    """At one T, beside what truncation costs there, or how far `sg` predicts."""
    room = headroom(
        _with_the_longest(group, records), records, lambda a, b, c: (span(a), span(b), span(c))
    )
    truncated = theirs == "tbptt"
    costs = (line(room, ours),) if truncated else ()
    horizon = (beyond(group, 2 * T),) if theirs == "sg" else ()
    return Finding(
        says=f"{ours} solves longer dependencies than {theirs} at equal T",
        where=f"{where_beside(group)}, T={T}",
        paired=ratio(units(group, spans, "geometric"), margin=None if truncated else MARGIN),
        null=1, unit=f"× T_task, {ours} / {theirs}", if_true="above",
        headroom=room.found.effect if truncated and room else None,
        details=(*costs, *horizon, early(group), *symbols(group, theirs)),
    )  # fmt: skip


def _with_the_longest(group: Sequence[Pair], records: Sequence[Record]) -> list[Pair]:
    """The pairs at whose seeds the longest window was run, too."""
    longest = max((r.spec.T or 0 for r in records if name(r) == "tbptt"), default=0)
    where = {
        (r.spec.task, r.spec.seed) for r in records if name(r) == "tbptt" and longest == r.spec.T
    }
    return [(a, b) for a, b in group if (b.spec.task, b.spec.seed) in where]


def _wider(T: int, group: Sequence[Pair]) -> Finding:
    def gaps(a: Record, b: Record) -> tuple[float, float]:
        return span(a) / span(b), reached(a, SHARE) / reached(b, SHARE)

    return Finding(
        says=f"dni gains more over tbptt at the end than after {SHARE:.0%} of the timesteps",
        where=f"{where_beside(group)}, T={T}",
        paired=ratio(units(group, gaps, "geometric")), null=1,
        unit="× of dni / tbptt, the end / then", if_true="above",
    )  # fmt: skip
