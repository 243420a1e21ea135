"""Data parallelism: torch's DistributedDataParallel, the mean of all gradients in each process.

Batch normalisation sees the sequences of its own process alone; its running statistics are those
of process 0.
"""

from __future__ import annotations

from torch.nn.parallel import DistributedDataParallel

from harness.worker import Mode, Place
from harness.workers import _replica
from harness.workers._replica import Replica


class Ddp(Mode):
    """A copy of one network in each process."""

    def check(self, place: Place) -> None:
        _replica.check(place)

    def worker(self, place: Place) -> Replica:
        return Replica(place, DistributedDataParallel(place.model))
