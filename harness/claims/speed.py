"""Are synthetic gradients faster, an update or to a target?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.analysis.pairs import Pair, by, of, pairs, tuned, units, where
from harness.analysis.scoring import attained, first, score
from harness.analysis.table import summary
from harness.claim import Claim, Finding
from harness.statistics import Interval, ratio
from harness.store import Record

COSTS = (("seconds", "less", "time"), ("flops", "fewer", "FLOPs"))
TO_TARGET = (("seconds", "seconds"), ("flops", "FLOPs"), ("timesteps", "timesteps"))

Values = Callable[[Record, Record], tuple[float, float]]


class Speed(Claim):
    """A timestep of `dni` beside one of `tbptt` of equal T and of full BPTT; first to a target.

    The target is the best score that every run of both reaches, at each task and T; where one
    run solved no level there is none.
    """

    letter = "a"
    question = "Does it train faster?"
    suite = "table1_desk"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        # a ratio needs costs above 0
        listed = tuned([r for r in records if r.status == "complete" and r.curve[-1]["flops"]])
        truncated = pairs(listed, of("dni"), of("tbptt"), lambda r: r.spec.T)
        full = pairs(listed, of("dni"), of("bptt"), lambda r: None)
        found = []
        for group, other, short, more in (
            (truncated, "tbptt at equal T", "tbptt", ()),
            (full, "full BPTT", "bptt", _overhead(listed)),
        ):
            found += [_cost(group, other, short, cost, more) for cost in COSTS if group]
            found += [f for x, said in TO_TARGET if (f := _to_target(group, other, short, x, said))]
        return found


def _cost(
    group: Sequence[Pair], other: str, short: str, cost: tuple[str, str, str], more: Sequence[str]
) -> Finding:
    column, less, said = cost
    values = _per_timestep(column)
    windows = by(lambda r: r.spec.T or 0, [a for a, _ in group])
    along = [
        f"T={T} {_mean([pair for pair in group if pair[0].spec.T == T], values).said(2)}"
        for T in windows
    ]
    return Finding(
        says=f"a timestep of dni takes {less} {said} than one of {other}",
        where=where(a for a, _ in group),
        paired=ratio(units(group, values, "geometric")),
        null=1, unit=f"× {said} per timestep, dni / {short}", if_true="below",
        details=(", ".join(along), *(more if column == "seconds" else ())),
    )  # fmt: skip


def _per_timestep(column: str) -> Values:
    def cost(record: Record) -> float:
        row = summary(record)
        return float(row[column] / row["timesteps"])

    return lambda a, b: (cost(a), cost(b))


def _mean(group: Sequence[Pair], values: Values) -> Interval:
    return ratio(units(group, values, "geometric")).effect


def _overhead(records: Sequence[Record]) -> tuple[str, ...]:
    """What short windows cost without a synthesiser: tbptt does full BPTT's FLOPs in pieces."""
    eager = [record for record in records if record.engine == "eager"]
    beside = pairs(eager, of("tbptt"), of("bptt"), lambda r: None)
    if not beside:
        return ()
    time, flops = (_mean(beside, _per_timestep(column)).said(2) for column, *_ in COSTS)
    return (
        f"tbptt takes {time} × the time at {flops} × the FLOPs: run eagerly, "
        "short windows are many small kernels, each with its overhead",
    )


def _to_target(group: Sequence[Pair], other: str, short: str, x: str, said: str) -> Finding | None:
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
        unit=f"× {said} to that score, dni / {short}",
        if_true="below",
    )


def _case(pair: Pair) -> tuple[str, str, str]:
    a, b = pair
    return a.spec.task, a.spec.trainer, b.spec.trainer


def _first(record: Record, target: float, x: str) -> float:
    """How much of x the run took to reach the target."""
    point = first(record, target)
    assert point is not None, "every run reaches what the weakest does"
    return float(point[x])
