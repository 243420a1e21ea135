"""Does bootstrapping one DNI from the next help?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.pairs import bits, levelled, of, pairs, span, tuned, units, where
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
                    null=1, if_true="above",
                )
            )  # fmt: skip
        scored = [
            pair
            for pair in beside
            if not levelled(pair[0])
            and all(r.status == "complete" and bits(r) is not None for r in pair)
        ]
        if scored:
            found.append(
                Finding(
                    says="dni scores fewer bits than sg at equal T",
                    where=where(a for a, _ in scored),
                    paired=difference(
                        units(scored, lambda a, b: (bits(a) or 0, bits(b) or 0), "arithmetic")
                    ),
                    null=0, unit="bits", if_true="below", digits=4,
                )
            )  # fmt: skip
        return found
