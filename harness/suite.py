"""The interface of a suite: a set of runs, and the figures that are drawn from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from harness.spec import RunSpec

if TYPE_CHECKING:
    from harness.registry import Registry

TRAINERS = Path(__file__).resolve().parent / "trainers"


class Suite(ABC):
    """Runs that belong together.

    figures: names of the figures drawn from them
    claims:  names of the claims judged by them when the suite has run
    engine:  what makes the updates where the user names none: "eager" or "compiled" where seconds
             are compared, since those of different engines are not; "auto": whichever is sooner
    """

    figures: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    engine: Literal["eager", "compiled", "auto"] = "auto"

    @abstractmethod
    def runs(self, registry: Registry) -> list[RunSpec]:
        """Every run, in the order in which they are started."""


PUBLISHED = ("bptt", "dni", "dni_aux", "sg", "tbptt")
"""The methods of the paper's table."""


def trainers(registry: Registry, T: int) -> list[str]:
    """The methods of the paper's table and those of plug-ins, with T where they have one.

    The project's other methods are compared with these in the suite `rivals`.
    """
    own = {path for path in TRAINERS.glob("*.py") if path.stem not in PUBLISHED}
    entries = [registry.entry("trainer", name) for name in registry.names("trainer")]
    return [
        f"{entry.name}(T={T})" if "T" in entry.defaults() else entry.name
        for entry in entries
        if entry.path not in own
    ]
