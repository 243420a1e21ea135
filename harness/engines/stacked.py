"""Runs that differ in their seed alone, trained as one: an update of all of them is one call."""

from __future__ import annotations

import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Condition
from typing import TypeVar

import torch
from torch import Tensor

from harness.engines.base import Eager, Engine
from harness.engines.choice import pays
from harness.engines.traced import (
    Call,
    Compiler,
    Traced,
    as_traced,
    built,
    inductor,
    of_all,
    plain,
    untraceable,
)
from harness.episode import Episode
from harness.measure.cost import Meter
from harness.optimiser import Update
from harness.trainer import Trainer

R = TypeVar("R")


class Stacked(Engine):
    """One run's part in a stack; alone in its warm-up, whose episodes have lengths of their own."""

    def __init__(self, stack: Stack, trainer: Trainer, updates: Sequence[Update]) -> None:
        super().__init__(trainer, updates)
        self.traced = Traced(trainer, updates)
        self.parts: deque[tuple[Hashable, Episode]] = deque()  # that wait for their updates
        self.episode: Episode | None = None
        self.losses: list[Tensor] = []
        self.training_seconds = 0.0
        self._stack, self._alone = stack, Eager(trainer, updates)

    @property
    def name(self) -> str:  # type: ignore[override]
        return self._stack.name

    def learn(self, episode: Episode) -> list[Tensor]:
        if self.trainer.phase:
            return self._alone.learn(episode)
        parts = [(self.traced.key(part), part) for part in self.trainer.updates(episode)]
        self.episode = episode
        self.parts.extend(parts)
        try:
            self._stack.wait_for(self)
        finally:
            self.parts.clear()
        self.trainer.seen += episode.length
        losses, self.losses = self.losses, []
        return losses

    def timed(self, episode: Episode, meter: Meter) -> list[Tensor]:
        """learn(); on the clock is this run's share of the stack's seconds."""
        if self.trainer.phase:
            return self._alone.timed(episode, meter)
        before = self.training_seconds
        losses = self.learn(episode)
        meter.seconds += self.training_seconds - before
        return losses


class Stack:
    """So many runs, each in a thread of its own, of which one goes at a time.

    A run that has an episode to learn waits. When all wait, the last to come makes one update of
    all after the other, until some run has learnt its episode and goes on. Every tensor of the
    stack has the runs as its first dimension; the weights of each run are a view of their part.
    Where parts differ in kind, the run that is most behind takes an update, with those that have
    the same, and the others' weights stay as they are; so do those of a run that has ended.
    """

    def __init__(self, width: int, engine: str, timesteps: int) -> None:
        """engine: "eager" (the graph's operations one after the other), "compiled" or "auto"."""
        self._engine, self._timesteps = engine, timesteps
        self._compiler: Compiler | None = {"eager": as_traced, "compiled": inductor}.get(engine)
        self._going = width
        self._turn = Condition()
        self._joined: list[Stacked] = []
        self._places: list[Stacked] = []
        self._weights: list[Tensor] = []
        self._taking: dict[tuple[bool, ...], Tensor] = {}
        self._calls: dict[Hashable, Call] = {}
        self._broken: BaseException | None = None

    @property
    def name(self) -> str:
        """What the engine of its runs is called."""
        return "eager-stacked" if self._compiler in (None, as_traced) else "compiled-stacked"

    def together(self, runs: Sequence[Callable[[], R]]) -> list[R]:
        """Call each run in a thread; return what each returned.

        What a run raises ends the others, too, and is raised.
        """
        with ThreadPoolExecutor(self._going) as threads:
            futures = [threads.submit(self._alone, run) for run in runs]
        return [future.result() for future in futures]

    def _alone(self, run: Callable[[], R]) -> R:
        with self._turn:
            try:
                return run()
            except BaseException as error:
                self._broken = error
                raise
            finally:
                self._going -= 1
                self._turn.notify_all()

    def join(self, trainer: Trainer, updates: Sequence[Update]) -> Stacked:
        """The engine of one of the runs."""
        member = Stacked(self, trainer, updates)
        self._joined.append(member)
        return member

    def wait_for(self, member: Stacked) -> None:
        """Let the others go until the member's parts had their updates."""
        while member.parts:
            if self._broken:  # for every run, and with the same words
                raise self._broken
            if sum(bool(each.parts) for each in self._joined) < self._going:
                self._turn.wait()
                continue
            try:
                self._advance()
            except BaseException as error:
                self._broken = error
                raise
            self._turn.notify_all()

    @torch.no_grad()
    def _advance(self) -> None:
        """Make updates until a run has all of its own."""
        if not self._places:
            self._stack_weights()
        waiting = [each for each in self._places if each.parts]
        for each in waiting:
            for key, part in each.parts:
                if key not in self._calls:
                    self._calls[key] = self._built(each, part)
        made: Counter[Stacked] = Counter()
        with (meter := Meter(self._weights[0].device)):
            while all(each.parts for each in waiting):
                key = min(waiting, key=lambda each: each.trainer.seen).parts[0][0]
                active = [each for each in waiting if each.parts[0][0] == key]
                self._update(self._calls[key], active)
                made.update(active)
        share = meter.seconds / made.total()
        for each, count in made.items():
            each.training_seconds += count * share

    def _stack_weights(self) -> None:
        self._places = [each for each in self._joined if each.parts]
        first, *others = (plain(each.trainer) for each in self._places)
        if any(other != first for other in others):
            raise untraceable("a number of the trainer's or the model's differs from run to run")
        every = [each.traced.tensors() for each in self._places]
        for tensors in zip(*every, strict=True):
            whole = torch.stack([tensor.data for tensor in tensors])
            self._weights.append(whole)
            for tensor, view in zip(tensors, whole, strict=True):
                tensor.data = view

    def _update(self, call: Call, active: Sequence[Stacked]) -> None:
        losses, leaving = call(*self._weights, *self._data(active))
        at = {each: place for place, each in enumerate(self._places)}
        for each in active:
            each.losses.append(losses[at[each]])
            each.trainer.carried = leaving[at[each]]
            each.parts.popleft()

    def _data(self, active: Sequence[Stacked]) -> list[Tensor]:
        """What an update reads besides the weights; for the runs that take none, something."""
        own = {each: each.traced.data(each.parts[0][1]) for each in active}
        rows = [own.get(each, own[active[0]]) for each in self._places]
        taking = tuple(each in own for each in self._places)
        if taking not in self._taking:
            self._taking[taking] = torch.tensor(taking, device=self._weights[0].device)
        return [*(torch.stack(tensors) for tensors in zip(*rows, strict=True)),
                self._taking[taking]]  # fmt: skip

    def _built(self, member: Stacked, part: Episode) -> Call:
        """The update of a kind of part, off the clock."""
        began, width = time.perf_counter(), len(self._places)
        episode = member.episode
        assert episode is not None
        member.traced.hold_to_its_word(episode)
        if not self._compiler:
            with torch.enable_grad():
                pay = pays(member.trainer, episode, self._timesteps * width)
            self._compiler = inductor if pay else as_traced
        data = [torch.stack([tensor] * width) for tensor in member.traced.data(part)]
        data.append(torch.ones(width, dtype=torch.bool, device=data[0].device))
        graph = of_all(member.traced.graph(part), self._weights, data)
        try:
            call = built(graph, self._compiler, self._weights, data)
        except Exception as error:
            if self._engine != "auto":
                raise
            warnings.warn(f"not compiled: {str(error).partition(chr(10))[0]}", stacklevel=2)
            self._compiler = as_traced
            call = built(graph, as_traced, self._weights, data)
        share = (time.perf_counter() - began) / width
        for each in self._places:
            each.seconds += share
        return call
