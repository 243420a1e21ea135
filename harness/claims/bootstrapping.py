"""Does bootstrapping one DNI from the next help?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.pairs import (
    Pair,
    by_score,
    by_T,
    levelled,
    of,
    pairs,
    results,
    spans,
    tuned,
    units,
    where_beside,
)
from harness.claim import Claim, Finding
from harness.claims._gain import MARGIN, beyond
from harness.statistics import difference, ratio
from harness.store import Record


class Bootstrapping(Claim):
    """`dni` beside `sg`, which lacks the bootstrap, at equal T and each tuned, a finding a T.

    Without the bootstrap a prediction reaches one window further than truncation, to 2T.
    """

    letter = "e"
    question = "Does bootstrapping help?"
    suite = "table1_desk"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        listed = tuned(records)
        copying = _beside([r for r in listed if levelled(r)])
        found = [
            Finding(
                says="dni solves longer dependencies than sg at equal T",
                where=f"{where_beside(group)}, T={T}",
                paired=ratio(units(group, spans, "geometric"), margin=MARGIN),
                null=1, unit="× T_task, dni / sg", if_true="above",
                details=(beyond(group, 2 * T),),
            )
            for T, group in by_T(copying)
        ]  # fmt: skip
        for score, scored in by_score(listed):
            found += [
                Finding(
                    says=f"dni scores {score.improvement} than sg at equal T",
                    where=f"{where_beside(group)}, T={T}",
                    paired=difference(units(group, results, "arithmetic")),
                    null=0, unit=f"{score.column}, dni − sg", if_true=score.side, digits=4,
                )
                for T, group in by_T(_beside(scored))
            ]  # fmt: skip
        return found


def _beside(records: Sequence[Record]) -> list[Pair]:
    return pairs(records, of("dni"), of("sg"), lambda r: r.spec.T)
