"""A figure of the check, as measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure, or the error that kept it from being measured.

    name:   group, and what is measured in it: "cost/plain_copy/dni/flops"
    values: one; or one per episode, seed, or block of turns
    error:  what the code under test raised; empty if nothing
    lacks:  why there are no values, where the code under test is not to blame
    """

    name: str
    values: tuple[float, ...] = ()
    error: str = ""
    lacks: str = ""

    @property
    def group(self) -> str:
        """The first part of the name, which decides how it is measured and judged."""
        return self.name.partition("/")[0]


Chosen: TypeAlias = Callable[[str], bool]
"""Whether any figure is asked for whose name begins with this."""

Settled: TypeAlias = Callable[[Sequence[Reading]], bool]
"""Whether readings suffice; if not, a group may measure for longer."""


def attempt(
    names: Sequence[str], measure: Callable[[], Sequence[Sequence[float]]]
) -> Iterator[Reading]:
    """The readings of `names`, in that order; for all of them the error, if measuring raised."""
    try:
        found = [tuple(values) for values in measure()]
    except Exception as error:  # what a broken trainer raises is a finding; the check goes on
        yield from (Reading(name, error=said(error)) for name in names)
        return
    for name, values in zip(names, found, strict=True):
        yield Reading(name, values)


def said(error: Exception) -> str:
    """An error as one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
