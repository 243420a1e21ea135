"""The interface of a figure, and how one is saved."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
        """Draw what the records hold; LookupError where there is nothing to draw."""


def save(drawing: Drawing, folder: Path, name: str) -> list[Path]:
    """Write a drawing as NAME.svg and NAME.png; ValueError where they cannot be written."""
    paths = [folder / f"{name}.{kind}" for kind in ("svg", "png")]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_svg(drawing, paths[0])
        drawing.savefig(paths[1], dpi=160)
    except OSError as error:
        raise ValueError(f"cannot write figures to {folder}: {error.strerror}") from None
    return paths


def write_svg(drawing: Drawing, path: Path) -> None:
    """Write a drawing with a fixed salt and no date: the same records give the same file."""
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "sgbench", "svg.fonttype": "none"}):
        drawing.savefig(path, metadata={"Date": None})
