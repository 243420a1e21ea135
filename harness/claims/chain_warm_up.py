"""Does a warm-up on plain backpropagation help a chain of synthesisers, and how much of it?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.claim import Claim, Finding
from harness.claims._depth import accuracy
from harness.store import Record
from harness.suites.depth import BLIND, WARMUP


class ChainWarmUp(Claim):
    """DNI after a warm-up beside DNI without, and beside silence after the same warm-up.

    What the warm-up has learnt itself is not due to synthetic gradients.
    """

    letter = "m"
    question = "Does a warm-up on plain backpropagation help the chain?"
    suite = "depth"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        warm = f"dni_depth({BLIND}, warmup={WARMUP})"
        return [
            *accuracy(records, warm, f"dni_depth({BLIND})",
                      f"{WARMUP} updates of warm-up make DNI more accurate", "with − without"),
            *accuracy(records, warm, f"dni_depth({BLIND}, lr=0.0, warmup={WARMUP})",
                      f"after {WARMUP} updates of warm-up DNI is more accurate than if all layers "
                      "but the read-out stay as they are", "DNI − silent"),
        ]  # fmt: skip
