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
    claims:  names of the claims judged by them when the suite has run
    """

    figures: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()

    @abstractmethod
    def runs(self, registry: Registry) -> list[RunSpec]:
        """Every run, in the order in which they are started."""


def trainers(registry: Registry, T: int) -> list[str]:
    """Every known trainer, with unroll length T where it has one."""
    return [
        f"{name}(T={T})" if "T" in registry.entry("trainer", name).defaults() else name
        for name in registry.names("trainer")
    ]
