"""The interface of a figure, and the look that all share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.spec import RunSpec
from harness.store import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

    from harness.registry import Registry


class Figure(ABC):
    """A picture of recorded runs."""

    @abstractmethod
    def runs(self, registry: Registry) -> list[RunSpec]:
        """Every run that the figure needs."""

    @abstractmethod
    def draw(self, records: Sequence[Record]) -> Drawing:
        """Draw what is there of completed runs; LookupError where there is nothing to draw."""


def save(drawing: Drawing, folder: Path, name: str) -> list[Path]:
    """Write a drawing as NAME.svg and NAME.png; ValueError where that cannot be."""
    import matplotlib as mpl

    paths = [folder / f"{name}.{kind}" for kind in ("svg", "png")]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # a fixed salt and no date: the same records give the same file
        with mpl.rc_context({"svg.hashsalt": "sgbench", "svg.fonttype": "none"}):
            drawing.savefig(paths[0], metadata={"Date": None})
        drawing.savefig(paths[1], dpi=160)
    except OSError as error:
        raise ValueError(f"cannot write figures to {folder}: {error.strerror}") from None
    return paths


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
