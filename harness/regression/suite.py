"""The readings of each group of the check."""

from __future__ import annotations

from collections.abc import Iterator

from harness.regression import cost, learning, levels, losses, speed
from harness.regression.reading import Chosen, Reading, Settled


def measure(group: str, chosen: Chosen, settled: Settled) -> Iterator[Reading]:
    """The readings of one group."""
    if group == "speed":
        return speed.measure(chosen, settled)
    return {
        "cost": cost.measure,
        "levels": levels.measure,
        "losses": losses.measure,
        "learning": learning.measure,
    }[group](chosen)
