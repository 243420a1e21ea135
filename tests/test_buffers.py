"""What a network keeps beside its weights, running statistics, through everything that there is."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from harness.engines.base import Eager
from harness.engines.compiled import Compiled
from harness.engines.stacked import Going, Stack
from harness.episode import Episode
from harness.measure.cost import gauge, peak_memory_bytes
from harness.measure.probe import probe
from harness.model import Model, Stage
from harness.registry import Registry
from harness.runs import checkpoint
from harness.runs.evaluate import evaluate
from harness.runs.run import Run
from harness.spec import RunSpec
from tests.conftest import D_IN, D_OUT, make_trainer, random_episode
from tests.test_engine import as_traced, updates_of

TOYS = Path(__file__).with_name("toys")
REGISTRY = Registry([TOYS / name for name in ("normed.py", "xor.py", "recall.py")])
STEPS, L, B, WIDTH = 240, 12, 8, 16


def spec_of(trainer: str = "tbptt(T=4)", seed: int = 0, task: str = "xor") -> RunSpec:
    return RunSpec(
        task=task, trainer=trainer, model="normed", seed=seed, batch=B, timesteps=STEPS,
        optimiser="sgd", lr=0.1,  # Adam blows up the rounding errors of a bias that is normalised
    )  # fmt: skip


def made(trainer: str = "tbptt(T=4)", seed: int = 0, task: str = "xor") -> Run:
    return Run(spec_of(trainer, seed, task), REGISTRY)


def buffers(run: Run) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in run.model.named_buffers()}


def unmoved(run: Run, before: dict[str, Tensor]) -> bool:
    return all(torch.equal(now, before[name]) for name, now in run.model.named_buffers())


def finished(run: Run) -> Run:
    for _ in run.train():
        pass
    return run


def hold(found: Model, expected: Model) -> None:
    """Weights and buffers are the same to rounding, and the latter have moved."""
    for (name, a), b in zip(
        expected.state_dict().items(), found.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(
            b, a, rtol=1e-3, atol=1e-5, msg=lambda m, name=name: f"{name}: {m}"
        )  # type: ignore[misc]
    (mean,) = (b for name, b in expected.named_buffers() if "mean" in name)
    assert mean.abs().max() > 1e-2


def test_training_moves_the_running_statistics_once_an_update() -> None:
    run = finished(made())
    moved = buffers(run)
    assert moved["layers.0.body.1.num_batches_tracked"] == STEPS // 4
    assert not torch.equal(moved["layers.0.body.1.running_mean"], torch.zeros(WIDTH))


def test_evaluation_reads_them_and_does_not_move_them() -> None:
    run = finished(made())
    before = buffers(run)

    def parts(length: int) -> Iterator[Episode]:
        for episode in run.task.validation(B):
            yield from episode.windows(length)

    whole, cut = (evaluate(run.model, run.task, parts(length))["bits"] for length in (L, 1))
    assert cut == pytest.approx(whole, rel=1e-5), "a batch's own statistics were read"
    assert unmoved(run, before)


def test_after_an_evaluation_each_part_is_in_the_mode_that_it_was_in() -> None:
    run = made()
    frozen = run.model.get_submodule("layers.0.body.1").eval()
    evaluate(run.model, run.task, run.task.validation(B))

    def broken() -> Iterator[Episode]:
        assert not run.model.training
        raise RuntimeError("no more images")
        yield

    with pytest.raises(RuntimeError, match="no more images"):
        evaluate(run.model, run.task, broken())
    assert [part for part in run.model.modules() if not part.training] == [frozen]


@pytest.mark.parametrize("trainer", ["bptt", "tbptt(T=4)"])
def test_what_is_rehearsed_on_a_copy_leaves_them_alone(trainer: str) -> None:
    run = made(trainer)
    before, episode = buffers(run), next(run.episodes())
    gauge(run.trainer, episode)
    peak_memory_bytes(run.trainer, episode)
    probe(run.trainer, episode)
    run.costs.of(episode)
    assert unmoved(run, before)


def test_they_are_no_activations() -> None:
    with_them, without = made("bptt"), made("bptt")
    for name in buffers(without):
        part, _, own = name.rpartition(".")
        setattr(without.model.get_submodule(part), own, None)
    held = [gauge(run.trainer, next(run.episodes())).activation_bytes
            for run in (with_them, without)]  # fmt: skip
    assert held[0] == held[1]


@pytest.mark.parametrize("trainer", ["bptt", "tbptt(T=4)"])
def test_killed_and_resumed_it_goes_on_bit_for_bit(trainer: str, tmp_path: Path) -> None:
    path, whole = tmp_path / "state.pt", made(trainer, task="recall")
    for kind, row in whole.train():
        if kind == "episode" and row["timesteps"] == STEPS // 2:
            checkpoint.save(path, whole.spec.id, whole.state_dict())
    resumed, state = made(trainer, task="recall"), checkpoint.load(path, whole.spec.id)
    assert state is not None
    resumed.load_state_dict(state)
    finished(resumed)
    for mine, theirs in ((resumed.model.state_dict(), whole.model.state_dict()),
                         (resumed.best.weights, whole.best.weights)):  # fmt: skip
        assert len(mine) == len(theirs) == 9
        assert all(torch.equal(mine[name], there) for name, there in theirs.items())
    assert resumed.summary() == whole.summary()


def test_the_test_set_is_scored_with_those_of_the_best_weights() -> None:
    run = made(task="recall")
    run._validate()  # the best so far: nothing has been learnt, and nothing has been normalised
    first = evaluate(run.model, run.task, run.task.test(B))
    run.best.score["accuracy"] = 2.0
    finished(run)
    before = copy.deepcopy(run.model.state_dict())
    assert run.summary()["test_bits"] == first["bits"]
    assert evaluate(run.model, run.task, run.task.test(B)) != first
    assert all(torch.equal(now, before[name]) for name, now in run.model.state_dict().items())


@pytest.mark.parametrize("trainer", ["bptt", "tbptt(T=5)"])
def test_a_compiled_update_moves_them_as_the_trainers_own_does(trainer: str) -> None:
    eager, other = made(trainer), made(trainer)
    other.engine = Compiled(other.trainer, other.optimisers, as_traced)
    hold(finished(other).model, finished(eager).model)


def test_a_stack_keeps_each_runs_own() -> None:
    stack, runs = Stack("eager", STEPS), [made(seed=seed) for seed in range(2)]

    def learnt(run: Run) -> Going[Model]:
        run.engine = stack.join(run.trainer, run.optimisers)
        for kind, row in run.train():
            if kind == "waiting":
                yield row["engine"]
        return run.model

    for found, seed in zip(stack.together([learnt(run) for run in runs]), range(2), strict=True):
        hold(found, finished(made(seed=seed)).model)


class Replacing(Model):
    """A network that sets its buffer anew instead of writing into it."""

    def __init__(self, d_in: int, d_out: int) -> None:
        super().__init__(d_in, d_out)
        self.body = nn.Linear(d_in, d_out)
        self.register_buffer("mean", torch.zeros(d_in))

    def stages(self) -> list[Stage]:
        return [self]

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        self.mean = 0.9 * self.mean + 0.1 * x.mean((0, 1))
        return self.body(x - self.mean), state


def test_a_buffer_that_is_set_anew_is_followed() -> None:
    model = Replacing(D_IN, D_OUT).double()
    ours, theirs = (make_trainer("tbptt(T=4)", copy.deepcopy(model)) for _ in range(2))
    eager, other = Eager(ours, updates_of(ours)), Compiled(theirs, updates_of(theirs), as_traced)
    for _ in range(2):
        episode = random_episode(8, dtype=torch.float64)
        other.prepare(episode)
        torch.testing.assert_close(other.learn(episode), eager.learn(episode))
        torch.testing.assert_close(theirs.model.state_dict(), ours.model.state_dict())
    assert ours.model.get_buffer("mean").any()
