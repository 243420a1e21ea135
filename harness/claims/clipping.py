"""Does clipping or normalising gradients close the gap for truncation?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.pairs import at_defaults, levelled, name, of, pairs, span, units, where_beside
from harness.claim import Claim, Finding
from harness.statistics import ratio
from harness.store import Record

COMMON = 1.0
"""The norm at which everything else is clipped."""

CLOSED = 0.9
"""Share of dni's T_task from which the gap counts as closed."""


class Clipping(Claim):
    """`tbptt` at other clipping norms beside `dni` at the common one, over tasks and seeds.

    At a norm far below that of every gradient, clipping is normalisation.
    """

    letter = "g"
    question = "Does clipping or normalising the gradient close the gap for truncation?"
    suite = "claims"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        listed = [r for r in records if at_defaults(r) and not r.probes and levelled(r)]
        found = []
        for clip in sorted({r.spec.clip for r in listed if name(r) == "tbptt"} - {COMMON}):
            here = [r for r in listed if name(r) == "dni" or r.spec.clip == clip]
            beside = pairs(here, of("tbptt"), of("dni"), lambda r: r.spec.T)
            if beside:
                said = f"clipped at {clip:g}" if clip else "without clipping"
                found.append(
                    Finding(
                        says=f"tbptt {said} solves nine tenths of what dni does, or more",
                        where=f"{where_beside(beside)}, T={beside[0][0].spec.T}",
                        paired=ratio(
                            units(beside, lambda a, b: (span(a), span(b)), "geometric"), CLOSED
                        ),
                        null=CLOSED, unit="× T_task, tbptt / dni", if_true="above",
                    )
                )  # fmt: skip
        return found
