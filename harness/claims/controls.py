"""What of synthetic gradients helps, where they do?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.look import method
from harness.analysis.pairs import (
    NONE_SOLVED,
    by,
    name,
    pairs,
    spans,
    units,
    where,
    where_beside,
)
from harness.analysis.setting import setting
from harness.claim import Claim, Finding
from harness.claims._gain import made_for
from harness.claims._rivals import called, medians
from harness.statistics import ratio
from harness.store import Record
from harness.suites.controls import LONGER, beside, protocols, windows

BESIDE = (
    ("dni(T=3)", "tbptt(T=3)"),
    ("dni(T=3)", "dni_control(T=3)"),
    ("dni(T=3)", "dni_control(T=3, rows='averaged')"),
    ("dni_control(T=3)", "tbptt(T=3)"),
    ("dni_control(T=3, rows='averaged')", "tbptt(T=3)"),
    ("dni(T=3)", "sg(T=3, scale=0.5)"),
    ("dni(T=3, scale=1.0)", "sg(T=3)"),
)
"""What is compared on the stream: the first is said to be better."""


class Controls(Claim):
    """`dni` beside controls, protocol by protocol, and window by window, by T_task."""

    letter = "w"
    question = "What makes dni help where it does, and up to which window?"
    suite = "controls"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        stream, others, long = (
            made_for(part, records) for part in (beside(), protocols(), windows())
        )
        found = [_pair(stream, ours, theirs) for ours, theirs in BESIDE]
        found += [
            _pair(group, "dni(T=3)", "tbptt(T=3)") for group in by(_protocol, others).values()
        ]
        found += [_pair(long, f"dni(T={T})", f"tbptt(T={T})") for T in LONGER]
        found.append(_best(long))
        return [finding for finding in found if finding]


def _protocol(record: Record) -> str:
    return str(record.header["options"]["task"]["protocol"])


def _pair(records: Sequence[Record], ours: str, theirs: str) -> Finding | None:
    """A finding on two trainers at the end of their budgets."""
    both = pairs(records, called(ours), called(theirs), lambda r: None)
    if not both:
        return None
    return Finding(
        says=f"{ours} solves longer dependencies than {theirs}",
        where=where_beside(both),
        paired=ratio(units(both, spans, "geometric")), null=1,
        unit=f"× T_task, {method(ours)} / {method(theirs)}", if_true="above",
        details=medians(both, spans),
    )  # fmt: skip


def _best(records: Sequence[Record]) -> Finding | None:
    """The best window of each, after the FLOPs of the run that took the fewest."""
    found = []
    for runs in by(lambda r: (setting(r), r.spec.seed), records).values():
        mine = [r for r in runs if name(r) == "dni"]
        others = [r for r in runs if name(r) == "tbptt"]
        if mine and others:
            flops = min(r.curve[-1]["flops"] for r in runs if r.curve)
            found.append((max(_reached(r, flops) for r in mine),
                          max(_reached(r, flops) for r in others)))  # fmt: skip
    if not found:
        return None
    return Finding(
        says="dni solves longer dependencies than tbptt at equal FLOPs, each at its best T",
        where=where(records), paired=ratio(found), null=1,
        unit="× T_task, dni / tbptt", if_true="above",
        details=(f"dni was run at T={', '.join(map(str, LONGER))}; tbptt at those and between",),
    )  # fmt: skip


def _reached(record: Record, flops: float) -> float:
    """T_task of the level solved after so many FLOPs."""
    solved = [row["t_task"] for row in record.curve if row["flops"] <= flops]
    return float(max([NONE_SOLVED, *solved[-1:]]) if record.status == "complete" else NONE_SOLVED)
