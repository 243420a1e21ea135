"""A record read from its file: what is damaged is left out, and reported.

Of several attempts at a run the last one counts, from its header on. A damaged line is left out,
and so is a row that does not hold what its kind requires (`schema`), or that is out of order.
What is left may not be the whole run, and no number in it may then pass for a result: a finished
run gets the status "damaged". A line cut short while it was written is not damage: a killed run
leaves one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from harness.records import lines, schema
from harness.records.lines import Lines
from harness.records.record import FINISHED, Record, Row
from harness.score import T_TASK
from harness.spec import RunSpec

ALONG = {"curve": "curve", "validation": "validation", "probe": "probes"}
"""Kinds of rows along training -> where a record keeps them."""


class Reading(NamedTuple):
    """A record, None where the file holds no usable one; and what is wrong with the file.

    damage: the end of a sentence that begins with the file's name; empty if nothing is wrong
    """

    record: Record | None
    damage: str


def read(path: Path) -> Reading:
    """Read a record's file, whatever is in it."""
    try:
        found = lines.read(path)
    except OSError as error:
        return Reading(None, f"cannot be read: {error.strerror}; it is skipped")
    begun = [i for i, kind in enumerate(found.kinds) if kind == "run"]
    if not begun:
        return _without_header(found)
    header = found.rows[begun[-1]]
    try:
        spec = _spec(header, path)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        return Reading(None, f"is damaged: line {begun[-1] + 1} {reason}; it is skipped")
    attempt = _Attempt(Record(spec, header), found, begun[-1])
    return Reading(attempt.record, attempt.said())


def _without_header(found: Lines) -> Reading:
    """A file that does not say which run it belongs to: none began, or the line is damaged."""
    wrong = [f"line {i + 1} {found.damage[i]}" for i in sorted(found.damage.keys() - found.torn)]
    wrong += [found.note] if found.note else []
    if not wrong and not any(found.kinds):
        return Reading(None, "")
    reason = wrong[0] if wrong else "no line says which run it belongs to"
    return Reading(None, f"is damaged: {reason}; it is skipped")


def _spec(header: Row, path: Path) -> RunSpec:
    """The spec in a header; ValueError with a message that continues "line 1"."""
    if wrong := schema.flaw("run", [header]):
        raise ValueError(wrong)
    try:
        spec = RunSpec.from_dict(header.pop("spec"))
        found = spec.id
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"holds no readable spec ({error})") from None
    if path.name.partition(".")[0] != found:
        raise ValueError(f"belongs to run {found}, which is not the file's name")
    return spec


class _Attempt:
    """The last attempt at a run, assembled line by line."""

    def __init__(self, record: Record, found: Lines, begun: int) -> None:
        self.record = record
        self._found = found
        self._wrong: list[str] = []
        self._score: Row = {"rows": "validation", **record.header.get("score", {})}
        self._reached = 0  # timesteps of the last validation, whatever its result
        self._lines = range(begun + 1, len(found.kinds))
        self._diverged: set[int] = set()
        self._check()
        for i in self._lines:
            if i in found.damage and not self._cut_short(i):
                self._lose(f"line {i + 1} {found.damage[i]}", lost=not record.finished)
            elif found.kinds[i] and i not in found.damage:
                self._take(i, found.kinds[i], found.rows[i])
        self._close()

    def said(self) -> str:
        """What is wrong, as the end of a sentence."""
        if not self._wrong:
            return ""
        more = f" (and {len(self._wrong) - 1} more)" if len(self._wrong) > 1 else ""
        return f"is damaged: {self._wrong[0]}{more}; the rest is read"

    def _check(self) -> None:
        """Find the rows that do not hold what they should."""
        found = self._found
        groups: dict[str, list[int]] = {kind: [] for kind in ALONG}
        for i in self._lines:
            kind = found.kinds[i]
            if kind in groups:
                groups[kind].append(i)
            elif kind and (wrong := schema.flaw(kind, [found.rows[i]])):
                found.damage[i] = wrong
        for kind, group in groups.items():
            scored = self._score.get("column", "") if kind == self._score.get("rows") else ""
            if group and schema.flaw(kind, [found.rows[i] for i in group], scored):
                self._check_each(kind, group, scored)

    def _check_each(self, kind: str, group: Iterable[int], scored: str) -> None:
        found = self._found
        columns = Counter(tuple(found.rows[i]) for i in group).most_common(1)[0][0]
        past: list[int] = []
        for i in group:
            row = found.rows[i]
            if tuple(row) != columns:
                found.damage[i] = (
                    schema.flaw(kind, [row], scored) or "has other columns than the rest"
                )
            elif schema.diverged(kind, row, scored):
                past.append(i)
            elif wrong := schema.flaw(kind, [row], scored):
                found.damage[i] = wrong
            else:  # weights do not recover from divergence: what looked like it was damage
                found.damage |= {j: schema.flaw(kind, [found.rows[j]]) for j in past}
                past.clear()
        self._diverged |= set(past)

    def _cut_short(self, i: int) -> bool:
        """Whether a line was cut short while written: only "resumed" or a failed end may follow."""
        found = self._found
        if i not in found.torn:
            return False
        following = next((j for j in range(i + 1, len(found.kinds)) if self._there(j)), None)
        return (
            following is None
            or found.kinds[following] == "resumed"
            or (found.kinds[following] == "end" and found.rows[following].get("status") == "failed")
        )

    def _there(self, i: int) -> bool:
        return i in self._found.damage or bool(self._found.kinds[i])

    def _take(self, i: int, kind: str, row: Row) -> None:
        record = self.record
        if kind == "resumed":
            self._resume(row["timesteps"])
        elif kind == "end" and not record.finished:  # a failed run may be closed again
            record.end = row
        elif record.end:
            self._lose(f"line {i + 1} follows the end of the run")
        else:
            rows: list[Row] = getattr(record, ALONG[kind])
            if rows and not _follows(row, rows[-1]):
                self._lose(f"line {i + 1} is out of order")
                return
            if kind == "validation":
                self._reached = row["timesteps"]
            if i not in self._diverged:
                rows.append(row)

    def _resume(self, at: int) -> None:
        """Resume from a checkpoint: what was written after it is written again."""
        record = self.record
        for rows in (record.curve, record.validation):
            rows[:] = [r for r in rows if r["timesteps"] <= at]
        # a probe comes before an episode: one at the checkpoint itself is repeated
        record.probes = [r for r in record.probes if r["timesteps"] < at]
        record.end = {}
        if at <= record.sound:
            record.sound = math.inf
            self._wrong.clear()

    def _lose(self, reason: str, *, lost: bool = True) -> None:
        self._wrong.append(reason)
        if lost:
            curve = self.record.curve
            self.record.sound = min(self.record.sound, curve[-1]["timesteps"] if curve else -1)

    def _close(self) -> None:
        record, budget = self.record, self.record.spec.timesteps
        if self._found.note:
            self._lose(self._found.note, lost=self._found.lost)
        if record.status == "complete" and not self._wrong:
            by_level = bool(record.curve) and "t_task" in record.curve[-1]
            on_curve = by_level or self._score["rows"] == "curve"
            reached = record.curve[-1]["timesteps"] if record.curve else 0
            for said, last in (("curve", reached), ("validation", self._reached)):
                if last < budget and (said == "curve" or not on_curve):
                    self._lose(f"its {said} ends at {last:,} of {budget:,} timesteps")
        if record.sound < math.inf and record.status in FINISHED:
            record.end = {**record.end, "status": "damaged", "error": self._wrong[0]}
        elif record.status == "complete" and (said := self._collapsed()):
            record.end = {**record.end, "status": "collapsed", "error": said}

    def _collapsed(self) -> str:
        """How the run ends at chance after it had solved a level; empty if it does not."""
        record = self.record
        if not any(row.get("t_task") for row in record.curve):
            return ""
        # records from before scores were stated are of tasks whose outputs are bits
        chance, ending = self._score.get("chance", T_TASK.chance), record.ending
        if chance is None or ending is None or ending < chance:
            return ""
        return f"ends at {ending:.3f} bits, where {chance:g} is chance"


def _follows(row: Row, last: Row) -> bool:
    """Whether a row can come after another of its kind: no count goes back."""
    return bool(
        row["timesteps"] > last["timesteps"]
        and row["updates"] >= last["updates"]
        and row["seconds"] >= last["seconds"]
        and row["flops"] >= last["flops"]
    )
