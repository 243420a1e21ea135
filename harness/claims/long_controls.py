"""What does the gap of long training depend on?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.pairs import name, pairs, spans, units, where_beside
from harness.claim import Claim, Finding
from harness.claims._gain import early, made_for, symbols
from harness.names.call import Call
from harness.statistics import ratio
from harness.store import Record
from harness.suites import long_controls as parts


class LongControls(Claim):
    """`dni` beside truncation where one thing is changed; a method beside itself, unchanged."""

    letter = "aa"
    question = "What does the gap of long training depend on?"
    suite = "long_controls"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        usual, reset, faster, warmed, longer = (
            made_for(part, records)
            for part in (
                parts.unchanged(), parts.reset(), parts.faster(), parts.warmed(), parts.longer(),
            )
        )  # fmt: skip
        found = [
            *(_beside(group, "dni", group, "tbptt") for group in (reset, longer)),
            _beside(usual, "tbptt", faster, "tbptt", f" at rate {parts.LARGER:g}"),
        ]
        for W in parts.WARM_UPS:
            after = [r for r in warmed if Call.parse(r.spec.trainer).options["warmup"] == W]
            how = f" without {W:,} timesteps of warm-up"
            found.append(_beside(after, "dni", usual, "dni", how))
        return [finding for finding in found if finding]


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
    return Finding(
        says=f"{ours} solves longer dependencies than {theirs}{how}",
        where=f"{where_beside(beside)}, T=3",
        paired=ratio(units(beside, spans, "geometric")), null=1,
        unit=f"× T_task, {ours} / {theirs}{how}", if_true="above",
        details=(early(beside), *symbols(beside, theirs)),
    )  # fmt: skip
