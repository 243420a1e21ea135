"""Are two workers on decoupled blocks faster than one process?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.claim import Claim, Finding
from harness.claims._workers import beside
from harness.store import Record
from harness.suites.workers import ALONE


class WorkerAlone(Claim):
    """Speed, and time to an accuracy, beside one process on the same minibatches.

    A run that does not reach the accuracy counts with all that it took, which flatters it.
    """

    letter = "t"
    question = "Are two workers on decoupled blocks faster than one process?"
    suite = "workers"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        return list(beside(records, ALONE, "one process"))
