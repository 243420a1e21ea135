"""Is there a better way than synthetic gradients to spend the same memory?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.pairs import spans
from harness.analysis.table import memory
from harness.claim import Claim, Finding
from harness.claims._rivals import ranked
from harness.store import Record


class SameMemory(Claim):
    """Every method whose peak memory and trace are at most those of `dni` beside it, by T_task."""

    letter = "h"
    question = "Is there a better way to spend the same memory?"
    suite = "rivals"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        return ranked(records, "no more memory", spans, lambda a, dni: memory(a) <= memory(dni))
