"""What the claims about rivals share: every method beside `dni`, pair by pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from harness.analysis.look import method, ordered
from harness.analysis.pairs import Pair, levelled, pairs, task, units, where_beside
from harness.analysis.setting import setting
from harness.claim import Finding
from harness.statistics import ratio
from harness.store import Record

DNI = "dni(T=3)"


def ranked(
    records: Sequence[Record],
    at: str,
    values: Callable[[Record, Record], tuple[float, float]],
    allowed: Callable[[Record, Record], bool] = lambda ours, dni: True,
    within: Callable[[Record], object] = setting,
) -> list[Finding]:
    """A finding for every method that is allowed beside dni, by the ratio of T_task, best first.

    A pair is a setting and a seed; values: the T_task of a pair; within: as for pairs()
    """
    listed = [r for r in records if levelled(r) and r.spec.timesteps > 1]  # or memory alone
    found = []
    for trainer in ordered({record.spec.trainer for record in listed} - {DNI}):
        beside = [
            pair
            for pair in pairs(listed, called(trainer), called(DNI), lambda r: None, within=within)
            if allowed(*pair)
        ]
        if beside:
            found.append(
                Finding(
                    says=f"{trainer} solves longer dependencies than {DNI} at {at}",
                    where=where_beside(beside),
                    paired=ratio(units(beside, values, "geometric")),
                    null=1, unit=f"× T_task, {method(trainer)} / dni", if_true="above",
                    details=medians(beside, values),
                )
            )  # fmt: skip
    return sorted(found, key=lambda finding: -finding.paired.effect.centre)


def called(trainer: str) -> Callable[[Record], bool]:
    """A test whether a run has that trainer, with those options and no other."""
    return lambda record: record.spec.trainer == trainer


def medians(
    beside: Sequence[Pair], values: Callable[[Record, Record], tuple[float, float]]
) -> tuple[str, ...]:
    """T_task of both, a line a task."""
    lines = []
    for said in sorted({task(a) for a, _ in beside}):
        reached = [values(a, b) for a, b in beside if task(a) == said]
        ours, theirs = (median(side) for side in zip(*reached, strict=True))
        lines.append(f"{said}: T_task {ours:g} against {theirs:g}")
    return tuple(lines)
