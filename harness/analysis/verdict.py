"""Claims decided by recorded runs, and how the outcome is printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.text import aligned
from harness.claim import Claim
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
    """Every finding of a claim, decided; p is Holm-adjusted over them."""
    findings = claim.findings([record for record in records if record.finished])
    return [
        Ruling(
            finding.verdict(p),
            finding.effect,
            said_p(p),
            f"{finding.paired.effect.n} pairs",
            f"{finding.says}: {finding.where}",
            finding.details,
        )
        for finding, p in zip(findings, holm([f.paired.p for f in findings]), strict=True)
    ]


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
