"""Modes, ways to share a run between processes, as a discrete-event simulation on simpy's clock.

Every process computes, sends and waits as its mode in `harness/workers/` does, each part in the
seconds that `Costs` says. What is assumed:

- A process has a core of its own, as fast as those measured; its messages travel while it computes.
- Each two neighbours have a connection to themselves, one each way, on which messages queue.
- Data parallelism sums gradients in buckets, by a ring, while the backward pass goes on, as torch's
  DistributedDataParallel does: one bucket after the other, each as soon as it is full.
- Nothing varies: no seconds are drawn at random, and nobody is slower than others.
- It says how fast updates are, not what they learn.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import simpy

from harness.simulation.costs import BYTES, Costs, Link

FIRST_BUCKET, BUCKET = 1 << 20, 25 << 20
"""Bytes from which a bucket of gradients is sent; as in torch."""

FORWARD, BACKWARD = "forward", "backward"

Process = Generator[simpy.Event, object, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is shared: a network of layers of equal width, and how.

    link, sums:   connections of messages, and of sums, to the next process
    hidden:       layers between the first and the read-out, in equal parts to the processes
    microbatches: of a pipeline
    queue:        of decoupled blocks
    """

    costs: Costs
    link: Link
    sums: Link
    hidden: int
    batch: int
    microbatches: int = 4
    queue: int = 2

    def block(self, rank: int, processes: int) -> list[str]:
        """The parts of one process."""
        own = ["hidden"] * (self.hidden // processes)
        return ["first"] * (rank == 0) + own + ["top"] * (rank == processes - 1)


class Wire:
    """One way from a process to its neighbour: messages leave one behind the other."""

    def __init__(self, clock: simpy.Environment, link: Link) -> None:
        self.clock, self.link = clock, link
        self.box = simpy.Store(clock)
        self.idle = 0.0

    def send(self, size: float) -> None:
        """Put so many bytes on their way, without waiting."""
        self.idle = max(self.clock.now, self.idle) + size / self.link.bandwidth
        arrival = self.clock.timeout(self.idle + self.link.latency - self.clock.now)
        arrival.callbacks.append(self._arrive)

    def _arrive(self, _: simpy.Event) -> None:
        self.box.put(None)

    def take(self) -> simpy.Event:
        """The next message, when it is there."""
        return self.box.get()

    @property
    def waits(self) -> bool:
        """Whether a message is there."""
        return bool(self.box.items)


class Member:
    """One process of a simulated run, between the neighbours below and above."""

    def __init__(self, world: World, rank: int) -> None:
        self.plan, self.clock, self.rank, self.processes = (
            world.plan, world.clock, rank, world.processes,
        )  # fmt: skip
        self.first, self.last = rank == 0, rank == world.processes - 1
        self.up, self.down = world.up, world.down
        self.block = self.plan.block(rank, self.processes)

    def work(self, seconds: float) -> simpy.Event:
        """Compute for so long."""
        return self.clock.timeout(seconds)

    def seconds(self, action: str, examples: float, *parts: str) -> float:
        """Of an action of its block, or of other parts."""
        return sum(self.plan.costs.seconds(p, action, examples) for p in parts or self.block)

    def update(self, *parts: str) -> simpy.Event:
        """Move the weights of its block, or of other parts."""
        return self.work(sum(map(self.plan.costs.update, parts or self.block)))

    def draw(self) -> simpy.Event:
        """Draw a minibatch; every process draws the same ones."""
        return self.work(self.seconds("draw", self.plan.batch, "minibatch"))


class World:
    """Processes in a row, on one clock."""

    def __init__(self, plan: Plan, processes: int) -> None:
        self.plan, self.processes, self.clock = plan, processes, simpy.Environment()
        self.up, self.down = (
            [Wire(self.clock, plan.link) for _ in range(processes - 1)] for _ in range(2)
        )

    def run(self, behaviour: Behaviour, updates: int) -> float:
        """Seconds until all have made so many updates, and finished what was under way."""
        for rank in range(self.processes):
            self.clock.process(behaviour(Member(self, rank), updates))
        self.clock.run()
        return float(self.clock.now)


Behaviour = Callable[[Member, int], Process]


def ddp(own: Member, updates: int) -> Process:
    """The whole network on a share of every minibatch; the processes are alike, and in step."""
    plan, parts = own.plan, own.plan.block(0, 1)
    share = plan.batch / own.processes
    for _ in range(updates):
        yield own.draw()
        yield own.work(own.seconds(FORWARD, share, *parts))
        idle, bucket, full = 0.0, 0, FIRST_BUCKET
        for number, part in reversed(list(enumerate(parts))):
            yield own.work(own.seconds(BACKWARD, share, part))
            bucket += BYTES * plan.costs.parameters(part)
            if bucket >= full or number == 0:
                idle = max(own.clock.now, idle) + plan.sums.ring(own.processes, bucket)
                bucket, full = 0, BUCKET
        yield own.work(max(idle - own.clock.now, 0.0))
        yield own.update(*parts)


def gpipe(own: Member, updates: int) -> Process:
    """A part of the network: all microbatches forward, then all backward."""
    return _pipeline(own, updates, all_forward(own.plan.microbatches))


def one_f_one_b(own: Member, updates: int) -> Process:
    """A part of the network: no more microbatches in flight than parts from it to the top."""
    return _pipeline(own, updates, alternating(own.plan.microbatches, own.processes - own.rank))


def all_forward(count: int) -> list[str]:
    """What GPipe does with so many microbatches, in order."""
    return [FORWARD] * count + [BACKWARD] * count


def alternating(count: int, ahead: int) -> list[str]:
    """What 1F1B does with them, where `ahead` may be in flight."""
    early = min(count, ahead)
    return [FORWARD] * early + [BACKWARD, FORWARD] * (count - early) + [BACKWARD] * early


def _pipeline(own: Member, updates: int, order: list[str]) -> Process:
    examples = own.plan.batch / own.plan.microbatches
    size = own.plan.costs.activations(examples)
    took = {action: own.seconds(action, examples) for action in (FORWARD, BACKWARD)}
    for _ in range(updates):
        yield own.draw()
        for action in order:
            forward = action == FORWARD
            if not (own.first if forward else own.last):
                yield (own.up[own.rank - 1] if forward else own.down[own.rank]).take()
            yield own.work(took[action])
            if not (own.last if forward else own.first):
                (own.up[own.rank] if forward else own.down[own.rank - 1]).send(size)
        yield own.update()


def decoupled(own: Member, updates: int) -> Process:
    """A block that moves by its synthesiser at once, as `harness/workers/decoupled.py` does."""
    return _block(own, updates, inputs=False)


def decoupled_inputs(own: Member, updates: int) -> Process:
    """The same on synthetic inputs: it does not wait for the block below either."""
    return _block(own, updates, inputs=True)


def _block(own: Member, updates: int, *, inputs: bool) -> Process:
    batch, rank = own.plan.batch, own.rank
    size = own.plan.costs.activations(batch)
    late = {"gradient": 0, "input": 0}
    """Minibatches of which a message is still to come."""

    def hear(most: int) -> Iterator[simpy.Event]:
        """Learn from what has arrived, and wait for all but the last so many."""
        while late["gradient"] and (late["gradient"] > most or own.down[rank].waits):
            late["gradient"] -= 1
            yield own.down[rank].take()
            yield own.work(own.seconds("teach", batch, "synthesiser"))
            yield own.update("synthesiser")
        while late["input"] and (late["input"] > most or own.up[rank - 1].waits):
            late["input"] -= 1
            yield own.up[rank - 1].take()
            yield own.work(own.seconds("teach", batch, "predictor"))
            yield own.update("predictor")

    for _ in range(updates):
        yield own.draw()
        if not own.first and inputs:
            late["input"] += 1
            yield own.work(own.seconds(FORWARD, batch, "predictor"))
        elif not own.first:
            yield own.up[rank - 1].take()
        yield own.work(own.seconds(FORWARD, batch))
        if not own.last:
            own.up[rank].send(size)
            late["gradient"] += 1
            yield own.work(own.seconds(FORWARD, batch, "synthesiser"))
        yield own.work(own.seconds(BACKWARD, batch))
        if not own.first:
            own.down[rank - 1].send(2 * size if inputs else size)
        yield own.update()
        yield from hear(own.plan.queue)
    yield from hear(0)
