"""The loop: what moves weights, what is on the clock, which weights are tested."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.episode import Episode
from harness.measure import cost, costs, spent
from harness.optimiser import Optimiser
from harness.registry import Registry
from harness.runs import run as run_module
from harness.runs.evaluate import evaluate
from harness.runs.run import EVALUATIONS, Run
from harness.runs.shared import Shared
from harness.spec import RunSpec
from harness.trainer import Trainer
from harness.trainers.dni import Dni
from tests.conftest import Clock

SMALL = RunSpec(
    task="char_lm(length=9)", trainer="dni(T=3)", model="lstm(hidden=6)", batch=4, timesteps=180
)


def train(run: Run) -> None:
    for _ in run.train():
        pass


@pytest.mark.parametrize("trainer", ["sg(T=3)", "dni(T=3)", "dni(T=3, warmup=90)"])
def test_the_synthesiser_is_moved_and_speaks(trainer: str, registry: Registry) -> None:
    run = Run(replace(SMALL, trainer=trainer), registry)
    before = [p.clone() for p in run.trainer.own_parameters()]
    train(run)
    after = run.trainer.own_parameters()
    assert before
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    spoken = run.trainer.synthetic_gradient(run.model.initial_state(4))
    assert spoken is not None
    assert spoken.norm() > 0


@pytest.mark.parametrize(("clip", "expected"), [(0.0, 5.0), (0.5, 0.5), (100.0, 5.0)])
def test_an_update_clips_steps_and_clears(clip: float, expected: float) -> None:
    parameter = torch.nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([3.0, 4.0])
    Optimiser("sgd", lr=1.0, clip=clip).over([parameter])()
    assert parameter.norm().item() == pytest.approx(expected, rel=1e-4)
    assert parameter.grad is None


def test_the_clock_hears_training_alone(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(cost, "time", clock)
    run = Run(SMALL, registry)
    honest_episodes, honest_validation = run.task.episodes, run.task.validation

    def slow_episodes(*arguments: object) -> Iterator[Episode]:
        for episode in honest_episodes(*arguments):  # type: ignore[arg-type]
            clock.seconds += 100.0
            yield episode

    def slow_validation(batch: int) -> Iterator[Episode]:
        clock.seconds += 100.0
        return honest_validation(batch)

    decoupled = Dni.decoupled

    def slow_updates(trainer: Dni, episode: Episode) -> Iterator[torch.Tensor]:
        for loss in decoupled(trainer, episode):
            clock.seconds += 2.0
            yield loss

    monkeypatch.setattr(run.task, "episodes", slow_episodes)
    monkeypatch.setattr(run.task, "validation", slow_validation)
    monkeypatch.setattr(Dni, "decoupled", slow_updates)
    train(run)
    assert run.done["updates"] == 60
    assert run.meter.seconds == 120.0


def test_runs_of_one_kind_are_gauged_once_by_all_processes(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = Run(replace(SMALL, seed=1), registry)
    train(alone)
    gauged = []

    def noted(trainer: Trainer, episode: Episode) -> cost.Cost:
        gauged.append(episode.length)
        return cost.gauge(trainer, episode)

    monkeypatch.setattr(costs, "gauge", noted)
    counts = []
    for seed in range(2):
        run = Run(replace(SMALL, seed=seed), registry, shared=Shared(tmp_path))  # of two processes
        train(run)
        counts.append(len(gauged))
    assert counts[0] == counts[1] > 0
    assert run.done == alone.done
    assert run.costs.peaks == alone.costs.peaks
    train(Run(replace(SMALL, trainer="dni(T=2)"), registry, shared=Shared(tmp_path)))
    assert len(gauged) == 2 * counts[0]


def test_each_part_of_a_run_is_on_the_clock_of_its_own(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    for module in (cost, spent, run_module):
        monkeypatch.setattr(module, "time", clock)
    run = Run(SMALL, registry, shared=Shared(began=time.monotonic() - 8.0))
    honest, validated = run.task.episodes, run.task.validation

    def episodes(*given: Any) -> Iterator[Episode]:
        for episode in honest(*given):
            clock.seconds += 1.0
            yield episode

    def validation(batch: int) -> Iterator[Episode]:
        clock.seconds += 100.0
        return validated(batch)

    def of(episode: Episode) -> cost.Cost:
        clock.seconds += 0.25
        return cost.Cost(1, 1)

    monkeypatch.setattr(run.task, "episodes", episodes)
    monkeypatch.setattr(run.task, "validation", validation)
    monkeypatch.setattr(run.costs, "of", of)
    train(run)
    with run.spent.on("recording"):
        clock.seconds += 0.5
    found, count = run.seconds(), SMALL.timesteps // 9
    assert found["data"] == count
    assert found["gauging"] == 0.25 * count
    assert found["evaluating"] == 100.0 * EVALUATIONS
    assert found["recording"] == 0.5
    assert found["starting"] == pytest.approx(8.0, abs=1.0)
    assert found["training"] == round(run.meter.seconds, 3)


def test_the_weights_that_are_tested_are_the_best_on_validation(registry: Registry) -> None:
    run = Run(SMALL, registry)
    train(run)
    last = {name: value.clone() for name, value in run.model.state_dict().items()}
    for value in run.best.weights.values():
        value.zero_()  # as if an early point had been the best
    found = run.summary()["test_bits"]
    expected = torch.tensor(float(run.task.d_out)).log2().item()
    assert found == pytest.approx(expected, abs=1e-4)
    now = run.model.state_dict()
    assert all(torch.equal(last[name], now[name]) for name in last), "training's weights are kept"
    kept = evaluate(run.model, run.task, run.task.test(4))["bits"]
    assert kept != pytest.approx(expected, abs=1e-4)


def test_validation_finds_the_best_and_keeps_it(registry: Registry) -> None:
    run = Run(SMALL, registry)
    scores = [row["bits"] for kind, row in run.train() if kind == "validation"]
    assert run.best.score["bits"] == min(scores)
    run.model.load_state_dict(run.best.weights)
    again = evaluate(run.model, run.task, run.task.validation(4))["bits"]
    assert again == pytest.approx(min(scores))


@pytest.mark.parametrize(
    ("name", "value", "why"), [("own_optimiser", None, "own_parameters"), ("T", 0, "T must be")]
)
def test_a_trainer_that_cannot_train_is_refused(
    name: str, value: object, why: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = registry.make

    def changed(kind: str, text: str, *arguments: object) -> object:
        made = honest(kind, text, *arguments)
        if kind == "trainer":
            setattr(made, name, value)
        return made

    monkeypatch.setattr(registry, "make", changed)
    with pytest.raises(ValueError, match=why):
        Run(SMALL, registry)
