"""Is an iteration faster with decoupled layers, on one process?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.layers import is_call, layers
from harness.analysis.pairs import pairs, seconds
from harness.analysis.setting import timed
from harness.claim import Claim, Finding
from harness.claims._depth import accuracy
from harness.statistics import ratio
from harness.store import Record
from harness.suites.backward_cost import call

LAYERS = 6


class Iteration(Claim):
    """Seconds and FLOPs of an update, beside backpropagation's, and what it costs in accuracy."""

    letter = "l"
    question = "Is an update faster with decoupled layers, on one process?"
    suite = "backward_cost"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        plain = [record for record in records if layers(record) == LAYERS]
        found: list[Finding] = []
        for trainer, words in (
            ("dni_depth", "cDNI after every layer"),
            (call(2, 1), "one cDNI in the middle"),
            (call(2, 4), "one cDNI, the whole chain at each fourth update"),
        ):
            beside = pairs(plain, is_call(trainer), is_call("bptt"), lambda r: None, within=timed)
            if not beside:
                continue
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
            found += accuracy(
                plain, trainer, "bptt", f"with {words} it is less accurate after as many updates",
                "cDNI − backpropagation", "below",
            )  # fmt: skip
        return found


def _flops(record: Record) -> float:
    return float(record.curve[-1]["flops"])
