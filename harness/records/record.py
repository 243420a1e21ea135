"""A run as its record describes it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from harness.spec import RunSpec

Row = dict[str, Any]

FINISHED = ("complete", "collapsed", "diverged")
"""The statuses of a run that is not resumed: it has its result."""


@dataclass(eq=False)
class Record:
    """What is known of one run, read from its file. `schema` says what its rows hold.

    spec, header: what was asked for; where and with what it was run
    curve:        rows along training; validation, probes: rows of those kinds
    end:          the closing row; empty while the run is incomplete
    sound:        timesteps up to which no row was lost to damage; inf: no row was lost
    """

    spec: RunSpec
    header: Row
    curve: list[Row] = field(default_factory=list)
    validation: list[Row] = field(default_factory=list)
    probes: list[Row] = field(default_factory=list)
    end: Row = field(default_factory=dict)
    sound: float = math.inf

    @property
    def status(self) -> str:
        """complete, collapsed, diverged, failed, incomplete (running, or killed), or damaged.

        A collapsed run was made in full, solved a level, and ends at chance. A damaged run was
        finished, but its record has lost rows since and is not a result.
        """
        return str(self.end.get("status", "incomplete"))

    @property
    def ending(self) -> float | None:
        """The training loss in bits at the end: its mean over the last tenth of the timesteps."""
        scored = [row for row in self.curve if row["bits"] is not None]
        tail = [row for row in scored if row["timesteps"] > 0.9 * self.spec.timesteps]
        return fmean(row["bits"] for row in tail or scored[-1:]) if scored else None

    @property
    def engine(self) -> str:
        """What made the updates: "eager", "compiled", or both."""
        return str(self.end.get("engine") or "eager")

    @property
    def finished(self) -> bool:
        """Whether the run has its result."""
        return self.status in FINISHED
