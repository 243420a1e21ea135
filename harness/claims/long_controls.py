"""What does the gap of long training depend on?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.pairs import name, pairs, span, spans, units, where, where_beside
from harness.claim import Claim, Finding
from harness.claims._gain import MARGIN, early, made_for, reached, symbols
from harness.statistics import ratio
from harness.store import Record
from harness.suites import long_controls as parts

LOST = 0.8
"""Bits on the level after the last one solved, above which little of that is left; 1 is chance."""


class LongControls(Claim):
    """`dni` beside truncation where one thing is changed; a method beside itself, unchanged."""

    letter = "aa"
    question = "What does the gap of long training depend on?"
    suite = "long_controls"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        usual, reset, faster, longer = (
            made_for(part, records)
            for part in (parts.unchanged(), parts.reset(), parts.faster(), parts.longer())
        )
        found = [
            *(_beside(group, "dni", group, "tbptt") for group in (reset, longer)),
            *(_beside(group, "dni", group, "tbptt", f", {how}") for how, group in (
                ("LSTM 128", made_for(parts.wider(3), records)),
                ("LSTM 128", made_for(parts.wider(5), records)),
                ("LSTM 256", made_for(parts.widest(), records)),
                ("falling rate", made_for(parts.falling(), records)),
            )),
            _beside(usual, "tbptt", faster, "tbptt", f" at rate {parts.LARGER:g}"),
            _beside(made_for(parts.returns(), records), "dni_lambda",
                    made_for(parts.without_returns(), records), "dni_lambda", " at λ = 0"),
            _beside(usual, "tbptt", made_for(parts.untrained(parts.READ_OUT), records), "reservoir",
                    f" at rate {parts.READ_OUT:g}"),
            *(_after(W, made_for(parts.warmed(W), records)) for W in parts.WARM_UPS),
        ]  # fmt: skip
        return [finding for finding in found if finding]


def _after(W: int, warmed: Sequence[Record]) -> Finding | None:
    """What `dni` solves in the end beside what its warm-up had solved, run by run."""
    if not warmed:
        return None
    runs = [(record, record) for record in warmed]

    def gain(end: Record, then: Record) -> tuple[float, float]:
        return span(end), reached(then, W / then.spec.timesteps)

    lost = sum(record.curve[-1]["bits"] > LOST for record in warmed)
    return Finding(
        says=f"dni solves more than its warm-up of {W:,} timesteps has",
        where=f"{where(warmed)}, T=3",
        paired=ratio(units(runs, gain, "geometric"), margin=MARGIN), null=1,
        unit="× T_task, the end / the warm-up's", if_true="above",
        details=(f"{lost} of {len(warmed)} runs end above {LOST} bits, where 1 is chance",),
    )  # fmt: skip


def _beside(
    records: Sequence[Record], ours: str, others: Sequence[Record], theirs: str, how: str = ""
) -> Finding | None:
    """A finding on one method in some records and another in others; how: those of the other."""
    mine = {r.spec: r for r in records if name(r) == ours}
    beyond = {r.spec: r for r in others if name(r) == theirs}
    listed = [*mine.values(), *beyond.values()]
    beside = pairs(listed, lambda r: r.spec in mine, lambda r: r.spec in beyond, lambda r: None)
    if not beside:
        return None
    (T,) = {record.spec.T for pair in beside for record in pair}
    return Finding(
        says=f"{ours} solves longer dependencies than {theirs}{how}",
        where=f"{where_beside(beside)}, T={T}",
        paired=ratio(units(beside, spans, "geometric")), null=1,
        unit=f"× T_task, {ours} / {theirs}{how}", if_true="above",
        details=(early(beside), *symbols(beside, theirs)),
    )  # fmt: skip
