"""What both copy tasks share: a curriculum over levels, and the protocols of presenting them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from harness.check import at_least
from harness.episode import Episode
from harness.score import T_TASK
from harness.task import Task

Protocol: TypeAlias = Literal["stream", "in_phase", "carried", "reset"]


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


class Stream(NamedTuple):
    """A queue of timesteps per batch row.

    have:  (B,) timesteps filled
    level: of the episodes at its end
    old:   timesteps at its head in which some row is still at an earlier level
    """

    queue: Sequences
    have: Tensor
    level: Level
    old: int = 0


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
    def present(self, level: Level, rows: int, rng: torch.Generator) -> Sequences:
        """Draw `rows` episodes of a level."""

    @abstractmethod
    def following(self, level: Level) -> Level:
        """The level after this one."""

    def episodes(self, batch: int, rng: torch.Generator, multiple: int) -> Iterator[Episode]:
        while True:
            if self.protocol in ("reset", "carried"):
                drawn = self.present(self.level, batch, rng)
                apart = self.protocol == "reset"
                yield _episode(drawn, fresh=apart, final=apart)
            else:
                yield self._stretch(batch, rng, multiple)

    def _stretch(self, batch: int, rng: torch.Generator, multiple: int) -> Episode:
        """Take one episode's length, rounded up to whole windows, from the head of every queue.

        The queues grow by one episode per row at a time. What they hold does not depend on how
        they are cut, so trainers of any T see the same data.
        """
        if self.level not in self._periods:
            self._periods[self.level] = len(self.present(self.level, 0, rng).scored)
        period = self._periods[self.level]
        length = -(-period // multiple) * multiple
        queue, have, level, old = self._stream or self._empty_stream(batch)
        while have.min() < length:
            if level != self.level:
                old = int(have.max())
                if self.protocol == "stream":
                    # A level begins after a random silence in every row: otherwise all rows would
                    # change level together, and stay in phase from then on.
                    have = have + torch.randint(period, (batch,), generator=rng)
                level = self.level
            queue = _grown(queue, int(have.max()) + period)
            t = have + torch.arange(period).unsqueeze(1)  # (period, B)
            drawn = self.present(level, batch, rng)
            for filled, new in zip(queue, drawn, strict=True):
                filled[t, torch.arange(batch)] = new
            have = have + period
        head = Sequences(*(part[:length] for part in queue))
        rest = Sequences(*(part[length:] for part in queue))
        self._stream = Stream(rest, have - length, level, max(old - length, 0))
        self._worth = length / period if level == self.level and old == 0 else 0.0
        return _episode(head, fresh=False, final=False)

    def _empty_stream(self, batch: int) -> Stream:
        queue = Sequences(
            torch.zeros(0, batch, self.d_in),
            torch.zeros(0, batch, self.d_out),
            torch.zeros(0, batch),
        )
        return Stream(queue, torch.zeros(batch, dtype=torch.long), Level(0))

    def validation(self, batch: int) -> Iterator[Episode]:
        """Yield fresh episodes of fixed levels, drawn from a seed of their own."""
        rng = torch.Generator().manual_seed(0)
        for level in self.validated:
            yield _episode(self.present(level, batch, rng), share=1 / len(self.validated))

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
        stream = self._stream
        filled = int(stream.have.max()) if stream else 0
        return {
            "level": tuple(self.level),
            "solved": tuple(self.solved),
            "recent": self._recent,
            "stream": stream
            and (
                tuple(part[:filled].clone() for part in stream.queue),  # filled so far
                stream.have,
                tuple(stream.level),
                stream.old,
            ),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.level, self.solved = Level(*state["level"]), Level(*state["solved"])
        self._recent = list(state["recent"])
        if state["stream"]:
            queue, have, level, old = state["stream"]
            self._stream = Stream(Sequences(*queue), have, Level(*level), old)


def _episode(
    s: Sequences, *, share: float = 1.0, fresh: bool = True, final: bool = True
) -> Episode:
    """An episode whose weights sum to `share` (to zero where nothing in it is scored)."""
    weight = s.scored * (share / s.scored.sum().clamp(min=1))
    return Episode(s.x, s.y, weight, fresh=fresh, final=final)


def _grown(queue: Sequences, capacity: int) -> Sequences:
    """The queue with room for `capacity` timesteps; new room is silent.

    It grows to four times what is needed, so that it is rarely copied.
    """
    if len(queue.scored) >= capacity:
        return queue
    return Sequences(
        *(
            torch.cat([part, part.new_zeros(4 * capacity - len(part), *part.shape[1:])])
            for part in queue
        )
    )
