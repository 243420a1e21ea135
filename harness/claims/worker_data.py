"""Do decoupled blocks beat minibatches in parallel, on as many workers?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.claim import Claim, Finding
from harness.claims._workers import beside
from harness.store import Record
from harness.suites.workers import DDP


class WorkerData(Claim):
    """Speed, and time to an accuracy, beside DistributedDataParallel.

    A run that does not reach the accuracy counts with all that it took, which flatters it.
    """

    letter = "u"
    question = "Do decoupled blocks beat minibatches in parallel, on as many workers?"
    suite = "workers"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        return list(beside(records, DDP, "DDP"))
