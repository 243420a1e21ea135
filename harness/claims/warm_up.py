"""Does a warm-up on plain backpropagation help, and how much of it?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.headroom import headroom, line
from harness.analysis.pairs import levelled, name, of, pairs, span, spans, units, where
from harness.claim import Claim, Finding
from harness.names.call import Call
from harness.statistics import ratio
from harness.store import Record

TRUNCATION = "dni / truncation"


class WarmUp(Claim):
    """`dni` warmed up beside `dni` that is not, at equal timesteps, over tasks and seeds.

    What the warm-up itself solves is not due to synthetic gradients: so `dni` is also compared
    with `sg` at scale 0, which is truncation after the same warm-up.
    """

    letter = "f"
    question = "Does a warm-up on plain backpropagation help?"
    suite = "claims"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        listed = [r for r in records if levelled(r) and not r.probes and name(r) in ("dni", "sg")]
        warm_ups = {Call.parse(r.spec.trainer).options.get("warmup", 0) for r in listed} - {0}
        found = []
        for W in sorted(warm_ups):
            for says, sides, other in (
                (f"{W:,} timesteps of warm-up let dni solve longer dependencies",
                 "with / without", of("dni", warmup=0)),
                (f"after {W:,} timesteps of warm-up dni solves longer dependencies than truncation",
                 TRUNCATION, of("sg", warmup=W, scale=0)),
            ):  # fmt: skip
                beside = pairs(listed, of("dni", warmup=W), other, lambda r: r.spec.T)
                if not beside:
                    continue
                gain = sides == TRUNCATION
                room = headroom(beside, records, _spans) if gain else None
                found.append(
                    Finding(
                        says=says, where=f"{where(a for a, _ in beside)}, T={beside[0][0].spec.T}",
                        paired=ratio(units(beside, spans, "geometric")), null=1,
                        unit=f"× T_task, {sides}", if_true="above",
                        headroom=room.found.effect if room else None,
                        details=(line(room, "dni"),) if gain else (),
                    )
                )  # fmt: skip
        return found


def _spans(a: Record, b: Record, c: Record) -> tuple[float, float, float]:
    return span(a), span(b), span(c)
