"""Does a warm-up on plain backpropagation help a chain of synthesisers, and how much of it?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.claim import Claim, Finding
from harness.claims._depth import accuracy
from harness.store import Record
from harness.suites.depth import BLIND, FAST, SLOW, WARMUP


class ChainWarmUp(Claim):
    """DNI after a warm-up beside DNI without, and beside silence after the same warm-up.

    What the warm-up has learnt itself is not due to synthetic gradients.
    """

    letter = "n"
    question = "Does a warm-up on plain backpropagation help the chain?"
    suite = "depth"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        warm, found = f"dni_depth({BLIND}, warmup={WARMUP})", list[Finding]()
        for lr in (FAST, SLOW):
            at = f"at rate {lr:g}"
            found += accuracy(
                records, warm, f"dni_depth({BLIND})",
                f"{at} {WARMUP} updates of warm-up make DNI more accurate", "with − without", lr=lr,
            )  # fmt: skip
            found += accuracy(
                records, warm, f"dni_depth({BLIND}, lr=0.0, warmup={WARMUP})",
                f"{at} after {WARMUP} updates of warm-up DNI is more accurate than if all layers "
                "but the read-out stay as they are", "DNI − silent", lr=lr,
            )  # fmt: skip
        return found
