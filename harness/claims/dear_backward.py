"""Does a synthetic gradient pay where the backward pass is expensive, from which multiple on?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.layers import is_call
from harness.analysis.pairs import pairs
from harness.analysis.scoring import cost_to
from harness.analysis.setting import timed
from harness.claim import Claim, Finding
from harness.claims._depth import reached
from harness.names.call import Call
from harness.statistics import ratio
from harness.store import Record
from harness.suites.backward_cost import EVERY, call

GOAL = 0.95
"""Validation accuracy, which every method reaches on digits."""


class DearBackward(Claim):
    """FLOPs and seconds to an accuracy, beside backpropagation's, by the multiple.

    A run that does not reach the accuracy counts with all that it took, which flatters it.
    """

    letter = "p"
    question = "Does a synthetic gradient pay where the backward pass is expensive?"
    suite = "backward_cost"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        dear = [record for record in records if multiple(record)]
        found = []
        for column, words in (("flops", "FLOPs"), ("seconds", "seconds")):
            for every in EVERY:
                beside = pairs(
                    dear, is_call(call(1, every)), is_call("bptt"), lambda r: None, within=timed
                )
                for m in sorted({multiple(a) for a, _ in beside}):
                    own = [pair for pair in beside if multiple(pair[0]) == m]
                    values = [(cost_to(a, GOAL, column), cost_to(b, GOAL, column)) for a, b in own]
                    found.append(
                        Finding(
                            says=f"with the whole chain at {nth(every)} cDNI takes fewer {words} "
                            f"to {GOAL:.0%} than backpropagation",
                            where=f"backward {m:g} × forward", paired=ratio(values), null=1,
                            unit=f"× {words}, cDNI / backpropagation", if_true="below",
                            details=reached(own, GOAL),
                        )
                    )  # fmt: skip
        return found


def multiple(record: Record) -> float:
    """Iterations of the backward pass over those of the forward pass; 0: no equilibrium."""
    options = Call.parse(record.spec.model).options
    return options["backward"] / options["forward"] if "backward" in options else 0


def nth(every: int) -> str:
    """Which updates run the whole chain, in words."""
    return "every update" if every == 1 else f"each {every}th update"
