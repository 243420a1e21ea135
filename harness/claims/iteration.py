"""Is an iteration faster with decoupled layers, on one process?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.layers import is_call, layers
from harness.analysis.pairs import pairs, seconds
from harness.claim import Claim, Finding
from harness.claims._depth import accuracy
from harness.statistics import ratio
from harness.store import Record

LAYERS = 6


class Iteration(Claim):
    """Seconds and FLOPs of an update, beside backpropagation's, and what it costs in accuracy."""

    letter = "l"
    question = "Is an update faster with decoupled layers, on one process?"
    suite = "depth"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        found: list[Finding] = []
        for call, words in (
            ("dni_depth", "cDNI after every layer"),
            ("dni_depth(cuts=(2,))", "one cDNI in the middle"),
            ("dni_depth(cuts=(2,), every=4)", "one cDNI, the whole chain at each fourth update"),
        ):  # fmt: skip
            beside = [
                pair
                for pair in pairs(records, is_call(call), is_call("bptt"), lambda r: None)
                if layers(pair[0]) == LAYERS
            ]
            if beside:
                found += [
                    Finding(
                        says=f"an update takes {what} with {words}", where=f"{LAYERS} layers",
                        paired=ratio([(value(a), value(b)) for a, b in beside]), null=1,
                        unit=f"× {of}, / backpropagation", if_true="below",
                    )
                    for what, of, value in (
                        ("less time", "time an update", seconds),
                        ("fewer FLOPs", "FLOPs an update", _flops),
                    )
                ]  # fmt: skip
        for k in (4, 8):
            found += accuracy(
                records, f"dni_depth(cuts=(2,), every={k})", "bptt",
                f"with the whole chain at each {k}-th update it is less accurate",
                "cDNI − backpropagation", "below",
            )  # fmt: skip
        return found


def _flops(record: Record) -> float:
    return float(record.curve[-1]["flops"])
