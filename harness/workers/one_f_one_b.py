"""A pipeline, one forward, one backward (Narayanan et al., 2019): no more in flight than parts.

By torch.distributed.pipelining. Batch normalisation sees one microbatch at a time.
"""

from __future__ import annotations

from torch.distributed.pipelining import Schedule1F1B

from harness.worker import Place
from harness.workers._pipeline import Pipeline


class OneFOneB(Pipeline):
    """A part of the network in each process."""

    schedule = Schedule1F1B

    def check(self, place: Place) -> None:
        super().check(place)
        if self.microbatches < self.processes:
            raise ValueError(f"microbatches must be at least {self.processes}, one a worker")
