"""Processes that know nothing of each other, each with its share of every minibatch: the ceiling.

`processes=1` is one process, timed as the other modes are. With more, what is evaluated is the
first's network, which has seen its share alone: the speed is the point, not the result.
"""

from __future__ import annotations

from harness.worker import Mode, Place
from harness.workers import _replica
from harness.workers._replica import Replica


class Unconnected(Mode):
    """A network in each process."""

    def check(self, place: Place) -> None:
        _replica.check(place)

    def worker(self, place: Place) -> Replica:
        return Replica(place, place.model)
