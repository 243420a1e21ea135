"""Checks of what a user typed: every failure is a ValueError whose message is one line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches


def at_least(minimum: float, **values: float) -> None:
    """Raise ValueError naming the first of `values` that is below `minimum` or not finite.

    >>> at_least(1, T=3, hidden=64)
    """
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(
                f"{name} must be a finite number of at least {minimum:g}, got {value!r}"
            )
        if value < minimum:
            raise ValueError(f"{name} must be at least {minimum:g}, got {value!r}")


def below_one(**values: float) -> None:
    """Raise ValueError naming the first of `values` that is not at least 0 and below 1.

    >>> below_one(momentum=0.9)
    """
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be at least 0 and below 1, got {value!r}")


def one_of(choices: Iterable[str], **values: str) -> None:
    """Raise ValueError naming the first of `values` that is not among the choices.

    >>> one_of(["none", "batch"], norm="batch")
    """
    known = list(choices)
    for name, value in values.items():
        if value not in known:
            words = ", ".join(map(repr, known[:-1])) + f" or {known[-1]!r}"
            raise ValueError(f"{name} must be {words}, got {value!r}")


@contextmanager
def in_one_line(what: str) -> Iterator[None]:
    """Raise whatever a plug-in or torch raises in here as a ValueError: "WHAT: its first line".

    A ValueError stays as it is.

    >>> with in_one_line("dni(T=3) cannot be built"):
    ...     raise RuntimeError("no memory")
    Traceback (most recent call last):
    ValueError: dni(T=3) cannot be built: no memory
    """
    try:
        yield
    except ValueError:
        raise
    except (Exception, SystemExit) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"{what}: {reason}") from None


def unknown(what: str, name: str, known: Iterable[str]) -> ValueError:
    """The error for an unknown name: what was given, what exists, what was probably meant.

    >>> str(unknown("trainer", "dnii", ["bptt", "dni"]))
    "no trainer 'dnii'; there are: bptt, dni (did you mean 'dni'?)"
    """
    names = sorted(set(known))
    meant = get_close_matches(name, names, n=1)
    hint = f" (did you mean {meant[0]!r}?)" if meant else ""
    return ValueError(f"no {what} {name!r}; there are: {', '.join(names) or 'none'}{hint}")
