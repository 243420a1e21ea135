"""The one training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import torch

from harness.engines.choice import engine as chosen
from harness.episode import Episode
from harness.measure.cost import Meter
from harness.measure.costs import Costs
from harness.measure.environment import available
from harness.measure.probe import probe
from harness.measure.spent import Spent
from harness.registry import Registry
from harness.runs.best import Best
from harness.runs.build import built
from harness.runs.shared import Shared
from harness.spec import RunSpec
from harness.store import Row

if TYPE_CHECKING:
    from harness.engines.stacked import Stack

CURVE_POINTS = 50
EVALUATIONS = 20


class DivergenceError(ArithmeticError):
    """The loss is no longer finite."""


class Moment(Enum):
    """A moment of an episode in the training loop."""

    DRAWN = auto()  # it is about to be learnt
    WAITING = auto()  # for its stack to make its updates
    LEARNT = auto()


@dataclass(frozen=True, slots=True)
class Lap:
    """A stretch of training: timesteps, updates, and the seconds on the clock."""

    timesteps: int
    updates: int
    seconds: float


class Run:
    """A run in progress: what was built from the spec, and how far it has got.

    One generator determines the initial weights, model first, another the data: at equal seeds all
    trainers start from the same weights and see the same episodes. A method that draws random
    numbers has a third.

    bits:  the loss of the episode learnt last, in the task's unit
    lost:  whether a process of it has died, so that it can go on from its checkpoint
    spent: a clock for what its seconds go on besides training
    """

    lost = False

    def __init__(
        self, spec: RunSpec, registry: Registry, engine: str = "eager",
        stack: Stack | None = None, shared: Shared | None = None,
    ) -> None:  # fmt: skip
        """Build everything that the spec names; ValueError, one line, where it cannot be built."""
        self.spec, self.spent, shared = spec, Spent(), shared or Shared()
        self.spent.seconds["starting"] = shared.starting()
        began = time.perf_counter()
        self.device = available(spec.device)
        self.task, self.model, self.trainer, self.optimisers = built(spec, registry, self.device)
        self.before: dict[str, Any] = {"engines": [], "seconds": 0.0}  # used by earlier processes
        self.engine = (
            stack.join(self.trainer, self.optimisers)
            if stack
            else chosen(engine, self.trainer, self.optimisers, spec.timesteps, shared.calls(spec))
        )
        # far apart: equal seeds would draw equal numbers for weights, data and method
        self.rng = torch.Generator().manual_seed(1_000_003 * (spec.seed + 1))
        self.trainer.rng.manual_seed(7_368_787 * (spec.seed + 1))
        self.trainer.begin(spec.batch)
        self.bits = math.nan
        self.meter = Meter(self.device)
        self.done = {"timesteps": 0, "updates": 0, "flops": 0}
        self.costs = Costs(self.trainer, shared.costs(spec))
        self.probes = 0
        self.best = Best(self.task, self.model, spec.batch)
        self._recent: list[float] = []  # bits of the episodes since the last "curve" row
        self._trained = 0.0  # seconds, by earlier processes
        self.spent.seconds["building"] = time.perf_counter() - began

    def train(self) -> Iterator[tuple[str, Row]]:
        """Train to the end of the budget, and yield rows to record, as (kind, row).

        Two kinds are not for the record: "episode" after every episode, when the run may be
        checkpointed, and "waiting" while its stack makes its updates.
        """
        for moment, episode in self.lessons():
            if moment is Moment.WAITING:
                yield "waiting", {"engine": self.engine}
            elif moment is Moment.DRAWN:
                if self.spec.probe and self.done["updates"] >= self.probes * self.spec.probe:
                    self.probes += 1
                    with self.spent.on("gauging"):
                        found = probe(self.trainer, episode)
                    yield "probe", {**self._position(), **found}
                with self.spent.on("gauging"):
                    self.done["flops"] += self.costs.of(episode).flops
            else:
                if self.bits or episode.weight.any():
                    self._recent.append(self.bits)
                before = self.done["timesteps"] - episode.length
                if self._crossed(before, EVALUATIONS):
                    yield "validation", {**self._position(), **self._validate()}
                if self._crossed(before, CURVE_POINTS):
                    mean = sum(self._recent) / len(self._recent) if self._recent else None
                    self._recent = []
                    yield "curve", {**self._position(), "bits": mean, **self.task.progress()}
                yield "episode", {**self._position(), "bits": self.bits, **self.task.progress()}

    def lessons(self) -> Iterator[tuple[Moment, Episode]]:
        """The training loop: every episode of the budget, at each of its moments."""
        supply = self.episodes()
        while self.done["timesteps"] < self.spec.timesteps:
            with self.spent.on("data"):
                episode = next(supply)
            yield Moment.DRAWN, episode
            self._set_rates(episode)
            self.engine.prepare(episode)
            for _ in self.engine.waiting(episode):
                yield Moment.WAITING, episode
            self._take(episode)
            if self.bits or episode.weight.any():  # else zero bits are no success
                self.task.observe(self.bits)
            yield Moment.LEARNT, episode

    def episodes(self) -> Iterator[Episode]:
        """The training data, without end, on the device."""
        for episode in self.task.episodes(self.spec.batch, self.rng, self.trainer.T or 1):
            yield episode.to(self.device, torch.float32)

    def learn(self, episode: Episode) -> float:
        """Learn one episode outside the loop; return its loss in bits (ln 2 nats each)."""
        self._set_rates(episode)
        self.engine.prepare(episode)
        self._take(episode)
        return self.bits

    def _set_rates(self, episode: Episode) -> None:
        """Set the learning rates to the schedule's in the middle of an episode."""
        for update in self.optimisers:
            update.at(self.done["timesteps"] + episode.length / 2)

    def _take(self, episode: Episode) -> None:
        """The timed part of an episode, and its results."""
        losses = self.engine.timed(episode, self.meter)
        self.done["timesteps"] += episode.length
        nats: list[float] = losses.tolist()
        for number, value in enumerate(nats, start=self.done["updates"] + 1):
            if not math.isfinite(value):
                raise DivergenceError(f"the loss became {value} at update {number}")
        self.done["updates"] += len(nats)
        self.bits = sum(nats) / math.log(2)

    def lap(self, supply: Iterator[Episode], timesteps: int, seconds: float = 0.0) -> Lap:
        """Learn at least so many timesteps and seconds of a supply; the task observes nothing."""
        done, began = dict(self.done), self.meter.seconds
        while (
            self.done["timesteps"] - done["timesteps"] < timesteps
            or self.meter.seconds - began < seconds
        ):
            self.learn(next(supply))
        return Lap(
            self.done["timesteps"] - done["timesteps"],
            self.done["updates"] - done["updates"],
            self.meter.seconds - began,
        )

    def close(self) -> None:
        """Release what the trainer holds."""
        self.trainer.close()

    def _validate(self) -> Row:
        """Bits, and the score, on the validation set; the best weights so far are kept."""
        with self.spent.on("evaluating"):
            return self.best.validated()

    def summary(self) -> Row:
        """What the end of a record says besides its status."""
        with self.spent.on("evaluating"):
            return {**self.costs.peaks, **self.best.tested()}

    def engines(self) -> Row:
        """Which engine made the updates, and how long its preparation took."""
        names = sorted({*self.before["engines"], *self.engine.name.split("+")})
        seconds = self.before["seconds"] + self.engine.seconds
        return {"engine": "+".join(names), "engine_seconds": round(seconds, 3)}

    def seconds(self) -> Row:
        """What the seconds of this process went on so far, by part."""
        return self.spent.row(self.meter.seconds - self._trained, self.engine.seconds)

    def _position(self) -> Row:
        return {**self.done, "seconds": round(self.meter.seconds, 6)}

    def _crossed(self, before: int, parts: int) -> bool:
        """Whether the last episode passed one of `parts` even marks of the budget."""
        budget, now = self.spec.timesteps, self.done["timesteps"]
        return min(now, budget) * parts // budget > before * parts // budget

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to resume; valid after an "episode" row."""
        return {
            "trainer": self.trainer.state_dict(),
            "optimisers": [each.state_dict() for each in self.optimisers],
            "task": self.task.state_dict(),  # before the generator: it may give numbers back
            "rng": self.rng.get_state(),
            "seconds": self.meter.seconds,
            "engines": self.engines(),
            "chosen": self.engine.chosen,
            "done": self.done,
            "peaks": self.costs.peaks,
            "probes": self.probes,
            "best": self.best.state_dict(),
            "recent": self._recent,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what state_dict() returned, bit for bit."""
        self.trainer.load_state_dict(state["trainer"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.task.load_state_dict(state["task"])
        self.rng.set_state(state["rng"])
        names, seconds = state["engines"]["engine"].split("+"), state["engines"]["engine_seconds"]
        self.before = {"engines": names, "seconds": seconds}
        self.engine.choose(state["chosen"])
        self.meter.seconds = self._trained = state["seconds"]
        self.done, self.costs.peaks = state["done"], state["peaks"]
        self.probes = state["probes"]
        self.best.load_state_dict(state["best"])
        self._recent = list(state["recent"])
