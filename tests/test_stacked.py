"""Runs in a stack make the updates that they make alone: float64, to rounding."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from harness.engine import Eager
from harness.episode import Episode
from harness.stacked import Stack, Stacked
from tests.conftest import make_model, make_trainer, random_episode
from tests.test_conformance import TRAINERS
from tests.test_engine import F64, updates_of

KINDS = [(7, True, True), (6, True, False), (6, False, False), (4, False, True), (7, True, True)]


def episodes(shift: int) -> list[Episode]:
    """Of all kinds; each run meets them in an order of its own, the last runs fewer."""
    kinds = (KINDS[shift:] + KINDS[:shift])[: 5 - shift]
    return [random_episode(L, fresh=fresh, final=final, dtype=F64) for L, fresh, final in kinds]


@pytest.mark.parametrize("model", ["lstm(hidden=5)", "lstm(hidden=4, layers=2)", "gru(hidden=5)"])
@pytest.mark.parametrize("text", [*TRAINERS, "dni(T=3, warmup=9)", "dni(T=3, clip=0)",
                                  "dni(T=2, discount=1.0, optimiser='adam')"])  # fmt: skip
def test_each_run_of_a_stack_makes_its_own_updates(text: str, model: str) -> None:
    stack = Stack(3, "eager", 0)
    alone, members, fed = [], [], [episodes(shift) for shift in range(3)]
    for _ in range(3):
        first, second = (make_trainer(text, make_model(model)) for _ in range(2))
        second.load_state_dict(first.state_dict())
        alone.append(Eager(first, updates_of(first)))
        members.append((second, updates_of(second)))

    def learnt(number: int) -> tuple[Stacked, list[Tensor]]:
        engine = stack.join(*members[number])
        return engine, [torch.stack(engine.learn(episode)) for episode in fed[number]]

    ends = stack.together([partial(learnt, number) for number in range(3)])
    close = {"rtol": 1e-7, "atol": 1e-10}
    for eager, given, (engine, losses) in zip(alone, fed, ends, strict=True):
        torch.testing.assert_close(
            losses, [torch.stack(eager.learn(e)) for e in given], rtol=1e-9, atol=1e-12
        )
        assert engine.trainer.seen == eager.trainer.seen
        torch.testing.assert_close(engine.trainer.carried, eager.trainer.carried, **close)
        for (name, a), b in zip(
            eager.trainer.named_parameters(), engine.trainer.parameters(), strict=True
        ):
            torch.testing.assert_close(b, a, **close, msg=lambda m, name=name: f"{name}: {m}")
        for mine, theirs in zip(eager.updates, engine.updates, strict=True):
            torch.testing.assert_close(theirs.moments(), mine.moments(), **close)
