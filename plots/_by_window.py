"""Curves of methods at several windows: a column of panels for each T, so that equal T compares."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from harness.analysis.pairs import by, name
from harness.store import Record
from plots import _shared


def columns(records: Sequence[Record]) -> dict[str, list[Record]]:
    """The records by the title of their column; those without a T are in every column.

    Windows at which only one method was run share the last column.
    """
    windowed = by(lambda r: r.spec.T or 0, [r for r in records if r.spec.T])
    whole = [r for r in records if not r.spec.T]
    shared = [T for T, group in windowed.items() if len({name(r) for r in group}) > 1]
    found = {f"T = {T}": [*whole, *windowed[T]] for T in shared}
    alone = [T for T in windowed if T not in shared]
    if alone:
        said = " and ".join(f"T = {T}" for T in alone)
        found[said] = [*whole, *(r for T in alone for r in windowed[T])]
    return found


def curves(group: _shared.Named, x: str, *, steps: bool = False) -> pd.DataFrame:
    """The score of each trainer along training, each on its own grid: budgets differ by T."""
    frames = (_shared.score_on_grid({t: runs}, x, steps=steps) for t, runs in group.items())
    return pd.concat(frames, ignore_index=True)
