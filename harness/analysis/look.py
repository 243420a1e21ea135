"""How methods look in every figure, table and report: order, colour, dashes, marker."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# Colour-blind safe (Okabe & Ito) and ordered in lightness, so that grey prints keep them apart;
# a dash pattern and a marker of its own keep each apart where lightness does not.
_STYLES: tuple[tuple[str, Any, str], ...] = (
    ("#000000", "", "o"),
    ("#0072b2", (6, 2), "s"),
    ("#d55e00", (2, 1.5), "^"),
    ("#009e73", (7, 1.5, 1.5, 1.5), "D"),
    ("#cc79a7", (1, 1), "v"),
    ("#e69f00", (4, 1, 1, 1, 1, 1), "P"),
    ("#56b4e9", (8, 3), "X"),
)


METHODS = ("bptt", "tbptt", "sg", "dni", "dni_aux")
"""The built-in trainers, from the full gradient through none beyond the cut to a predicted one."""


def ordered(labels: Iterable[str]) -> list[str]:
    """Trainers as legends and tables list them: ours in the order of METHODS, then the others."""

    def rank(label: str) -> tuple[int, str]:
        name = label.partition("(")[0]
        return (METHODS.index(name) if name in METHODS else len(METHODS), label)

    return sorted(set(labels), key=rank)


def styles(labels: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Colour, dashes and marker of every label, as seaborn takes them.

    Built-in methods keep theirs in every figure, whoever else is drawn; where several settings of
    one method are, each gets a style of its own.
    """
    shown = ordered(labels)
    names = [label.partition("(")[0] for label in shown]
    if len(set(names)) == len(names):
        others = [name for name in names if name not in METHODS]
        rank = {label: (*METHODS, *others).index(n) for label, n in zip(shown, names, strict=True)}
    else:
        rank = {label: i for i, label in enumerate(shown)}
    looks = {label: _STYLES[i % len(_STYLES)] for label, i in rank.items()}
    return {
        "palette": {label: colour for label, (colour, _, _) in looks.items()},
        "dashes": {label: dashes for label, (_, dashes, _) in looks.items()},
        "markers": {label: marker for label, (_, _, marker) in looks.items()},
    }
