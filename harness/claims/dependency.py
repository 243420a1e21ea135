"""Do synthetic gradients learn longer dependencies than truncation?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from harness.analysis.pairs import (
    Pair,
    bits,
    by,
    levelled,
    name,
    of,
    pairs,
    setting,
    span,
    tuned,
    units,
    where,
)
from harness.claim import Claim, Finding
from harness.statistics import difference, ratio, ratio_of_medians
from harness.store import Record


class Dependency(Claim):
    """`dni` beside `tbptt`: T_task on the copy tasks, bits per character on text.

    At equal T; at equal memory, which gives tbptt the next window that takes as much or more; at
    equal T and equal seconds; and at equal seconds with the window of each that is best there,
    where truncation may use all of the episode, too.
    """

    letter = "b"
    question = "Does it learn longer dependencies?"
    suite = "table1_desk"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        listed = [r for r in tuned(records) if name(r) in ("tbptt", "dni", "bptt")]
        copying = [r for r in listed if levelled(r)]
        beside, richer, best = _beside(copying), _richer(copying), _best(copying)
        compared = (
            ("at equal T", units(beside, lambda a, b: (span(a), span(b)), "geometric"),
             _by_T(beside)),
            ("at equal memory", units(richer, lambda a, b: (span(a), span(b)), "geometric"),
             _windows(richer)),
            ("at equal T and seconds", units(beside, _at_equal_seconds, "geometric"), ()),
            ("at equal seconds, each at its best T", best, ()),
        )  # fmt: skip
        found = [
            Finding(
                says=f"dni solves longer dependencies than truncation {at}",
                where=where(copying), paired=ratio(levels), null=1, if_true="above",
                details=details,
            )
            for at, levels, details in compared
            if levels
        ]  # fmt: skip
        return [*found, *_texts([r for r in listed if not levelled(r) and r.status == "complete"])]


def _seconds(record: Record) -> float:
    return float(record.curve[-1]["seconds"])


def _beside(group: Sequence[Record]) -> list[Pair]:
    return pairs(group, of("dni"), of("tbptt"), lambda r: r.spec.T)


def _at_equal_seconds(a: Record, b: Record) -> tuple[float, float]:
    s = min(_seconds(a), _seconds(b))
    return span(a, s), span(b, s)


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


def _windows(beside: Sequence[Pair]) -> tuple[str, ...]:
    matched = sorted({(a.spec.trainer, b.spec.trainer) for a, b in beside})
    return (", ".join(f"{a} beside {b}" for a, b in matched),)


def _best(records: Sequence[Record]) -> list[tuple[float, float]]:
    """A pair a setting and seed: the best level over T when the first run of dni has ended."""
    found = []
    for runs in by(lambda r: (setting(r), r.spec.seed), records).values():
        ours = [r for r in runs if name(r) == "dni" and r.curve]
        theirs = [r for r in runs if name(r) != "dni"]
        if ours and len({r.spec.trainer for r in theirs}) > 1:  # else there is no choice of T
            s = min(map(_seconds, ours))
            found.append((
                float(max(span(r, s) for r in ours)), float(max(span(r, s) for r in theirs))
            ))  # fmt: skip
    return found


def _by_T(beside: Sequence[Pair]) -> tuple[str, ...]:
    """T_task at every T with the ratio of its medians, and that of N, where none counts as 1."""
    lines = []
    for said, T in sorted({(where([a]), a.spec.T or 0) for a, _ in beside}):
        here = [(a, b) for a, b in beside if (where([a]), a.spec.T) == (said, T)]
        spans = [(float(span(a)), float(span(b))) for a, b in here]
        symbols = [(_symbols(a), _symbols(b)) for a, b in here]
        ours, theirs = (median([pair[i] for pair in spans]) for i in (0, 1))
        lines.append(
            f"{said}, T={T}: T_task {ours:.0f} against {theirs:.0f}; ratio of medians: "
            f"T_task {ratio_of_medians(spans).said(2)}, N {ratio_of_medians(symbols).said(2)}"
        )
    return tuple(lines)


def _symbols(record: Record) -> float:
    return max(float(record.curve[-1]["level_n"]), 1.0) if record.status == "complete" else 1.0


def _texts(records: Sequence[Record]) -> list[Finding]:
    def both(a: Record, b: Record) -> tuple[float, float]:
        return bits(a) or 0.0, bits(b) or 0.0

    beside = [(a, b) for a, b in _beside(records) if bits(a) is not None and bits(b) is not None]
    if not beside:
        return []
    lines = []
    for T in sorted({a.spec.T or 0 for a, _ in beside}):
        found = difference([both(a, b) for a, b in beside if a.spec.T == T]).effect
        lines.append(f"T={T}: {found.said(4)} bits, {found.n} pairs")
    return [
        Finding(
            says="dni scores fewer bits than tbptt at equal T",
            where=where(a for a, _ in beside),
            paired=difference(units(beside, both, "arithmetic")),
            null=0, unit="bits", if_true="below", digits=4, details=tuple(lines),
        )
    ]  # fmt: skip
