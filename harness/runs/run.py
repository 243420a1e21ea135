"""The one training loop."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from harness.engines.choice import engine as engine_of
from harness.episode import Episode
from harness.measure.cost import Cost, Meter, gauge, peak_memory_bytes
from harness.measure.environment import available
from harness.measure.probe import probe
from harness.model import Model
from harness.optimiser import Optimiser, Rule, Schedule
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Row
from harness.task import Task
from harness.trainer import Trainer

if TYPE_CHECKING:
    from harness.engines.stacked import Stack

CURVE_POINTS = 50
EVALUATIONS = 20


class DivergenceError(ArithmeticError):
    """The loss is no longer a number."""


class Run:
    """A run in progress: what was built from the spec, and how far it has come.

    One generator decides the initial weights, model first, another the data: with one seed every
    trainer starts from the same weights and sees the same episodes.
    """

    def __init__(
        self, spec: RunSpec, registry: Registry, engine: str = "eager", stack: Stack | None = None
    ) -> None:
        """Build everything that the spec names; ValueError, one line, where it is bad."""
        self.spec = spec
        self.device = available(spec.device)
        self.task: Task = registry.make("task", spec.task)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(spec.seed)
            model: Model = registry.make("model", spec.model, self.task.d_in, self.task.d_out)
            self.trainer: Trainer = registry.make("trainer", spec.trainer, model, self.task.loss)
        self.model = model
        self.trainer.to(self.device)
        rule: Rule = registry.make("optimiser", spec.optimiser)
        schedule: Schedule = registry.make("schedule", spec.schedule, spec.timesteps)
        how = Optimiser(rule, spec.lr, spec.clip, schedule)
        self.updates = [how.over(list(model.parameters()))]
        own = self.trainer.own_parameters()
        if own:
            if self.trainer.own_optimiser is None:
                raise ValueError(f"trainer {spec.trainer}: own_parameters() need an own_optimiser")
            self.updates.append(self.trainer.own_optimiser.over(own))
        self.before: dict[str, Any] = {"engines": [], "seconds": 0.0}  # of it, by earlier processes
        self.engine = (
            stack.join(self.trainer, self.updates)
            if stack
            else engine_of(engine, self.trainer, self.updates, spec.timesteps)
        )
        # far from the seed of the weights: equal seeds would draw equal numbers for both
        self.rng = torch.Generator().manual_seed(1_000_003 * (spec.seed + 1))
        self.meter = Meter(self.device)
        self.done = {"timesteps": 0, "updates": 0, "flops": 0}
        self.peaks = {"activation_bytes": 0, "peak_memory_bytes": 0}
        self.probes = 0
        self.best = {"bits": math.inf}
        self.best_weights: dict[str, Tensor] = {}
        self._costs: dict[tuple[int, bool, bool, str], Cost] = {}

    def train(self) -> Iterator[tuple[str, Row]]:
        """Train to the end of the budget, and yield rows to record, as (kind, row).

        After every "curve" row the run may be checkpointed.
        """
        recent: list[float] = []
        supply = self.episodes()
        while self.done["timesteps"] < self.spec.timesteps:
            episode = next(supply)
            before = self.done["timesteps"]
            if self.spec.probe and self.done["updates"] >= self.probes * self.spec.probe:
                self.probes += 1
                yield "probe", {**self._position(), **probe(self.trainer, episode)}
            self.done["flops"] += self.cost(episode).flops
            bits = self.learn(episode)
            if episode.weight.any():  # else nothing was asked, and zero bits are no success
                recent.append(bits)
                self.task.observe(bits)
            if self._crossed(before, EVALUATIONS):
                yield "validation", {**self._position(), "bits": self._validate()}
            if self._crossed(before, CURVE_POINTS):
                mean = sum(recent) / len(recent) if recent else None
                recent.clear()
                yield "curve", {**self._position(), "bits": mean, **self.task.progress()}

    def episodes(self) -> Iterator[Episode]:
        """The training data, without end, on the device."""
        for episode in self.task.episodes(self.spec.batch, self.rng, self.trainer.T or 1):
            yield episode.to(self.device, torch.float32)

    def learn(self, episode: Episode) -> float:
        """One episode: the timed part. Return its loss in bits, ln 2 nats each."""
        self.engine.prepare(episode)
        middle = self.done["timesteps"] + episode.length / 2
        for update in self.updates:
            update.at(middle)
        losses = self.engine.timed(episode, self.meter)
        self.done["timesteps"] += episode.length
        nats: list[float] = torch.stack(losses).tolist()
        for number, value in enumerate(nats, start=self.done["updates"] + 1):
            if not math.isfinite(value):
                raise DivergenceError(f"the loss became {value} at update {number}")
        self.done["updates"] += len(nats)
        return sum(nats) / math.log(2)

    def cost(self, episode: Episode) -> Cost:
        """What the episode costs; measured once for all of its shape, off the clock."""
        key = (episode.length, episode.fresh, episode.final, self.trainer.phase)
        if key not in self._costs:
            cost = self._costs[key] = gauge(self.trainer, episode)
            memory = peak_memory_bytes(self.trainer, episode)
            for name, value in (
                ("activation_bytes", cost.activation_bytes),
                ("peak_memory_bytes", memory),
            ):
                self.peaks[name] = max(self.peaks[name], value)
        return self._costs[key]

    def _validate(self) -> float:
        """Bits on the validation set; the best weights so far are kept."""
        bits = evaluate(self.model, self.task, self.task.validation(self.spec.batch))
        if bits < self.best["bits"]:
            self.best["bits"] = bits
            self.best_weights = {k: v.clone() for k, v in self.model.state_dict().items()}
        return bits

    def summary(self) -> Row:
        """What the end of a record says besides its status."""
        row: Row = dict(self.peaks)
        if self.best_weights:
            now = {k: v.clone() for k, v in self.model.state_dict().items()}
            self.model.load_state_dict(self.best_weights)
            test = evaluate(self.model, self.task, self.task.test(self.spec.batch))
            self.model.load_state_dict(now)
            row["test_bits"] = None if math.isnan(test) else test
        return row

    def engines(self) -> Row:
        """Which engine made the updates, and what getting it ready took."""
        names = sorted({*self.before["engines"], self.engine.name})
        seconds = self.before["seconds"] + self.engine.seconds
        return {"engine": "+".join(names), "engine_seconds": round(seconds, 3)}

    def _position(self) -> Row:
        return {**self.done, "seconds": round(self.meter.seconds, 6)}

    def _crossed(self, before: int, parts: int) -> bool:
        """Whether the last episode passed one of `parts` even marks of the budget."""
        budget, now = self.spec.timesteps, self.done["timesteps"]
        return min(now, budget) * parts // budget > before * parts // budget

    def state_dict(self) -> dict[str, Any]:
        """Everything that goes on; valid after a "curve" row."""
        return {
            "trainer": self.trainer.state_dict(),
            "updates": [update.state_dict() for update in self.updates],
            "task": self.task.state_dict(),
            "rng": self.rng.get_state(),
            "seconds": self.meter.seconds,
            "engines": self.engines(),
            "done": self.done,
            "peaks": self.peaks,
            "probes": self.probes,
            "best": self.best,
            "best_weights": self.best_weights,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what state_dict() gave, bit for bit."""
        self.trainer.load_state_dict(state["trainer"])
        for update, saved in zip(self.updates, state["updates"], strict=True):
            update.load_state_dict(saved)
        self.task.load_state_dict(state["task"])
        self.rng.set_state(state["rng"])
        engines = state.get("engines", {"engine": "eager", "engine_seconds": 0.0})
        self.before = {
            "engines": engines["engine"].split("+"), "seconds": engines["engine_seconds"],
        }  # fmt: skip
        self.meter.seconds = state["seconds"]
        self.done, self.peaks = state["done"], state["peaks"]
        self.probes, self.best = state["probes"], state["best"]
        self.best_weights = {k: v.to(self.device) for k, v in state["best_weights"].items()}
        if self.trainer.carried is not None:
            self.trainer.carried = self.trainer.carried.to(self.device)


@torch.no_grad()
def evaluate(model: Model, task: Task, episodes: Iterator[Episode]) -> float:
    """The bits of a set of episodes whose weights sum to 1; NaN for an empty set."""
    total, state, device = None, None, model.readout.weight.device
    for recorded in episodes:
        episode = recorded.to(device, torch.float32)
        if episode.fresh or state is None:
            state = model.initial_state(episode.batch)
        outputs, state = model(episode.x, state)
        loss = task.loss(outputs, episode)
        total = loss if total is None else total + loss
    return math.nan if total is None else total.item() / math.log(2)
