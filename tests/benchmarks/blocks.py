"""What the parts of an update cost, for the simulation of more workers than there are cores.

    python -m tests.benchmarks.blocks --out results/workers

Two processes do the same at once, as in the suite `workers`: both cores are at work. A lap is one
update of that suite's network, on one thread, stage by stage, with a synthesiser and a synthetic
input at the cut; every part has its own clock. Then messages go from one process to the other and
back, and sums are made of both processes' numbers. Medians over laps, of the first process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.episode import Episode

EXAMPLES = (16, 32, 64, 128, 256, 512, 1024)
BYTES = (1 << 10, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24)
NUMBER = 4
"""Bytes of one."""

Key = tuple[str, str, int]
"""Part, action, size: examples, parameters of an update, bytes of a message."""


class Clock:
    """Seconds of calls, by what was called; the first of each kind is untimed."""

    def __init__(self) -> None:
        self.taken: dict[Key, list[float]] = defaultdict(list)

    def __call__(self, key: Key, call: Callable[..., Any], *given: Any) -> Any:
        began = time.perf_counter()
        found = call(*given)
        self.taken[key].append(time.perf_counter() - began)
        return found

    def medians(self) -> dict[Key, float]:
        """Of each kind of call."""
        return {key: median(each[1:]) for key, each in self.taken.items()}


def parts(clock: Clock, laps: int) -> None:
    """Clock every part of an update."""
    import torch

    from harness.registry import Registry
    from harness.runs.build import built
    from harness.suites.workers import SEEDS, UNLOCKED, run

    spec = run(UNLOCKED, SEEDS[0])
    made = built(spec, Registry(), torch.device("cpu"))

    def supply(examples: int) -> Iterator[Episode]:
        return made.task.episodes(examples, torch.Generator().manual_seed(0), 1)

    drawn = supply(spec.batch)
    for _ in range(laps + 1):
        clock(("minibatch", "draw", spec.batch), next, drawn)
    for examples in EXAMPLES:
        lap = _lap(clock, made.trainer, next(supply(examples)))
        for _ in range(laps + 1):
            lap()


def _lap(clock: Clock, trainer: Any, episode: Episode) -> Callable[[], None]:
    """One update, part by part."""
    import torch

    from harness.optimiser import Optimiser
    from harness.synthesiser import squared_error

    n, stages, nothing = episode.batch, trainer.model.stages(), torch.empty(episode.batch, 0)
    names = ["first", *["hidden"] * (len(stages) - 2), "top"]
    synthesiser, predictor = trainer.synthesisers[0], trainer.predictors[0]
    moved = [*zip(names, stages, strict=True), ("synthesiser", synthesiser),
             ("predictor", predictor)]  # fmt: skip
    how = Optimiser("adam", 1e-3, 0.0)
    updates = [
        ((name, "update", sum(p.numel() for p in each.parameters())),
         how.over(list(each.parameters())))
        for name, each in moved
    ]  # fmt: skip

    def through(number: int, h: Any) -> Any:
        out, _ = stages[number](h, nothing)
        return trainer.loss(out, episode) if names[number] == "top" else out

    def teach_synthesiser(h: Any, target: Any) -> None:
        trainer.teach(trainer.say(0, h, episode), target)

    def teach_predictor(x: Any, h: Any) -> None:
        squared_error(predictor(x), h).backward()

    def once() -> None:
        entered, left, h = list[Any](), list[Any](), trainer.model.encoded(episode.x)
        for number, name in enumerate(names):
            entered.append(h.detach().requires_grad_(number > 0))
            h = clock((name, "forward", n), through, number, entered[-1])
            left.append(h)
        gradient = None
        for name, below, above in reversed(list(zip(names, entered, left, strict=True))):
            clock((name, "backward", n), above.backward, gradient)
            gradient = below.grad
        x, h, target = entered[0], left[2].detach(), entered[3].grad
        with torch.no_grad():
            clock(("synthesiser", "forward", n), trainer.say, 0, h, episode)
            clock(("predictor", "forward", n), predictor, x)
        clock(("synthesiser", "teach", n), teach_synthesiser, h, target)
        clock(("predictor", "teach", n), teach_predictor, x, h)
        for key, update in updates:
            clock(key, update)

    return once


def messages(clock: Clock, laps: int) -> None:
    """Clock messages there and back, and sums."""
    import torch
    from torch import distributed as dist

    me = dist.get_rank()

    def there_and_back(numbers: Any) -> None:
        for sender in (0, 1):
            if me == sender:
                dist.send(numbers, 1 - me)
            else:
                dist.recv(numbers, 1 - me)

    for action, call in (("there and back", there_and_back), ("sum", dist.all_reduce)):
        for size in BYTES:
            numbers = torch.zeros(size // NUMBER)
            dist.barrier()
            for _ in range(laps + 1):
                clock(("message", action, size), call, numbers)


def _work(rank: int, meeting: str, laps: int, post: Any) -> None:
    """What each of the two processes does."""
    from torch import distributed as dist

    from harness.measure.environment import set_up
    from harness.runs.member import LOOPBACK

    set_up()
    os.environ.setdefault("GLOO_SOCKET_IFNAME", LOOPBACK[sys.platform])
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    clock = Clock()
    dist.barrier()
    parts(clock, laps)
    messages(clock, laps)
    if rank == 0:
        post.send(clock.medians())
    dist.destroy_process_group()


def measured(laps: int) -> dict[Key, float]:
    """Seconds of every part, message and sum."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        pair = [context.Process(target=_work, args=(rank, f"{folder}/meeting", laps, theirs))
                for rank in (0, 1)]  # fmt: skip
        for each in pair:
            each.start()
        theirs.close()
        found: dict[Key, float] = ours.recv()
        for each in pair:
            each.join()
    return found


def main() -> None:
    """Measure, print, and write the rows as CSV."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/local"))
    parser.add_argument("--laps", type=int, default=30)
    asked = parser.parse_args()
    import pandas as pd
    import torch

    from harness.measure.environment import describe

    where = describe(torch.device("cpu"))
    table = pd.DataFrame(
        {"part": part, "action": action, "size": size, "seconds": seconds}
        | {name: where[name] for name in ("processor", "torch", "commit")}
        for (part, action, size), seconds in measured(asked.laps).items()
    )
    asked.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(asked.out / "costs.csv", index=False, float_format="%.4g")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
