"""Do synthetic gradients learn longer dependencies than truncation?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median

from harness.analysis.headroom import Headroom, headroom, line
from harness.analysis.pairs import (
    Pair,
    by,
    by_T,
    levelled,
    name,
    of,
    pairs,
    seconds,
    span,
    spans,
    spans_at_equal_seconds,
    tuned,
    units,
    where,
)
from harness.analysis.setting import setting, timed
from harness.claim import Claim, Finding
from harness.claims._gain import beside_in_score, early, symbols
from harness.statistics import Paired, ratio
from harness.store import Record

SIDES = of("dni"), of("tbptt")


class Dependency(Claim):
    """`dni` beside `tbptt`: T_task on the copy tasks, bits per character on text, a finding a T.

    At equal T; at equal memory, which gives tbptt the next window that takes as much or more; at
    equal T and equal seconds; and at equal seconds with the best window of each that was run,
    where truncation may also use the whole episode. Beside each but the last stands the headroom,
    by how much a longer window is better than truncation there, and what share of it dni wins.
    """

    letter = "b"
    question = "Does it learn longer dependencies?"
    suite = "table1_desk"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        listed = [r for r in tuned(records) if name(r) in ("tbptt", "dni", "bptt")]
        copying = [r for r in listed if levelled(r)]
        beside = pairs(copying, *SIDES, lambda r: r.spec.T)
        on_the_clock = pairs(copying, *SIDES, lambda r: r.spec.T, within=timed)
        found = [
            *(_longer("equal T", T, group, copying, spans, (early(group), *symbols(group)))
              for T, group in by_T(beside)),
            *(_longer("equal memory", T, group, copying, spans, _matched(group))
              for T, group in by_T(_richer(copying))),
            *(_longer("equal T and seconds", T, group, copying, spans_at_equal_seconds)
              for T, group in by_T(on_the_clock)),
        ]  # fmt: skip
        if best := _best(copying):
            found.append(
                _finding(
                    "equal seconds, each at the best T that was run",
                    where(r for r in copying if name(r) == "dni"), ratio(best),
                    (_offered(copying),),
                )
            )  # fmt: skip
        return [*found, *beside_in_score(listed)]


def _longer(
    at: str,
    T: int,
    group: Sequence[Pair],
    records: Sequence[Record],
    values: Callable[[Record, Record], tuple[float, float]],
    details: Sequence[str] = (),
) -> Finding:
    """At one T, beside what truncation costs there."""
    at_seconds = values is spans_at_equal_seconds

    def three(a: Record, b: Record, c: Record) -> tuple[float, float, float]:
        ours, theirs = values(a, b)
        return ours, theirs, span(c, min(seconds(a), seconds(b)) if at_seconds else math.inf)

    room = headroom(group, records, three, within=timed if at_seconds else setting)
    return _finding(
        at, f"{_where(group)}, T={T}", ratio(units(group, values, "geometric")),
        (line(room, "dni"), *details), room,
    )  # fmt: skip


def _finding(
    at: str, where: str, paired: Paired, details: Sequence[str], room: Headroom | None = None
) -> Finding:
    return Finding(
        says=f"dni solves longer dependencies than truncation at {at}", where=where,
        paired=paired, null=1, unit="× T_task, dni / truncation", if_true="above",
        headroom=room.found.effect if room else None, details=tuple(details),
    )  # fmt: skip


def _where(group: Sequence[Pair]) -> str:
    return where(a for a, _ in group)


def _richer(records: Sequence[Record]) -> list[Pair]:
    """Each run of dni beside the tbptt of the smallest peak that is not below its own."""
    found = []
    for group in by(setting, records).values():
        peaks = {
            trainer: median([r.end["peak_memory_bytes"] for r in runs])
            for trainer, runs in by(
                lambda r: r.spec.trainer, [r for r in group if r.status == "complete"]
            ).items()
        }
        for record in (r for r in group if name(r) == "dni" and r.spec.trainer in peaks):
            allowed = [
                t for t in peaks
                if t.startswith("tbptt") and peaks[t] >= peaks[record.spec.trainer]
            ]  # fmt: skip
            rival = min(allowed, key=lambda t: peaks[t], default=None)
            found += [(record, r) for r in group
                      if r.spec.trainer == rival and r.spec.seed == record.spec.seed]  # fmt: skip
    return found


def _matched(beside: Sequence[Pair]) -> tuple[str, ...]:
    matched = sorted({(a.spec.trainer, b.spec.trainer) for a, b in beside})
    return (", ".join(f"{a} beside {b}" for a, b in matched),)


def _best(records: Sequence[Record]) -> list[tuple[float, float]]:
    """A pair per setting, engine and seed: the best level when the first run of dni has ended."""
    found = []
    for runs in by(lambda r: (timed(r), r.spec.seed), records).values():
        ours = [r for r in runs if name(r) == "dni" and r.curve]
        theirs = [r for r in runs if name(r) != "dni"]
        if ours and len({r.spec.trainer for r in theirs}) > 1:  # else there is no choice of T
            s = min(map(seconds, ours))
            found.append((
                float(max(span(r, s) for r in ours)), float(max(span(r, s) for r in theirs))
            ))  # fmt: skip
    return found


def _offered(records: Sequence[Record]) -> str:
    """The windows that each side could choose from."""

    def windows(trainer: str) -> str:
        return ", ".join(map(str, sorted({r.spec.T or 0 for r in records if name(r) == trainer})))

    whole = " and the whole episode" if any(name(r) == "bptt" for r in records) else ""
    return f"dni was run at T={windows('dni')}; truncation at T={windows('tbptt')}{whole}"
