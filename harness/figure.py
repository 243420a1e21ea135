"""The interface of a figure, and the look that all share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
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


def styles(labels: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Colour, dashes and marker of every label, as seaborn takes them.

    Built-in methods keep theirs in every figure, whoever else is drawn.
    """
    known = ["bptt", "tbptt", "sg", "dni"]
    names = [label.partition("(")[0] for label in labels]
    order = known + sorted({name for name in names if name not in known})
    # several settings of one method share its name: they get styles of their own
    several = len(set(names)) < len(labels)
    rank = {
        label: (i if several else order.index(name)) % len(_STYLES)
        for i, (label, name) in enumerate(zip(labels, names, strict=True))
    }
    return {
        "palette": {label: _STYLES[r][0] for label, r in rank.items()},
        "dashes": {label: _STYLES[r][1] for label, r in rank.items()},
        "markers": {label: _STYLES[r][2] for label, r in rank.items()},
    }
