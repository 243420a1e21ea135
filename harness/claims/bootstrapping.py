"""Does bootstrapping one DNI from the next help?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.pairs import (
    by_score,
    levelled,
    of,
    pairs,
    results,
    span,
    tuned,
    units,
    where,
)
from harness.claim import Claim, Finding
from harness.statistics import difference, ratio
from harness.store import Record


class Bootstrapping(Claim):
    """`dni` beside `sg`, which lacks the bootstrap, at equal T and each tuned."""

    letter = "e"
    question = "Does bootstrapping help?"
    suite = "table1_desk"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        beside = pairs(tuned(records), of("dni"), of("sg"), lambda r: r.spec.T)
        copying = [pair for pair in beside if levelled(pair[0])]
        found = []
        if copying:
            found.append(
                Finding(
                    says="dni solves longer dependencies than sg at equal T",
                    where=where(a for a, _ in copying),
                    paired=ratio(units(copying, lambda a, b: (span(a), span(b)), "geometric")),
                    null=1, unit="× T_task, dni / sg", if_true="above",
                )
            )  # fmt: skip
        for score, group in by_score(tuned(records)):
            scored = pairs(group, of("dni"), of("sg"), lambda r: r.spec.T)
            if scored:
                found.append(
                    Finding(
                        says=f"dni scores {score.improvement} than sg at equal T",
                        where=where(a for a, _ in scored),
                        paired=difference(units(scored, results, "arithmetic")),
                        null=0, unit=f"{score.column}, dni − sg", if_true=score.side,
                        digits=4,
                    )
                )  # fmt: skip
        return found
