"""The same as `labels`, on MNIST."""

from __future__ import annotations

from collections.abc import Sequence

from harness.claim import Claim, Finding
from harness.claims._depth import accuracy
from harness.store import Record
from harness.suites.depth import BLIND


class LabelsMnist(Claim):
    """cDNI beside DNI, and each beside what it must beat: silence, and backpropagation."""

    letter = "r"
    question = "On MNIST, does conditioning on the label matter?"
    suite = "depth_mnist"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        dni = f"dni_depth({BLIND})"
        return [
            *accuracy(records, "dni_depth", dni, "cDNI is more accurate than DNI", "cDNI − DNI"),
            *accuracy(records, "dni_depth", "bptt",
                      "cDNI is more accurate than backpropagation", "cDNI − backpropagation"),
        ]  # fmt: skip
