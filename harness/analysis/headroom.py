"""What truncation costs where a method is held against it, and what share the method wins back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.analysis.pairs import Pair, name
from harness.analysis.setting import setting
from harness.statistics import Interval, Paired, difference, share
from harness.store import Record

Values = Callable[[Record, Record, Record], tuple[float, float, float]]
"""What a method, truncation and a longer window score, on one task and seed."""

SPAN = "timesteps of T_task"
"""The unit of headroom on tasks with levels."""


@dataclass(frozen=True, slots=True)
class Headroom:
    """By how much the best longer window is better than truncation, in units of the score.

    share: of it, which the method wins back: the ratio of two means; None where the interval of
           the headroom touches 0, so that there may be nothing to win
    """

    found: Paired
    to: str
    share: Interval | None


def line(room: Headroom | None, method: str, unit: str = SPAN, digits: int = 1) -> str:
    """What stands below a finding of what a method gains."""
    if room is None:
        return "headroom unknown: no longer window was run"
    said = f"headroom {room.found.said(digits)} {unit}, to {room.to}"
    if room.share is None:
        return f"{said}: perhaps there is none"
    return f"{said}; {method} wins back {room.share.said(2)} of it"


def headroom(
    beside: Sequence[Pair],
    records: Iterable[Record],
    values: Values,
    *,
    higher: bool = True,
    within: Callable[[Record], object] = setting,
) -> Headroom | None:
    """The headroom of pairs of a method and truncation; None where no longer window was run.

    Longer windows are `tbptt` at larger T and full BPTT. The one that is best in the mean counts,
    chosen by the same runs: this makes the headroom look larger, and shares of it smaller.

    records: among which longer windows are looked for, one per call, setting and seed
    higher:  whether more of the score is better
    within:  `timed` where seconds are compared
    """
    sign = 1 if higher else -1
    longer: dict[str, dict[object, Record]] = {}
    for record in records:
        if name(record) in ("tbptt", "bptt") and not record.spec.workers:
            own = longer.setdefault(record.spec.trainer, {})
            own[within(record), record.spec.seed] = record
    found = []
    for trainer, own in longer.items():
        there = [(a, b, own.get((within(b), b.spec.seed))) for a, b in beside]
        scored = [values(a, b, c) for a, b, c in there if c and _longer(c, b)]
        if scored and len(scored) == len(beside):
            room = difference([(sign * c, sign * b) for _, b, c in scored])
            won = [(sign * (a - b), sign * (c - b)) for a, b, c in scored]
            found.append(Headroom(room, trainer, share(won) if room.effect.low > 0 else None))
    return max(found, key=lambda each: each.found.effect.centre, default=None)


def _longer(record: Record, than: Record) -> bool:
    window = record.spec.T
    return window is None or window > (than.spec.T or 0)
