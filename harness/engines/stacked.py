"""Runs that differ only in their seed, trained as one: one call updates them all."""

from __future__ import annotations

import time
import warnings
from collections import Counter, deque
from collections.abc import Generator, Hashable, Iterator, Sequence
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

from harness.engines import fitness
from harness.engines.base import Eager, Engine
from harness.engines.choice import pays
from harness.engines.traced import (
    Compiler,
    Executable,
    Traced,
    as_traced,
    built,
    inductor,
    of_many,
    untraceable,
)
from harness.episode import Episode
from harness.measure.cost import Meter
from harness.optimiser import Update
from harness.trainer import Trainer

R = TypeVar("R")


class Stacked(Engine):
    """One run's part in a stack; in its warm-up, with episodes of other lengths, it runs alone."""

    def __init__(self, stack: Stack, trainer: Trainer, optimisers: Sequence[Update]) -> None:
        super().__init__(trainer, optimisers)
        self.traced = Traced(trainer, optimisers)
        self.queue: deque[tuple[Hashable, Episode]] = deque()  # windows waiting for their update
        self.episode: Episode | None = None
        self.losses: list[Tensor] = []
        self.training_seconds = 0.0
        self._stack, self._alone = stack, Eager(trainer, optimisers)

    @property
    def name(self) -> str:  # type: ignore[override]
        return self._stack.name

    def waiting(self, episode: Episode) -> Iterator[Stacked]:
        if self.trainer.phase:
            return
        windows = [(self.traced.key(window), window) for window in self.trainer.cut(episode)]
        self.episode = episode
        self.queue.extend(windows)
        try:
            while self.queue:
                yield self
        finally:
            self.queue.clear()

    def learn(self, episode: Episode) -> Tensor:
        if self.trainer.phase:
            before = dict(self.trainer.memory)
            alone = self._alone.learn(episode)
            for name, place in before.items():  # in the stack, if the run is already in it
                place.copy_(self.trainer.memory[name])
            self.trainer.memory = before
            return alone
        self.trainer.seen += episode.length
        losses, self.losses = self.losses, []
        return torch.stack(losses)

    def timed(self, episode: Episode, meter: Meter) -> Tensor:
        """learn(); the clock gets this run's share of the stack's seconds."""
        if self.trainer.phase:
            return super().timed(episode, meter)
        meter.seconds += self.training_seconds
        self.training_seconds = 0.0
        return self.learn(episode)


Going: TypeAlias = Generator[Engine, None, R]
"""A run in progress: it yields its engine when it waits for updates, and returns how it ended."""


class Stack:
    """Several runs; one at a time goes on until it waits for the updates of an episode.

    When all wait, updates are made, each in one call for all of them, until some run has all of
    its own and goes on. Every tensor of the stack has the runs as its first dimension; a run's
    tensors are views of its part. Where the windows at the heads of the queues differ in kind, the
    run that is furthest behind gets an update, and so do those that wait for the same kind; the
    tensors of the others, and of runs that have ended, do not change.
    """

    def __init__(self, engine: str, timesteps: int) -> None:
        """engine: "eager" (the graph's operations one by one), "compiled" or "auto"."""
        self._engine, self._timesteps = engine, timesteps
        self._compiler: Compiler | None = {"eager": as_traced, "compiled": inductor}.get(engine)
        self._places: list[Stacked] = []
        self._kept: list[Tensor] = []
        self._taking: dict[tuple[bool, ...], Tensor] = {}
        self._calls: dict[Hashable, Executable] = {}

    @property
    def name(self) -> str:
        """The name of its runs' engines."""
        return "eager-stacked" if self._compiler in (None, as_traced) else "compiled-stacked"

    def join(self, trainer: Trainer, optimisers: Sequence[Update]) -> Stacked:
        """The engine of one of the runs."""
        return Stacked(self, trainer, optimisers)

    def together(self, runs: Sequence[Going[R]]) -> list[R]:
        """Drive the runs to their ends; return what each returned.

        An error in a common update is raised in each of them. An error that a run does not catch
        ends the others, too, and is raised.
        """
        going, waiting, ends = dict(enumerate(runs)), dict[int, Stacked](), dict[int, R]()
        error: Exception | None = None
        try:
            while going:
                for number, run in list(going.items()):
                    if not error and number in waiting and waiting[number].queue:
                        continue
                    try:
                        engine = run.throw(error) if error else next(run)
                        assert isinstance(engine, Stacked)
                        waiting[number] = engine
                    except StopIteration as end:
                        ends[number] = end.value
                        del going[number]
                        waiting.pop(number, None)
                error = self._advanced(list(waiting.values())) if going else None
        finally:
            for run in going.values():
                run.close()
        return [ends[number] for number in range(len(runs))]

    def _advanced(self, waiting: list[Stacked]) -> Exception | None:
        """Make updates until a run has all of its own; return the error, if any."""
        try:
            self._advance(waiting)
        except Exception as error:
            return error
        return None

    @torch.no_grad()
    def _advance(self, waiting: list[Stacked]) -> None:
        if not self._places:
            self._stack(waiting)
        for each in waiting:
            for key, window in each.queue:
                if key not in self._calls:
                    self._calls[key] = self._built(each, window)
        made: Counter[Stacked] = Counter()
        with (meter := Meter(self._kept[0].device)):
            while all(each.queue for each in waiting):
                key = min(waiting, key=lambda each: each.trainer.seen).queue[0][0]
                active = [each for each in waiting if each.queue[0][0] == key]
                self._update(self._calls[key], active)
                made.update(active)
        share = meter.seconds / made.total()
        for each, count in made.items():
            each.training_seconds += count * share

    def _stack(self, members: list[Stacked]) -> None:
        """Stack the runs' tensors, and turn each into a view of its part."""
        first, *others = (fitness.counted(each.trainer) for each in members)
        if any(other != first for other in others):
            raise untraceable("a number in the trainer or the model differs from run to run")
        self._places = members
        every = [each.traced.tensors() for each in members]
        for tensors in zip(*every, strict=True):
            whole = torch.stack([tensor.data for tensor in tensors])
            self._kept.append(whole)
            for tensor, view in zip(tensors, whole, strict=True):
                tensor.data = view

    def _update(self, call: Executable, active: Sequence[Stacked]) -> None:
        losses, leaving = call(*self._kept, *self._data(active))
        at = {each: place for place, each in enumerate(self._places)}
        for each in active:
            each.losses.append(losses[at[each]])
            each.trainer.carried = leaving[at[each]]
            each.queue.popleft()

    def _data(self, active: Sequence[Stacked]) -> list[Tensor]:
        """What else an update reads; for runs that take no update, a placeholder."""
        own = {each: each.traced.data(each.queue[0][1]) for each in active}
        rows = [own.get(each, own[active[0]]) for each in self._places]
        taking = tuple(each in own for each in self._places)
        if taking not in self._taking:
            self._taking[taking] = torch.tensor(taking, device=self._kept[0].device)
        return [*(torch.stack(tensors) for tensors in zip(*rows, strict=True)),
                self._taking[taking]]  # fmt: skip

    def _built(self, member: Stacked, window: Episode) -> Executable:
        """The update for a kind of window, built off the clock."""
        began, width = time.perf_counter(), len(self._places)
        episode = member.episode
        assert episode is not None
        fitness.check(member.trainer, member.optimisers, episode)
        if not self._compiler:
            with torch.enable_grad():
                pay = pays(member.trainer, episode, self._timesteps * width)
            self._compiler = inductor if pay else as_traced
        data = [torch.stack([tensor] * width) for tensor in member.traced.data(window)]
        data.append(torch.ones(width, dtype=torch.bool, device=data[0].device))
        graph = of_many(member.traced.graph(window), self._kept, data)
        try:
            call = built(graph, self._compiler, self._kept, data)
        except Exception as error:
            if self._engine != "auto":
                raise
            warnings.warn(f"not compiled: {str(error).partition(chr(10))[0]}", stacklevel=2)
            self._compiler = as_traced
            call = built(graph, as_traced, self._kept, data)
        share = (time.perf_counter() - began) / width
        for each in self._places:
            each.seconds += share
        return call
