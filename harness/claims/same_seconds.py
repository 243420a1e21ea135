"""Is there a better way than synthetic gradients to spend the same seconds?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.pairs import spans_at_equal_seconds
from harness.analysis.setting import timed
from harness.claim import Claim, Finding
from harness.claims._rivals import ranked
from harness.store import Record


class SameSeconds(Claim):
    """Every method that compiles beside `dni`, by T_task when the first of both has ended."""

    letter = "i"
    question = "Is there a better way to spend the same seconds?"
    suite = "rivals_compiled"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        return ranked(records, "equal seconds", spans_at_equal_seconds, within=timed)
