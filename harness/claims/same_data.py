"""Is there a better way than synthetic gradients to spend the same data?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.pairs import spans
from harness.claim import Claim, Finding
from harness.claims._rivals import ranked
from harness.store import Record


class SameData(Claim):
    """Every method beside `dni` after as many timesteps, by T_task."""

    letter = "j"
    question = "Is there a better way to spend the same data?"
    suite = "rivals"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        return ranked(records, "equal timesteps", spans)
