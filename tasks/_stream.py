"""A stream without end, as the copy tasks have it: a queue of timesteps per batch row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor


class Level(NamedTuple):
    """A level of the curriculum: N symbols, to be repeated R times."""

    n: int
    r: int = 1

    @property
    def t_task(self) -> int:
        """The length of the dependency as the DNI paper counts it, in timesteps; 0 before N = 1."""
        return self.n * self.r + 3 if self.n else 0


class Sequences(NamedTuple):
    """B episodes of one length: x (L, B, d_in), y (L, B, d_out), scored (L, B), all float."""

    x: Tensor
    y: Tensor
    scored: Tensor


Draw = Callable[[int], Sequences]
"""Draws so many episodes, one after the other, in every row."""

AHEAD = 256
"""Timesteps drawn at once: a dozen short episodes cost as many operations as one."""


class Stream:
    """Queues that grow by one episode per row at a time.

    The numbers drawn are those of one episode after the other. Several are drawn at once, ahead;
    where the level changes, or the state is saved, what is not used yet is given back.

    level: of the episodes at its end
    old:   timesteps at its head in which some row is still at an earlier level
    """

    def __init__(self, queue: Sequences, have: Tensor, level: Level, old: int = 0) -> None:
        self.level, self.old = level, old
        self._queue, self._at = queue, 0  # its head
        self._set(have)
        self._ahead: tuple[Draw, torch.Generator, Tensor] | None = None  # its state before
        self._taken = self._left = 0  # episodes drawn ahead, since and still

    @property
    def have(self) -> Tensor:
        """(B,) timesteps in each queue, without those drawn ahead."""
        return self._had + self._since

    @property
    def least(self) -> int:
        """Timesteps in the shortest queue."""
        return self._least + self._since

    def _set(self, have: Tensor) -> None:
        # apart, for the second is the same in every row: a number, where a tensor costs more
        self._had, self._since, self._least = have, 0, int(have.min())

    @classmethod
    def empty(cls, batch: int, d_in: int, d_out: int) -> Self:
        """Nothing yet, of no level."""
        shapes = ((d_in,), (d_out,), ())
        queue = Sequences(*(torch.zeros(0, batch, *shape) for shape in shapes))
        return cls(queue, torch.zeros(batch, dtype=torch.long), Level(0))

    def change(self, level: Level) -> None:
        """From here on, episodes of another level."""
        self.give_back()
        self.level, self.old = level, int(self.have.max())

    def pause(self, timesteps: Tensor) -> None:
        """Silence, (B,) timesteps."""
        self._set(self.have + timesteps)

    def grow(self, period: int, draw: Draw, rng: torch.Generator) -> None:
        """One more episode in every row, of `period` timesteps, drawn from rng."""
        if not self._left:
            self._taken, self._left = 0, max(1, AHEAD // period)
            self._ahead = draw, rng, rng.get_state()
            self._make_room(int(self.have.max()) + self._left * period)
            batch = len(self.have)
            t = self._at + self.have + torch.arange(self._left * period).unsqueeze(1)
            places = (t * batch + torch.arange(batch)).flatten()  # (timesteps * B,)
            for filled, new in zip(self._queue, draw(self._left), strict=True):
                joined = filled.view(-1, *filled.shape[2:])  # timesteps and rows
                joined.index_copy_(0, places, new.flatten(0, 1))
        self._taken, self._left = self._taken + 1, self._left - 1
        self._since += period

    def take(self, length: int) -> Sequences:
        """So many timesteps from the head of every queue."""
        x, y, scored = (part[self._at : self._at + length] for part in self._queue)
        self._at, self._since = self._at + length, self._since - length
        self.old = max(self.old - length, 0)
        return Sequences(x, y, scored)

    def give_back(self) -> None:
        """Leave queues and generator as if nothing had been drawn ahead."""
        if self._left and self._ahead:
            draw, rng, before = self._ahead
            rng.set_state(before)
            draw(self._taken)
            end = self._at + self.have
            ahead = torch.arange(len(self._queue.scored)).unsqueeze(1) >= end
            for part in self._queue:
                part[ahead] = 0
        self._left = 0

    def state(self) -> tuple[Any, ...]:
        """What a checkpoint holds; from_state() takes it."""
        self.give_back()
        head = slice(self._at, self._at + int(self.have.max()))
        parts = tuple(part[head].clone() for part in self._queue)
        return parts, self.have, tuple(self.level), self.old

    @classmethod
    def from_state(cls, state: tuple[Any, ...]) -> Self:
        """The stream whose state() this is."""
        queue, have, level, old = state
        return cls(Sequences(*queue), have, Level(*level), old)

    def _make_room(self, capacity: int) -> None:
        """Let queues hold so many timesteps; new room is silent.

        They grow to four times what is needed, so that they are rarely copied.
        """
        queue = Sequences(*(part[self._at :] for part in self._queue))
        if len(queue.scored) < capacity:
            more = (part.new_zeros(4 * capacity - len(part), *part.shape[1:]) for part in queue)
            self._queue = Sequences(*map(torch.cat, zip(queue, more, strict=True)))
            self._at = 0
