"""Is there a better way than synthetic gradients to spend four times the data?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.pairs import spans
from harness.claim import Claim, Finding
from harness.claims._rivals import ranked
from harness.store import Record


class SameDataLonger(Claim):
    """As `same_data`, after four times as many timesteps; the methods that compile."""

    letter = "y"
    question = "Is there a better way to spend the same data, four times as much?"
    suite = "rivals_compiled"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        return ranked(records, "equal timesteps", spans)
