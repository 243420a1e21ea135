"""A pipeline, as GPipe runs it (Huang et al., 2019): all microbatches forward, then all backward.

By torch.distributed.pipelining. Batch normalisation sees one microbatch at a time.
"""

from __future__ import annotations

from torch.distributed.pipelining import ScheduleGPipe

from harness.workers._pipeline import Pipeline


class Gpipe(Pipeline):
    """A part of the network in each process."""

    schedule = ScheduleGPipe
