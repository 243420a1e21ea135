"""Do layers that wait for nobody still learn?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.claim import Claim, Finding
from harness.claims._depth import accuracy
from harness.store import Record

CUTS = "cuts=(0, 3, 5)"


class SyntheticInputs(Claim):
    """Unlocked blocks beside silent synthesisers, and beside the chain that waits for inputs."""

    letter = "o"
    question = "Do layers still learn that wait for nobody, on synthetic inputs or stale ones?"
    suite = "depth"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        found: list[Finding] = []
        for words, options in (
            ("on synthetic inputs", "inputs=True"), ("in random order", "order='random'"),
            ("moving half of the times", "rate=0.5"),
        ):  # fmt: skip
            ours = f"dni_unlocked({CUTS}, {options})"
            found += accuracy(
                records, ours, f"dni_depth({CUTS}, lr=0.0)",
                f"{words} cDNI is more accurate than if the blocks below the last stay as drawn",
                "unlocked − silent",
            )  # fmt: skip
            found += accuracy(
                records, ours, f"dni_depth({CUTS})",
                f"{words} cDNI is less accurate than in order", "unlocked − in order", "below",
            )  # fmt: skip
        return found
