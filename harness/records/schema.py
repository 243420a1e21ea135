"""What a row of a record must hold, so that readers can rely on its columns.

Schema, reading and writing are separate modules because each answers its own question: what a
column may hold, what can be saved of a damaged file, what has been written when a disk is full.
A row may hold further columns, of a newer version or a plug-in; in the rows along training these
are numbers, since a task's score is one of them.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from harness.records.record import Row

LARGEST = 1e40
"""Limit of a measured number: beyond single precision, in which losses are computed."""

LARGEST_COUNT = 2**62
"""Limit of a whole number: a table's columns cannot hold a larger one, even as a float."""

Rule = Callable[[Sequence[Any]], bool]
"""Whether all values of a column, at least one, are valid."""


def _only(*types: type) -> Rule:
    allowed = set(types)
    return lambda values: set(map(type, values)) <= allowed


def _count(lowest: int) -> Rule:
    return lambda values: (
        set(map(type, values)) == {int} and lowest <= min(values) and max(values) <= LARGEST_COUNT
    )


def _number(values: Sequence[Any]) -> bool:
    return (
        set(map(type, values)) <= {int, float}
        and min(values) >= -LARGEST
        and max(values) <= LARGEST
        and math.isfinite(sum(values))  # NaN may pass both comparisons
    )


def _seconds(lowest: float) -> Rule:
    return lambda values: _number(values) and min(values) >= lowest


def _maybe(rule: Rule) -> Rule:
    def holds(values: Sequence[Any]) -> bool:
        there = [value for value in values if value is not None]
        return not there or rule(there)

    return holds


def _each(rule: Rule) -> Rule:
    """Lists whose elements satisfy a rule."""

    def holds(values: Sequence[Any]) -> bool:
        if set(map(type, values)) != {list}:
            return False
        inside = [element for value in values for element in value]
        return not inside or rule(inside)

    return holds


def _text(values: Sequence[Any]) -> bool:
    return set(map(type, values)) == {str}


def _status(values: Sequence[Any]) -> bool:
    return all(value in ("complete", "diverged", "failed") for value in values)


def _options(values: Sequence[Any]) -> bool:
    return _only(dict)(values) and all(_only(dict)([*value.values(), {}]) for value in values)


def _score(values: Sequence[Any]) -> bool:
    """What a task is scored by, as `harness.score` defines it."""
    return _only(dict)(values) and all(
        _text([value.get(name) for name in ("column", "unit")])
        and _text([value.get(name, "") for name in ("name", "said")])
        and type(value.get("higher")) is bool
        and value.get("rows", "validation") in ("curve", "validation")
        and _count(0)([value.get("digits", 0)])
        and value.get("digits", 0) < 20
        and _maybe(_number)([value.get("least"), value.get("chance")])
        for value in values
    )


def _anything(values: Sequence[Any]) -> bool:
    return True


_TRAINED = {"timesteps": _count(1), "updates": _count(1), "seconds": _seconds(1e-6)}
_LEVELS = dict.fromkeys(("level_n", "level_r", "t_task"), _count(0))
_BYTES = dict.fromkeys(("activation_bytes", "peak_memory_bytes"), _count(0))
_MADE = {
    **dict.fromkeys(("commit", "python", "torch", "machine", "processor", "date"), _text),
    "dirty": _only(bool), "threads": _count(1), "plugins": _text,
}  # fmt: skip
_CUTS = {
    "cuts": _each(_count(0)),
    "cut_cosine": _each(_number),
    "cut_norm_ratio": _each(_maybe(_number)),
}
_BEYOND = {
    "missing_ratio": _maybe(_number), "added_ratio": _maybe(_number), "added_cosine": _number,
}  # fmt: skip

_SHARED = {
    "examples_per_second": _seconds(0), "bytes_per_example": _maybe(_seconds(0)),
    "wait_seconds": _each(_seconds(0)), "gradient_age_mean": _seconds(0),
    "gradient_age_max": _count(0),
}  # fmt: skip

KINDS: dict[str, tuple[dict[str, Rule], dict[str, Rule], Rule]] = {
    "run": (
        {"spec": _only(dict)},
        {**_MADE, "id": _text, "options": _options, "unit": _text, "score": _score,
         "parameters": _count(0), "corpus": _text, "corpus_sha256": _text, "data": _text,
         "data_sha256": _text, "convention": _text},
        _anything,
    ),
    "curve": ({**_TRAINED, "flops": _count(0), "bits": _maybe(_number)}, _LEVELS, _maybe(_number)),
    "validation": ({**_TRAINED, "flops": _count(0), "bits": _number}, {}, _maybe(_number)),
    "probe": (
        {"timesteps": _count(0), "updates": _count(0), "seconds": _seconds(0), "flops": _count(0),
         "cosine": _number, "norm_ratio": _maybe(_number),
         "boundary_cosine": _each(_number), "boundary_norm_ratio": _each(_maybe(_number)),
         "distances": _each(_count(0)), "distance_cosine": _each(_number),
         "distance_norm_ratio": _each(_maybe(_number)), "reach": _each(_number)},
        {**_BEYOND, **_CUTS},
        _anything,
    ),
    "resumed": ({"timesteps": _count(0)}, _MADE, _anything),
    "end": (
        {"status": _status},
        {**_BYTES, **_SHARED, "trace_bytes": _count(0), "error": _maybe(_text),
         "test_bits": _maybe(_number), "engine": _text, "engine_seconds": _seconds(0),
         "traceback": _each(_text)},
        _anything,
    ),
}  # fmt: skip
"""Rules by kind of row: for columns that it must have, columns that it may have, all others."""

TOGETHER = (tuple(_LEVELS), tuple(_BEYOND), tuple(_CUTS))
"""Columns of which a row has all or none."""

ALIKE = (("boundary_cosine", "boundary_norm_ratio"), tuple(_CUTS),
         ("distances", "distance_cosine", "distance_norm_ratio"))  # fmt: skip
"""Columns whose lists have the same length."""

BEGUN = ("options", "unit", "processor", "threads")
"""What a header must have if it has a date, that is, if the run began."""


def flaw(kind: str, rows: Sequence[Row], scored: str = "") -> str:
    """What is wrong with rows of one kind, as the end of a sentence; empty if nothing is.

    They are checked together, which is fast; to find out which row is wrong, check each alone.

    scored: a further column that they must have
    """
    if kind not in KINDS:
        return f"is of an unknown kind: {said(kind)}"
    needed, known, further = KINDS[kind]
    first = rows[0]
    if lacking := _lacking(kind, first, (*needed, *filter(None, [scored]))):
        return f"lacks {lacking!r}"
    if len(rows) > 1 and len(set(map(tuple, rows))) > 1:
        return "has other columns than the rest"
    for name, values in zip(first, zip(*map(dict.values, rows), strict=True), strict=True):
        rule = needed.get(name) or known.get(name) or further
        if kind == "end" and name.startswith("test_"):
            rule = _maybe(_number)
        if not rule(values):
            return f"holds {name}={said(values[0])}"
    if kind == "probe" and any(
        len({len(row[n]) for n in group if n in row}) > 1 for row in rows for group in ALIKE
    ):
        return "holds lists of unequal length"
    unmeasured = kind == "end" and first["status"] == "complete" and not first["peak_memory_bytes"]
    return "holds peak_memory_bytes=0" if unmeasured else ""


def _lacking(kind: str, row: Row, needed: Iterable[str]) -> str:
    """The first column that should be there and is not."""
    if lacking := _missing(row, needed):
        return lacking
    if kind == "run" and "date" in row:
        return _missing(row, BEGUN)
    if kind == "end" and row["status"] == "complete":
        return _missing(row, _BYTES)
    for names in TOGETHER:
        there = [name for name in names if name in row]
        if there and len(there) < len(names):
            return _missing(row, names)
    return ""


def _missing(row: Row, names: Iterable[str]) -> str:
    return next((name for name in names if name not in row), "")


def diverged(kind: str, row: Row, scored: str = "") -> bool:
    """Whether all that is wrong with a row is numbers that are not finite.

    A run whose weights have diverged writes such rows.
    """
    if kind not in ("validation", "probe"):
        return False
    finite = {name: _finite(value) for name, value in row.items()}
    return finite != row and not flaw(kind, [finite], scored)


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return 0.0 if isinstance(value, float) and not math.isfinite(value) else value


def said(value: Any) -> str:
    """A value in a message, on one line and cut short."""
    return reprlib.repr(value)
