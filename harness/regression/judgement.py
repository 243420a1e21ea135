"""A figure compared with the recorded one: the status, by how much it is off, and how sure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from harness.regression.baseline import Baseline, Made, Recorded
from harness.regression.reading import Reading
from harness.score import bits
from harness.statistics import difference, interval


class Status(StrEnum):
    """The result for one figure."""

    FINE = "fine"
    BETTER = "better"
    REGRESSION = "regression"
    UNTOLD = "could not tell"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One figure judged."""

    reading: Reading
    status: Status
    said: str
    recorded: Recorded | None = None


LEARNED = {"bits": bits("bits per output bit")}
"""Scores among the learning figures, by the end of a figure's name."""

SILENT = 0.01
"""Losses below this, in bits, are compared as if they were this: perhaps nothing was scored."""


def judge(reading: Reading, baseline: Baseline, here: Made) -> Judgement:
    """Judge one figure.

    A figure that is off is not a regression if it was recorded with another torch or on another
    kind of machine (for a ratio of times: another processor): that may be the reason.
    """
    recorded = baseline.figures.get(reading.name)
    if reading.error:
        return Judgement(reading, Status.REGRESSION, f"raised {reading.error}", recorded)
    if recorded is None:
        return Judgement(reading, Status.UNTOLD, "not in the baseline")
    ours, theirs = len(reading.values), len(recorded.values)
    if not ours:
        return Judgement(reading, Status.UNTOLD, f"no timing: {reading.lacks}", recorded)
    if not theirs or (ours != theirs and reading.group != "speed"):
        said = f"{ours} values, {theirs} in the baseline"
        return Judgement(reading, Status.UNTOLD, said, recorded)
    rule = {"learning": _paired, "speed": _ratio}.get(reading.group, _exact)
    status, said = rule(reading, recorded)
    foreign = _foreign(reading.group, baseline.made.get(reading.group, {}), here)
    if status is Status.REGRESSION and foreign:
        status, said = Status.UNTOLD, f"{said}; but recorded {foreign}"
    return Judgement(reading, status, said, recorded)


def _exact(reading: Reading, recorded: Recorded) -> tuple[Status, str]:
    """Any deviation beyond the threshold, up or down, is a regression."""
    least = SILENT if reading.group == "losses" else 1.0
    pairs = list(zip(reading.values, recorded.values, strict=True))
    off = [(now - then) / max(abs(then), least) for now, then in pairs]
    # written so that NaN is beyond the threshold, too
    beyond = [k for k, each in enumerate(off) if not abs(each) <= recorded.threshold]
    if not beyond:
        most = max(map(abs, off))
        return Status.FINE, f"off by {_percent(most)}, {_percent(recorded.threshold)} allowed"
    first = beyond[0]
    now, then = pairs[first]
    where = f"number {first + 1} of {len(pairs)}: " if len(pairs) > 1 else ""
    said = f"{where}{now:,.7g} against {then:,.7g}, off by {off[first]:+.2%}"
    if len(beyond) > 1:
        worst = max(beyond, key=lambda k: abs(off[k]))
        said += f", {len(beyond)} are off, by up to {_percent(abs(off[worst]))}"
    return Status.REGRESSION, f"{said}; {_percent(recorded.threshold)} allowed; deterministic"


def _paired(reading: Reading, recorded: Recorded) -> tuple[Status, str]:
    """The mean difference over seeds: a score may get better; a level's time may not change."""
    score = LEARNED.get(reading.name.rpartition("/")[2])
    unit, digits = (score.column, score.digits) if score else ("timesteps", 0)
    found = difference(list(zip(reading.values, recorded.values, strict=True))).effect
    limit = recorded.threshold
    said = (
        f"median {median(reading.values):.{digits}f} against {median(recorded.values):.{digits}f}; "
        f"difference {found.said(digits)} {unit}, {found.n} pairs; {limit:g} allowed"
    )
    # how much worse: the difference, with its sign changed where more is better
    low, high = (-found.high, -found.low) if score and score.higher else (found.low, found.high)
    if low > limit:
        return Status.REGRESSION, said
    if high < -limit:
        return (Status.BETTER if score else Status.REGRESSION), said
    inside = high <= limit and (score is not None or low >= -limit)
    return (Status.FINE if inside else Status.UNTOLD), said


def _ratio(reading: Reading, recorded: Recorded) -> tuple[Status, str]:
    """The median ratio of times, relative to the recorded one."""
    then = median(recorded.values)
    now = interval(reading.values)
    limit = 1 + recorded.threshold
    times = interval([value / then for value in reading.values])
    said = (
        f"{now.said(3)} against {then:.3f}: × {times.said(3)}, {now.n} blocks; × {limit:g} allowed"
    )
    if times.low > limit:
        return Status.REGRESSION, said
    if times.high < 1 / limit:
        return Status.BETTER, said
    # a NaN bound, from a single block, is not under the limit
    return (Status.FINE if times.high <= limit else Status.UNTOLD), said


def _foreign(group: str, there: Made, here: Made) -> str:
    """What was different when the baseline was recorded, as a possible reason; empty: nothing."""
    keys = ["torch", "machine", *(["processor"] if group == "speed" else [])]
    return ", ".join(
        f"with {key} {there.get(key, 'unknown')}, here {here[key]}"
        for key in keys
        if _release(there.get(key)) != _release(here[key])
    )


def _release(value: str | int | bool | None) -> str:
    """2.13.0 for 2.13.0+cpu: builds of one release count and compute alike on a processor."""
    return str(value).partition("+")[0]


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"
