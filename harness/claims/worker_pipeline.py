"""Do decoupled blocks beat a pipeline, on as many workers?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.claim import Claim, Finding
from harness.claims._workers import beside
from harness.store import Record
from harness.suites.workers import GPIPE, ONE_F_ONE_B


class WorkerPipeline(Claim):
    """Speed, and time to an accuracy, beside both schedules of a pipeline cut at the same place.

    A run that does not reach the accuracy counts with all that it took, which flatters it.
    """

    letter = "v"
    question = "Do decoupled blocks beat a pipeline, on as many workers?"
    suite = "workers"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        return [
            *beside(records, GPIPE, "GPipe"),
            *beside(records, ONE_F_ONE_B, "a pipeline of one forward, one backward"),
        ]
