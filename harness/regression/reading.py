"""A figure of the check as it was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure, or what kept it from being measured.

    name:   group, and what is measured in it: "cost/plain_copy/dni/flops"
    values: one; or one an episode, a seed, or a block of turns
    error:  what the code under test raised; empty where it did not
    """

    name: str
    values: tuple[float, ...] = ()
    error: str = ""

    @property
    def group(self) -> str:
        """What it is measured with, and judged by."""
        return self.name.partition("/")[0]


Chosen: TypeAlias = Callable[[str], bool]
"""Whether any figure whose name begins so is asked for."""

Settled: TypeAlias = Callable[[Sequence[Reading]], bool]
"""Whether readings suffice; where not, a group that can goes on measuring."""


def attempt(
    names: Sequence[str], measure: Callable[[], Sequence[Sequence[float]]]
) -> Iterator[Reading]:
    """The readings of `names`, in that order; of all of them the error where measuring raised."""
    try:
        found = [tuple(values) for values in measure()]
    except Exception as error:  # whatever a broken trainer raises is a finding, no end of the check
        yield from (Reading(name, error=said(error)) for name in names)
        return
    for name, values in zip(names, found, strict=True):
        yield Reading(name, values)


def said(error: Exception) -> str:
    """An error as one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
