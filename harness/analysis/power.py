"""What the tests of a claim can decide: pairs, smallest p, smallest effect."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from harness.analysis.text import aligned
from harness.analysis.verdict import adjusted, heading, said_p, unrecorded
from harness.claim import FEWEST, LEVEL, Claim, Finding
from harness.statistics import rejected, typical, ways
from harness.store import Record

CANNOT = "cannot decide"
"""Of a test whose smallest p-value, adjusted, is not below LEVEL."""


def power(claim: Claim, records: Sequence[Record]) -> list[str]:
    """The claim as lines of text: the question, then a line per finding.

    The smallest p is that of all tests of the claim at their smallest, Holm-adjusted. The smallest
    effect is what the test finds in 80 of 100 simulated experiments with as many pairs, of the
    spread of the recorded ones, with the whole adjustment: as if no other test were decided.
    """
    findings = claim.findings([record for record in records if record.finished])
    if not findings:
        return [heading(claim, records), f"    {unrecorded(claim)}"]
    least = adjusted(findings, lambda f: (least_p(f.paired.effect.n), least_p(f.paired.effect.n)))
    tests = sum(1 + (finding.paired.margin is not None) for finding in findings)
    cells = [
        (
            "can decide" if decides(finding, p) else CANNOT,
            f"{finding.paired.effect.n} pairs",
            f"least {said_p(p)}",
            smallest(finding, tests) if decides(finding, p) else "–",
        )
        for finding, p, _ in least
    ]
    rows = aligned(cells, left=4)
    return [
        heading(claim, records),
        *(f"    {row}  claim: {f.says}: {f.where}" for row, f in zip(rows, findings, strict=True)),
    ]


def decides(finding: Finding, least: float) -> bool:
    """Whether the test of a finding can decide it; least: its smallest p, adjusted."""
    return finding.paired.effect.n >= FEWEST and least < LEVEL


def smallest(finding: Finding, tests: int) -> str:
    """The effects that are found four times in five, in words; tests: of the claim."""
    paired = finding.paired
    if not paired.spread > 0:  # NaN, too
        return "all pairs equal: no spread to go by"
    size = detectable(paired.effect.n, LEVEL / tests) * paired.spread
    if math.isinf(size):
        return f"nothing, unless other tests are decided, too {finding.unit}"
    low, high = (
        (finding.null * math.exp(-size), finding.null * math.exp(size))
        if paired.factor
        else (finding.null - size, finding.null + size)
    )
    digits = finding.digits
    return f"below {low:.{digits}f} or above {high:.{digits}f} {finding.unit}"


def least_p(n: int) -> float:
    """The smallest p-value that the sign-flip test of n pairs can give."""
    return 1.0 if n < 2 else 2 / ways(n)


@cache
def detectable(n: int, level: float, power: float = 0.8) -> float:
    """The smallest mean effect that the sign-flip test of n pairs finds, in standard deviations.

    Found with probability `power` at p <= level, among pairs that are normally distributed, in a
    seeded simulation; inf where no effect is large enough.
    """
    k = rejected(n, level)
    if k < 1:
        return math.inf
    draws = np.random.default_rng(0).normal(size=(400, n))
    bounds = [float(np.partition(typical(each), k - 1)[k - 1]) for each in draws]
    return float(np.quantile(np.negative(bounds), power))
