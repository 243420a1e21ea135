"""Every engine makes the same updates: float64, to rounding."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from harness.compiled import Compiled
from harness.engine import Eager, Engine
from harness.optimiser import Optimiser
from harness.trainer import Trainer
from tests.conftest import D_IN, make_model, make_trainer, random_episode
from tests.test_conformance import TRAINERS

F64 = torch.float64
MODELS = ["lstm(hidden=5)", "lstm(hidden=4, layers=2)", "gru(hidden=5)", "rnn(hidden=5, layers=2)"]


def as_traced(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> torch.fx.GraphModule:
    """No compiler: the graph's own operations, one after the other."""
    return graph


def updates_of(trainer: Trainer):  # type: ignore[no-untyped-def]
    adam = Optimiser("adam", 1e-2, 0.05)  # a norm that is reached
    updates = [adam.over(list(trainer.model.parameters()))]
    if trainer.own_parameters():
        assert trainer.own_optimiser is not None
        updates.append(trainer.own_optimiser.over(trainer.own_parameters()))
    return updates


def pair(text: str, model: str) -> tuple[Eager, Trainer]:
    """Two trainers that start from the same weights, the first with its engine."""
    first = make_trainer(text, make_model(model))
    second = make_trainer(text, make_model(model))
    second.load_state_dict(first.state_dict())
    return Eager(first, updates_of(first)), second


def hold(eager: Engine, other: Engine) -> None:
    """Both train on episodes of all kinds; losses, weights, moments and state stay the same."""
    kinds = [
        (7, True, True),
        (6, True, False),
        (6, False, False),
        (4, False, True),
        (7, True, True),
    ]
    for L, fresh, final in kinds:
        episode = random_episode(L, fresh=fresh, final=final, dtype=F64)
        torch.testing.assert_close(
            torch.stack(other.learn(episode)), torch.stack(eager.learn(episode)),
            rtol=1e-9, atol=1e-12,
        )  # fmt: skip
        assert eager.trainer.seen == other.trainer.seen
        close = {"rtol": 1e-7, "atol": 1e-10}
        torch.testing.assert_close(other.trainer.carried, eager.trainer.carried, **close)
        for (name, a), b in zip(
            eager.trainer.named_parameters(), other.trainer.parameters(), strict=True
        ):
            torch.testing.assert_close(b, a, **close, msg=lambda m, name=name: f"{name}: {m}")
        for mine, theirs in zip(eager.updates, other.updates, strict=True):
            torch.testing.assert_close(theirs.moments(), [*map(_f64, mine.moments())], **close)


def _f64(tensor: Tensor) -> Tensor:
    return tensor


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("text", [*TRAINERS, "dni(T=3, warmup=9)", "dni_aux(T=3, warmup=9)",
                                  "dni(T=2, discount=1.0, optimiser='adam')"])  # fmt: skip
def test_a_traced_update_is_the_trainers_own(text: str, model: str) -> None:
    eager, other = pair(text, model)
    hold(eager, Compiled(other, updates_of(other), as_traced))


@pytest.mark.parametrize("text", ["tbptt(T=3)", "dni_aux(T=3)"])
def test_a_compiled_update_is_the_trainers_own(text: str) -> None:
    eager, other = pair(text, MODELS[0])
    hold(eager, Compiled(other, updates_of(other)))


def test_tracing_leaves_trainer_and_weights_alone() -> None:
    trainer = make_trainer("dni(T=3, warmup=100)", make_model())
    before = {k: v.clone() for k, v in trainer.named_parameters()}
    engine = Compiled(trainer, updates_of(trainer), as_traced)
    engine.prepare(random_episode(6, d_in=D_IN, dtype=F64))
    assert trainer.carried is None
    assert trainer.seen == 0
    assert engine.seconds > 0
    assert all(p.grad is None and torch.equal(p, before[k]) for k, p in trainer.named_parameters())
