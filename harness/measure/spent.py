"""What the seconds of a run went on, besides training."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

PARTS = ("training", "starting", "building", "data", "evaluating", "gauging", "recording")
"""Of a run's seconds: its updates; its process, until its first run begins; networks and compiled
graphs; episodes; validation and test; FLOPs, memory and probes; rows, checkpoints and progress."""


class Spent:
    """A clock for each part of a run; no two run at the same time.

    seconds: measured so far, by part
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def on(self, part: str) -> Iterator[None]:
        """What is inside is a part's."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - began

    def row(self, training: float, building: float) -> dict[str, float]:
        """Seconds by part, with those that an engine has measured: of updates, of compiling."""
        found = {**self.seconds, "training": training}
        found["building"] = found.get("building", 0.0) + building
        return {part: round(found[part], 3) for part in PARTS if part in found}


def shares(runs: Sequence[Mapping[str, float]], core_seconds: float) -> str:
    """What the core-seconds of a suite went on, as a line.

    runs: seconds by part, of each run

    >>> shares([{"training": 6.0, "data": 1.0}, {"training": 2.0}], 10.0)
    '10 core-seconds: training 80 %, data 10 %, the rest 10 %'
    """
    said = {part: sum(run.get(part, 0.0) for run in runs) for part in PARTS}
    said = {part: seconds for part, seconds in said.items() if seconds}
    said["the rest"] = core_seconds - sum(said.values())
    parts = (f"{part} {100 * seconds / core_seconds:.0f} %" for part, seconds in said.items())
    return f"{core_seconds:,.0f} core-seconds: {', '.join(parts)}"
