"""Are synthetic gradients faster, an update or to a target?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.analysis.pairs import Pair, by_T, of, pairs, tuned, units, where
from harness.analysis.scoring import attained, first, score
from harness.analysis.setting import timed
from harness.claim import Claim, Finding
from harness.score import Score
from harness.statistics import Paired, ratio
from harness.store import Record

COSTS = (("seconds", "less", "time"), ("flops", "fewer", "FLOPs"))
TO_TARGET = (("seconds", "seconds"), ("flops", "FLOPs"), ("timesteps", "timesteps"))

Values = Callable[[Record, Record], tuple[float, float]]


class Speed(Claim):
    """A timestep of `dni` beside one of `tbptt` of equal T and of full BPTT; then to a target.

    Targets are of each task and T. The easiest is what all runs of both methods reach: it needs no
    gradient from beyond the window. The hardest is what half of the runs of either reach; a run
    that never gets there counts with its whole budget, which flatters it. Where even the easiest
    run solved no level there is no such target.
    """

    letter = "a"
    question = "Does it train faster, eagerly?"
    suite = "table1_desk"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        # a ratio needs costs above 0
        listed = tuned([r for r in records if r.status == "complete" and r.curve[-1]["flops"]])
        truncated = pairs(listed, of("dni"), of("tbptt"), lambda r: r.spec.T, within=timed)
        full = pairs(listed, of("dni"), of("bptt"), lambda r: None, within=timed)
        found = []
        for group, other, short, more in (
            (truncated, "tbptt at equal T", "tbptt", ()),
            (full, "full BPTT", "bptt", _overhead(listed)),
        ):
            found += [_cost(group, other, short, cost, more) for cost in COSTS if group]
            found += [
                finding
                for target in TARGETS
                for x, said in TO_TARGET
                if (finding := _to_target(group, other, short, target, x, said))
            ]
        return found


def _cost(
    group: Sequence[Pair], other: str, short: str, cost: tuple[str, str, str], more: Sequence[str]
) -> Finding:
    column, less, said = cost
    values = _per_timestep(column)
    return Finding(
        says=f"a timestep of dni takes {less} {said} than one of {other}",
        where=where(a for a, _ in group),
        paired=ratio(units(group, values, "geometric")),
        null=1, unit=f"× {said} per timestep, dni / {short}", if_true="below",
        details=(_along(group, values), *(more if column == "seconds" else ())),
    )  # fmt: skip


def _along(group: Sequence[Pair], values: Values) -> str:
    """The effect at each T."""
    return ", ".join(f"T={T} {_mean(own, values).said(2)}" for T, own in by_T(group))


def _per_timestep(column: str) -> Values:
    def cost(record: Record) -> float:
        last = record.curve[-1]
        return float(last[column] / last["timesteps"])

    return lambda a, b: (cost(a), cost(b))


def _mean(group: Sequence[Pair], values: Values) -> Paired:
    return ratio(units(group, values, "geometric"))


def _overhead(records: Sequence[Record]) -> tuple[str, ...]:
    """What short windows cost without a synthesiser: tbptt does full BPTT's FLOPs in pieces."""
    beside = pairs(records, of("tbptt"), of("bptt"), lambda r: None, within=timed)
    if not beside:
        return ()
    time, flops = (_mean(beside, _per_timestep(column)).said(2) for column, *_ in COSTS)
    eager = {a.engine for a, _ in beside} == {"eager"}
    why = ": run eagerly, short windows are many small kernels, each with its overhead"
    return (f"tbptt takes {time} × the time at {flops} × the FLOPs{why if eager else ''}",)


def _to_target(
    group: Sequence[Pair], other: str, short: str, target: Target, x: str, said: str
) -> Finding | None:
    words, chosen = target
    used: dict[Pair, tuple[float, float]] = {}
    never = [0, 0]
    for case in sorted({_case(pair) for pair in group}):
        same = [pair for pair in group if _case(pair) == case]
        by = score(same[0][0])
        ours, theirs = ([_attained(r) for r in side] for side in zip(*same, strict=True))
        goal = chosen(by, ours, theirs)
        if goal == by.nothing or (by.least is not None and not by.reached(goal, by.least)):
            continue
        for pair in same:
            used[pair] = (_taken(pair[0], goal, x), _taken(pair[1], goal, x))
            for side in (0, 1):
                never[side] += first(pair[side], goal) is None
    if not used:
        return None
    pooled = list(used)
    short_of = f"never there, counted with the whole budget: dni {never[0]}, {short} {never[1]}"
    return Finding(
        says=f"dni takes fewer {said} than {other} to the best score that {words} reach",
        where=where(a for a, _ in pooled),
        paired=ratio(units(pooled, lambda a, b: used[a, b], "geometric")),
        null=1,
        unit=f"× {said} to that score, dni / {short}",
        if_true="below",
        details=(
            _along(pooled, lambda a, b: used[a, b]),
            *([f"{short_of}, of {len(pooled)} runs each"] if any(never) else []),
        ),
    )


def _easiest(by: Score, ours: Sequence[float], theirs: Sequence[float]) -> float:
    return by.worst([*ours, *theirs])


def _of_each(by: Score, ours: Sequence[float], theirs: Sequence[float]) -> float:
    return by.worst((_half(by, ours), _half(by, theirs)))


def _of_either(by: Score, ours: Sequence[float], theirs: Sequence[float]) -> float:
    return by.best((_half(by, ours), _half(by, theirs)))


def _half(by: Score, values: Sequence[float]) -> float:
    """The best score that half of the runs reach, or more."""
    return sorted(values, reverse=by.higher)[(len(values) + 1) // 2 - 1]


Target = tuple[str, Callable[[Score, Sequence[float], Sequence[float]], float]]

TARGETS: tuple[Target, ...] = (
    ("all runs of both", _easiest),
    ("half of the runs of each", _of_each),
    ("half of the runs of either", _of_either),
)


def _case(pair: Pair) -> tuple[str, str, str]:
    a, b = pair
    return a.spec.task, a.spec.trainer, b.spec.trainer


def _attained(record: Record) -> float:
    value = attained(record)
    return score(record).nothing if value is None else value


def _taken(record: Record, goal: float, x: str) -> float:
    """How much of x the run took to the target, or in all."""
    return float((first(record, goal) or record.curve[-1])[x])
