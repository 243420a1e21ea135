"""Does any remedy make synthetic gradients, or a trace behind the window, better than `dni`?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.pairs import spans
from harness.claim import Claim, Finding
from harness.claims._rivals import ranked
from harness.store import Record


class Remedies(Claim):
    """Every variant beside `dni` after as many timesteps, by T_task."""

    letter = "s"
    question = "Does a remedy for synthetic gradients, or a smaller trace, do better than dni?"
    suite = "remedies"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        return ranked(records, "equal timesteps", spans)
