"""What both copy tasks share: a curriculum over levels, and the protocols of presenting them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from functools import partial
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from harness.check import at_least
from harness.episode import Episode
from harness.score import T_TASK
from harness.task import Task
from tasks._stream import Level, Sequences, Stream

Protocol: TypeAlias = Literal["stream", "in_phase", "carried", "reset"]


class Copying(Task):
    """Symbols of `bits` random bits are shown, then asked for again.

    protocol:  "stream": the DNI paper's; episodes follow each other without end in every batch
               row, rows out of phase, state carried over. "reset": a batch of aligned episodes,
               state zero at each start. Between them, a step at a time: "carried" is "reset" with
               the state carried over, "in_phase" is "stream" with all rows in the same phase
    threshold: a level is solved when the mean error is below this many bits per output bit (the
               paper's 0.15: about 2 % of the bits are wrong if the network is well calibrated)
    average:   K, how many episodes' worth of timesteps the mean is taken over, the same for every
               T; timesteps of earlier levels do not count. 10 episodes of 32 rows are over a
               thousand output bits even at N = 1, so that no level is passed by luck, and few
               enough that a level costs a hundred timesteps, not thousands
    start:     N of the first level
    """

    unit = "bits per output bit"
    score = T_TASK
    validated: tuple[Level, ...]  # the levels of the validation set

    def __init__(
        self,
        *,
        bits: int,
        protocol: Protocol,
        threshold: float,
        average: int,
        start: Level,
        d_in: int,
        d_out: int,
    ) -> None:
        at_least(1, bits=bits, average=average, start=start.n)
        at_least(0, threshold=threshold)
        self.bits, self.protocol = bits, protocol
        self.threshold, self.average = threshold, average
        self.d_in, self.d_out = d_in, d_out
        self.level, self.solved = start, Level(0, 0)
        self._recent: list[tuple[float, float]] = []  # bits, and how many episodes they are worth
        self._worth = 1.0  # of the episode yielded last; 0: part of it is of another level
        self._stream: Stream | None = None
        self._periods: dict[Level, int] = {}  # an episode's length, in timesteps

    @abstractmethod
    def present(self, level: Level, symbols: Tensor) -> Sequences:
        """An episode of a level for every row of symbols (N, rows, bits)."""

    @abstractmethod
    def following(self, level: Level) -> Level:
        """The level after this one."""

    def episodes(self, batch: int, rng: torch.Generator, multiple: int) -> Iterator[Episode]:
        while True:
            if self.protocol in ("reset", "carried"):
                drawn = self._drawn(self.level, batch, rng)
                apart = self.protocol == "reset"
                yield _episode(drawn, fresh=apart, final=apart)
            else:
                yield self._stretch(batch, rng, multiple)

    def _drawn(self, level: Level, batch: int, rng: torch.Generator, count: int = 1) -> Sequences:
        """So many episodes of a level, one after the other, in every row.

        The numbers are the same, drawn at once or one by one.
        """
        symbols = torch.randint(2, (count, level.n, batch, self.bits), generator=rng).float()
        found = self.present(level, symbols.transpose(0, 1).flatten(1, 2))
        parts = (part.unflatten(1, (count, batch)).transpose(0, 1).flatten(0, 1) for part in found)
        return Sequences(*parts)

    def _stretch(self, batch: int, rng: torch.Generator, multiple: int) -> Episode:
        """Take one episode's length, rounded up to whole windows, from the head of every queue.

        What the queues hold does not depend on how they are cut, so trainers of any T see the
        same data.
        """
        if self.level not in self._periods:
            nothing = torch.zeros(self.level.n, 0, self.bits)
            self._periods[self.level] = len(self.present(self.level, nothing).scored)
        period = self._periods[self.level]
        length = -(-period // multiple) * multiple
        if self._stream is None:
            self._stream = Stream.empty(batch, self.d_in, self.d_out)
        stream = self._stream
        while stream.least < length:
            if stream.level != self.level:
                stream.change(self.level)
                if self.protocol == "stream":
                    # A level begins after a random silence in every row: otherwise all rows would
                    # change level together, and stay in phase from then on.
                    stream.pause(torch.randint(period, (batch,), generator=rng))
            stream.grow(period, partial(self._drawn, self.level, batch, rng), rng)
        self._worth = length / period if stream.level == self.level and not stream.old else 0.0
        return _episode(stream.take(length), fresh=False, final=False)

    def validation(self, batch: int) -> Iterator[Episode]:
        """Yield fresh episodes of fixed levels, drawn from a seed of their own."""
        rng = torch.Generator().manual_seed(0)
        for level in self.validated:
            yield _episode(self._drawn(level, batch, rng), share=1 / len(self.validated))

    def loss(self, outputs: Tensor, episode: Episode) -> Tensor:
        nats = F.binary_cross_entropy_with_logits(outputs, episode.y, reduction="none").mean(-1)
        return (nats * episode.weight).sum()

    def observe(self, bits: float) -> None:
        if not self._worth:
            return
        self._recent.append((bits, self._worth))
        worth = sum(w for _, w in self._recent)
        while worth - self._recent[0][1] >= self.average:
            worth -= self._recent.pop(0)[1]
        mean = sum(b * w for b, w in self._recent) / worth
        if worth >= self.average and mean < self.threshold:
            self.solved, self.level = self.level, self.following(self.level)
            self._recent = []

    def progress(self) -> dict[str, int]:
        return {
            "level_n": self.solved.n,
            "level_r": self.solved.r,
            "t_task": self.solved.t_task,
        }

    def state_dict(self) -> dict[str, Any]:
        return {
            "level": tuple(self.level),
            "solved": tuple(self.solved),
            "recent": self._recent,
            "stream": self._stream and self._stream.state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.level, self.solved = Level(*state["level"]), Level(*state["solved"])
        self._recent = list(state["recent"])
        if state["stream"]:
            self._stream = Stream.from_state(state["stream"])


def _episode(
    s: Sequences, *, share: float = 1.0, fresh: bool = True, final: bool = True
) -> Episode:
    """An episode whose weights sum to `share` (to zero where nothing in it is scored)."""
    weight = s.scored * (share / max(s.scored.sum().item(), 1.0))
    return Episode(s.x, s.y, weight, fresh=fresh, final=final)
