"""Claims decided by recorded runs, and how the outcome is printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.analysis.text import aligned
from harness.claim import EQUIVALENT, Claim, Finding
from harness.statistics import holm
from harness.store import Record


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decided finding, as printed cells."""

    verdict: str
    effect: str
    p: str
    pairs: str
    says: str
    details: tuple[str, ...]


def rulings(claim: Claim, records: Sequence[Record]) -> list[Ruling]:
    """Every finding of a claim, decided; p is Holm-adjusted over all tests of the claim."""
    return [
        _ruling(finding, p, within)
        for finding, p, within in adjusted(
            claim.findings([record for record in records if record.finished]),
            lambda finding: (finding.paired.p, finding.paired.within),
        )
    ]


def adjusted(
    findings: Sequence[Finding], ps: Callable[[Finding], tuple[float, float]]
) -> list[tuple[Finding, float, float]]:
    """Findings with their two p-values, of a difference and of none beyond the margin, adjusted.

    They are one family. The second is 1 where a finding has no margin.
    """
    first = [ps(finding)[0] for finding in findings]
    within = {i: ps(f)[1] for i, f in enumerate(findings) if f.paired.margin is not None}
    found = holm([*first, *within.values()])
    second = dict(zip(within, found[len(first) :], strict=True))
    return [(f, found[i], second.get(i, 1.0)) for i, f in enumerate(findings)]


def _ruling(finding: Finding, p: float, within: float) -> Ruling:
    verdict = finding.verdict(p, within)
    equal = verdict == EQUIVALENT
    said = (
        (f"no difference of {finding.paired.margin:g} times or more, either way",) if equal else ()
    )
    return Ruling(
        verdict, finding.effect, said_p(within if equal else p),
        f"{finding.paired.effect.n} pairs", f"{finding.says}: {finding.where}",
        (*said, *finding.details),
    )  # fmt: skip


def said_p(p: float) -> str:
    """A p-value as it is printed."""
    return "p < 0.001" if p < 0.001 else f"p {p:.3f}"


def heading(claim: Claim, records: Sequence[Record]) -> str:
    """The question, and how many of the runs broke."""
    finished = [record for record in records if record.finished]
    broke = Counter(record.status for record in finished if record.status != "complete")
    said = " and ".join(f"{n} {status}" for status, n in sorted(broke.items(), reverse=True))
    return (
        f"{claim.name} ({claim.letter}): {claim.question}"
        + (f"; of {len(finished)} runs {said}" if said else "")
    )  # fmt: skip


def unrecorded(claim: Claim) -> str:
    """The line for a claim that has no recorded runs."""
    suite = f"sgbench suite {claim.suite}"
    return f"not tested: no runs recorded; `{suite}` makes them, with --estimate it says how long"


def judged(claim: Claim, records: Sequence[Record]) -> list[str]:
    """The claim as lines of text: the question, then a line per finding, with what was measured."""
    return printed(claim, heading(claim, records), rulings(claim, records))


def printed(claim: Claim, heading: str, found: Sequence[Ruling]) -> list[str]:
    """The lines of a decided claim."""
    if not found:
        return [heading, f"    {unrecorded(claim)}"]
    rows = aligned([(r.verdict, r.effect, r.p, r.pairs) for r in found], left=4)
    lines = [heading]
    for row, ruling in zip(rows, found, strict=True):
        lines.append(f"    {row}  claim: {ruling.says}")
        lines += [f"        {line}" for line in ruling.details]
    return lines
