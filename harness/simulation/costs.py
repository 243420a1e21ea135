"""What the parts of an update cost: measured on one machine, or made up for another network."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BYTES = 4
"""Of a number."""

Measured = Mapping[tuple[str, str], Mapping[int, float]]
"""Seconds by size, by part and action."""


@dataclass(frozen=True, slots=True)
class Link:
    """A connection between two processes, the same both ways.

    latency:   seconds from the first byte sent to the first received
    bandwidth: bytes a second
    """

    latency: float
    bandwidth: float

    def seconds(self, size: float) -> float:
        """Of a message of so many bytes, on an idle connection."""
        return self.latency + size / self.bandwidth

    def ring(self, processes: int, size: float) -> float:
        """Of the sum of so many bytes over all processes, in each of them, by a ring.

        2 (W - 1) rounds, each of a W-th part (Patarasuk and Yuan, 2009).
        """
        return 2 * (processes - 1) * self.seconds(size / processes)


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of the parts of an update on one thread, and the size of what is sent.

    measured: by part and action, at some sizes; linear between them
    width:    of what passes from one hidden layer to the next, numbers an example
    dear:     factor on the backward passes of layers
    """

    measured: Measured
    width: int
    dear: float = 1.0

    def seconds(self, part: str, action: str, examples: float) -> float:
        """Of a part's action on so many examples; ValueError where nothing like it was measured."""
        found = self.measured[part, action]
        sizes = sorted(found)
        if not sizes[0] <= examples <= sizes[-1]:
            raise ValueError(
                f"{part} {action}: measured at {sizes[0]} to {sizes[-1]} examples, not {examples:g}"
            )
        took = float(np.interp(examples, sizes, [found[size] for size in sizes]))
        return took * (self.dear if action == "backward" else 1.0)

    def update(self, part: str) -> float:
        """Of the update of a part's weights."""
        (took,) = self.measured[part, "update"].values()
        return took

    def parameters(self, part: str) -> int:
        """How many numbers an update of a part moves."""
        (count,) = self.measured[part, "update"]
        return count

    def activations(self, examples: float) -> float:
        """Bytes of what leaves a hidden layer, or of its gradient."""
        return BYTES * self.width * examples

    @property
    def link(self) -> Link:
        """The connection of the messages that were measured."""
        found = self.measured["message", "there and back"]
        return _link({size: took / 2 for size, took in found.items()})

    @property
    def sums(self) -> Link:
        """That with which a ring of two sums as was measured, the additions included."""
        found = self.measured["message", "sum"]
        return _link({size / 2: took / 2 for size, took in found.items()})


def _link(found: Mapping[float, float]) -> Link:
    """By seconds of messages: latency of the smallest, bandwidth of the largest."""
    least, most = min(found), max(found)
    return Link(found[least], (most - least) / (found[most] - found[least]))


def read(path: Path, width: int) -> Costs:
    """The costs in a file that `python -m tests.benchmarks.blocks` has written."""
    found: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["part"], row["action"]][int(row["size"])] = float(row["seconds"])
    return Costs(found, width)
