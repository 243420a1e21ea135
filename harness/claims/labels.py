"""Does a synthesiser need to read the label?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.layers import layers
from harness.claim import Claim, Finding
from harness.claims._depth import accuracy
from harness.store import Record
from harness.suites.depth import BLIND, FAST, SLOW


class Labels(Claim):
    """cDNI beside DNI, and each beside what it must beat: silence, and backpropagation."""

    letter = "q"
    question = "Does conditioning on the label matter, and what do layers learn without it?"
    suite = "depth"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        dni, silent = f"dni_depth({BLIND})", f"dni_depth({BLIND}, lr=0.0)"
        six = [record for record in records if layers(record) == 6]
        return [
            *accuracy(records, "dni_depth", dni, "cDNI is more accurate than DNI", "cDNI − DNI"),
            *accuracy(records, "dni_depth", "bptt",
                      "cDNI is more accurate than backpropagation", "cDNI − backpropagation"),
            *(finding
              for lr in (FAST, SLOW)
              for finding in accuracy(
                  six, dni, silent, f"at rate {lr:g} DNI is more accurate than if all layers but "
                  "the read-out stay as drawn", "DNI − silent", lr=lr)),
        ]  # fmt: skip
