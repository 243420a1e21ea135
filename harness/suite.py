"""The interface of a suite: a set of runs, and the figures that are drawn from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from harness.spec import RunSpec

if TYPE_CHECKING:
    from harness.registry import Registry


class Suite(ABC):
    """Runs that belong together.

    figures: names of the figures drawn from them
    """

    figures: tuple[str, ...] = ()

    @abstractmethod
    def runs(self, registry: Registry) -> list[RunSpec]:
        """Every run, in the order in which they are started."""
