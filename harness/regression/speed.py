"""Ratios of times, measured in turns in one process: trainers to tbptt, tbptt to a bare loop.

A lap is one update, a millisecond or two: shorter than the time slices of a busy machine. Only
whole laps count, during which the system did not take the processor away; otherwise the longer of
two laps, which is interrupted more often, would look slower than it is. A lap that gives up the
processor itself, by sleeping, is whole. A block's ratio is that of the lower quartiles of the
whole laps; the interval is that of the median over blocks.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import torch

from harness.episode import Episode
from harness.registry import Registry
from harness.regression.bare import bare_tbptt
from harness.regression.reading import Chosen, Reading, Settled, said
from harness.regression.subjects import COPY, TRAINERS, T
from harness.runs.run import Run
from harness.spec import RunSpec

WHOLE = 16
"""Whole laps of each, in a block."""
TURNS = 160
"""After which a block is given up: the machine is too busy."""
FEWEST, MOST, LEAST = 10, 40, 6
"""Blocks: after every FEWEST it stops if the readings suffice; under LEAST they say nothing."""
LONGEST = 60.0
"""Seconds, after which it stops in any case."""
QUICK = 0.25
UNTIMED = 10
BARE = "bare"
HIDDEN = 64
TOLERANCE = 0.1

Lap = Callable[[], object]


def measure(chosen: Chosen, settled: Settled) -> Iterator[Reading]:
    """One ratio per block: of tbptt to the bare loop, of every other trainer to tbptt."""
    asked = [name for name in TRAINERS if chosen(f"speed/{name}")]
    if not asked:
        return
    laps: dict[str, Lap] = {BARE: bare_tbptt(_noise(), T, HIDDEN)}
    laps |= {name: _lap(TRAINERS[name]) for name in TRAINERS if name in {*asked, "tbptt"}}
    for name, lap in list(laps.items()):
        try:
            for _ in range(UNTIMED):
                lap()
        except Exception as error:  # a finding, see attempt()
            yield Reading(f"speed/{name}", error=said(error))
            del laps[name]
    ratios: dict[str, list[float]] = {name: [] for name in asked if name in laps}
    if "tbptt" not in laps:  # nothing to compare with
        yield from _readings(ratios, "tbptt, which it is compared with, raised")
        return
    began = time.perf_counter()
    for block in range(1, MOST + 1):
        quick = _block(laps)
        for name, found in ratios.items() if quick else ():
            found.append(quick[name] / quick[BARE if name == "tbptt" else "tbptt"])
        if time.perf_counter() - began > LONGEST:
            break
        if block % FEWEST == 0 and settled(_readings(ratios)):
            break
    yield from _readings(ratios)


def _readings(
    ratios: dict[str, list[float]], lacks: str = "the machine is too busy"
) -> list[Reading]:
    """The ratios; none for few blocks, whose interval would be their range and too narrow."""
    return [
        Reading(f"speed/{name}", tuple(round(r, 4) for r in found))
        if len(found) >= LEAST
        else Reading(f"speed/{name}", lacks=lacks)
        for name, found in ratios.items()
    ]


def _lap(trainer: str) -> Lap:
    """What `sgbench run` does on the clock."""
    run, episode = Run(RunSpec(task=COPY["plain_copy"], trainer=trainer), Registry()), _noise()
    return lambda: run.learn(episode)


def _noise() -> Episode:
    """A window from a stream of 32 rows."""
    L, B, rng = T, 32, torch.Generator().manual_seed(0)
    return Episode(
        torch.rand(L, B, 5, generator=rng).round(),
        torch.rand(L, B, 4, generator=rng).round(),
        torch.full((L, B), 1 / L / B),
        fresh=False,
        final=False,
    )


def _block(laps: dict[str, Lap]) -> dict[str, float]:
    """Seconds of one lap of each: the quantile QUICK of whole laps; {} if there are too few."""
    seconds: dict[str, list[float]] = {name: [] for name in laps}
    for _ in range(TURNS):
        for name, lap in laps.items():
            taken, began = _taken_away(), time.perf_counter()
            lap()
            ended = time.perf_counter()
            if _taken_away() == taken:
                seconds[name].append(ended - began)
        if min(map(len, seconds.values())) >= WHOLE:
            return {name: sorted(found)[int(QUICK * len(found))] for name, found in seconds.items()}
    return {}


def _taken_away() -> int:
    """How often the system has taken the processor away from this thread; 0: unknown."""
    if sys.platform != "linux":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw
