"""Records side by side: which runs are compared with which."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, groupby
from statistics import fmean, geometric_mean
from typing import Literal, TypeVar

from harness.analysis.scoring import result, score
from harness.analysis.setting import Rates, setting
from harness.analysis.table import distinct
from harness.names.call import Call
from harness.score import T_TASK, Score
from harness.store import Record

Pair = tuple[Record, Record]
K = TypeVar("K")

NONE_SOLVED = 3
"""T_task, N·R + 3, where no level is solved, or the run diverged or collapsed."""


def name(record: Record) -> str:
    """The trainer's name, without its options."""
    return Call.parse(record.spec.trainer).name


def task(record: Record) -> str:
    """The task of a run in words: its name, and its text, images or protocol.

    And the model's optimiser and schedule, where they are not Adam at a constant rate.
    """
    protocol = record.header.get("options", {}).get("task", {}).get("protocol")
    kind = record.header.get("corpus") or record.header.get("data") or protocol
    said = Call.parse(record.spec.task).name
    return (f"{said} ({kind})" if kind else said) + record.spec.suffix


def rates(record: Record) -> Rates:
    """Learning rate and clipping norm of the model's optimiser."""
    return record.spec.lr, record.spec.clip


def common_rates(records: Iterable[Record]) -> Rates:
    """The rates of most of the runs."""
    counts = Counter(map(rates, records))
    return max(sorted(counts), key=counts.__getitem__)


def arms(records: Sequence[Record]) -> dict[str, list[Record]]:
    """The runs of one setting by what is compared in it, seeds together.

    That is the trainer's call, how several processes share it, and any rate that differs from that
    of most runs: "bptt, clip 0.1".
    """
    usual = common_rates(records)

    def label(record: Record) -> str:
        named = zip(("lr", "clip"), rates(record), usual, strict=True)
        off = [f"{rate} {own:g}" for rate, own, common in named if own != common]
        return ", ".join(filter(None, (record.spec.trainer, record.spec.workers, *off)))

    return by(label, records)


def where(records: Iterable[Record]) -> str:
    """What runs were made on, in words: tasks and protocols, budgets, scales of predictions."""
    listed = list(records)
    budgets = {f"{r.spec.timesteps:,} timesteps" for r in listed}
    each = {task(r) if len(budgets) == 1 else f"{task(r)} {r.spec.timesteps:,} timesteps"
            for r in listed}  # fmt: skip
    return ", ".join([*sorted(each), *(budgets if len(budgets) == 1 else ()), *_scales(listed)])


def where_beside(beside: Iterable[Pair]) -> str:
    """where(), of both sides of pairs."""
    return where(chain.from_iterable(beside))


def _scales(records: Iterable[Record]) -> list[str]:
    """The factors on synthetic gradients where they are used, by method."""
    found: dict[str, set[float]] = {}
    for record in records:
        scale = record.header.get("options", {}).get("trainer", {}).get("scale")
        if scale is not None:
            found.setdefault(name(record), set()).add(scale)
    return [
        f"scale of {method} {' and '.join(f'{scale:g}' for scale in sorted(scales))}"
        for method, scales in sorted(found.items())
    ]


def of(trainer: str, **options: float) -> Callable[[Record], bool]:
    """A test whether a run has that trainer, with those options in its call; 0: not stated."""

    def matches(record: Record) -> bool:
        call = Call.parse(record.spec.trainer)
        return call.name == trainer and all(
            call.options.get(option, 0) == value for option, value in options.items()
        )

    return matches


def at_defaults(record: Record) -> bool:
    """Whether the trainer's call states nothing but its T."""
    return set(Call.parse(record.spec.trainer).options) <= {"T"}


def tuned(records: Sequence[Record]) -> list[Record]:
    """For each trainer at each T the runs whose call states no other option; if none, all."""
    kept = {(r.spec.task, name(r), r.spec.T) for r in records if at_defaults(r)}
    return [r for r in records if at_defaults(r) or (r.spec.task, name(r), r.spec.T) not in kept]


def by(key: Callable[[Record], K], records: Iterable[Record]) -> dict[K, list[Record]]:
    """The records in groups, by a key that sorts."""
    ordered = sorted(records, key=key)  # type: ignore[arg-type]
    return {value: list(group) for value, group in groupby(ordered, key=key)}


def pairs(
    records: Iterable[Record],
    ours: Callable[[Record], bool],
    theirs: Callable[[Record], bool],
    same: Callable[[Record], object],
    *,
    within: Callable[[Record], object] = setting,
    shared: bool = False,
) -> list[Pair]:
    """Pair each of our records with the one of theirs that has the same setting, seed and `same`.

    within: `timed` where seconds are compared
    shared: pair the runs that worker processes share, which are left out otherwise: most claims are
            about methods in one process

    ValueError if there are two such records, since the result would depend on their order.
    """
    listed = [record for record in records if bool(record.spec.workers) == shared]
    other: dict[object, Record] = {}
    for record in distinct([*filter(theirs, listed)]):
        key = (within(record), record.spec.seed, same(record))
        if key in other:
            raise ValueError(
                f"two runs of {record.spec.label} in one folder differ in rates or other options: "
                "cannot tell which to compare"
            )
        other[key] = record
    return [
        (record, other[key])
        for record in distinct([*filter(ours, listed)])
        if (key := (within(record), record.spec.seed, same(record))) in other
    ]


def by_T(beside: Iterable[Pair]) -> list[tuple[int, list[Pair]]]:
    """The pairs in groups, by the T of the first of each."""
    listed = list(beside)
    windows = sorted({a.spec.T or 0 for a, _ in listed})
    return [(T, [pair for pair in listed if (pair[0].spec.T or 0) == T]) for T in windows]


def units(
    beside: Iterable[Pair],
    values: Callable[[Record, Record], tuple[float, float]],
    mean: Literal["geometric", "arithmetic"],
) -> list[tuple[float, float]]:
    """One pair of values per setting and seed: several T of one seed are not more evidence."""
    average = geometric_mean if mean == "geometric" else fmean
    grouped: dict[tuple[object, int], list[tuple[float, float]]] = {}
    for a, b in beside:
        grouped.setdefault((setting(a), a.spec.seed), []).append(values(a, b))
    return [
        (average([a for a, _ in group]), average([b for _, b in group]))
        for _, group in sorted(grouped.items())
    ]


def levelled(record: Record) -> bool:
    """Whether a run is scored by the level that it solved."""
    return bool(record.curve) and score(record).column == T_TASK.column


def span(record: Record, seconds: float = math.inf) -> int:
    """T_task of the level solved after so many seconds."""
    if record.status != "complete":
        return NONE_SOLVED
    solved = [row["t_task"] for row in record.curve if row["seconds"] <= seconds]
    return max(solved[-1], NONE_SOLVED) if solved else NONE_SOLVED


def spans(a: Record, b: Record) -> tuple[float, float]:
    """T_task of a pair at the end of its budgets."""
    return span(a), span(b)


def seconds(record: Record) -> float:
    """Of training, in all."""
    return float(record.curve[-1]["seconds"])


def spans_at_equal_seconds(a: Record, b: Record) -> tuple[float, float]:
    """T_task of a pair when the first of both has ended."""
    s = min(seconds(a), seconds(b))
    return span(a, s), span(b, s)


def by_score(records: Iterable[Record]) -> list[tuple[Score, list[Record]]]:
    """The completed runs with a result on a task without levels, by score."""
    scored = [
        r for r in records
        if r.status == "complete" and not levelled(r) and result(r) is not None
    ]  # fmt: skip
    groups = by(lambda r: (score(r).column, score(r).unit), scored)
    return [(score(group[0]), group) for group in groups.values()]


def results(a: Record, b: Record) -> tuple[float, float]:
    """The results of a pair of scored runs."""
    return result(a) or 0.0, result(b) or 0.0
