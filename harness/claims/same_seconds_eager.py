"""Is there a better way than synthetic gradients to spend the same seconds, run eagerly?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.pairs import spans_at_equal_seconds
from harness.analysis.setting import timed
from harness.claim import Claim, Finding
from harness.claims._rivals import ranked
from harness.store import Record


class SameSecondsEager(Claim):
    """As `same_seconds`, operation by operation: all methods, also those that do not compile."""

    letter = "x"
    question = "Is there a better way to spend the same seconds, eagerly?"
    suite = "rivals"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        return ranked(records, "equal seconds", spans_at_equal_seconds, within=timed)
