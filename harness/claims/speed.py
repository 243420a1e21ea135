"""Are synthetic gradients faster, an update or to a target?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.pairs import Pair, of, pairs, tuned, units, where
from harness.analysis.scoring import attained, first, score
from harness.analysis.table import summary
from harness.claim import Claim, Finding
from harness.statistics import ratio
from harness.store import Record

COSTS = (("seconds", "time"), ("flops", "FLOPs"))
TO_TARGET = (("seconds", "seconds"), ("flops", "FLOPs"), ("timesteps", "timesteps"))


class Speed(Claim):
    """A timestep of `dni` beside one of `tbptt` of equal T and of full BPTT; first to a target.

    The target is the best score that every run of both reaches, at each task and T; where one
    run solved no level there is none.
    """

    letter = "a"
    question = "Does it train faster?"
    suite = "table1_desk"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        listed = tuned([r for r in records if r.status == "complete"])
        truncated = pairs(listed, of("dni"), of("tbptt"), lambda r: r.spec.T)
        full = pairs(listed, of("dni"), of("bptt"), lambda r: None)
        found = []
        for group, other in ((truncated, "tbptt at equal T"), (full, "full BPTT")):
            found += [_cost(group, other, *cost) for cost in COSTS if group]
            found += [f for x, said in TO_TARGET if (f := _to_target(group, other, x, said))]
        return found


def _cost(group: Sequence[Pair], other: str, column: str, said: str) -> Finding:
    def per_timestep(record: Record) -> float:
        row = summary(record)
        return float(row[column] / row["timesteps"])

    return Finding(
        says=f"a timestep of dni takes less {said} than one of {other}",
        where=where(a for a, _ in group),
        paired=ratio(
            units(group, lambda a, b: (per_timestep(a), per_timestep(b)), "geometric")
        ),
        null=1,
        if_true="below",
    )  # fmt: skip


def _to_target(group: Sequence[Pair], other: str, x: str, said: str) -> Finding | None:
    used: dict[Pair, tuple[float, float]] = {}
    for case in sorted({_case(pair) for pair in group}):
        same = [pair for pair in group if _case(pair) == case]
        reached = [attained(record) or 0.0 for pair in same for record in pair]
        target = score(same[0][0]).worst(reached)
        if target > 0:
            for a, b in same:
                used[a, b] = (_first(a, target, x), _first(b, target, x))
    if not used:
        return None
    return Finding(
        says=f"dni takes fewer {said} than {other} to the best score that all runs of both reach",
        where=where(a for a, _ in used),
        paired=ratio(units(used, lambda a, b: used[a, b], "geometric")),
        null=1,
        if_true="below",
    )


def _case(pair: Pair) -> tuple[str, str, str]:
    a, b = pair
    return a.spec.task, a.spec.trainer, b.spec.trainer


def _first(record: Record, target: float, x: str) -> float:
    """How much of x it took to the target."""
    point = first(record, target)
    assert point is not None, "every run reaches what the weakest does"
    return float(point[x])
