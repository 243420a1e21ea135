"""Whether a trainer's updates can be traced: they may not depend on what a graph would freeze."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from harness.engines.traced import untraceable
from harness.episode import Episode
from harness.optimiser import Update
from harness.trainer import Trainer


@torch.enable_grad()
def check(trainer: Trainer, optimisers: Sequence[Update], episode: Episode) -> None:
    """TypeError where an update depends on more than window, weights, buffers, memory and phase.

    What Python counts or draws would be frozen in the graph at its value during tracing.
    """
    moved = {id(p) for update in optimisers for p in update.parameters}
    for name, tensor in trainer.named_parameters():
        if id(tensor) not in moved:
            raise untraceable(f"no optimiser updates {name!r}")
    twin, later, whole = trainer.twin(), trainer.twin(), trainer.twin()
    later.seen += 1_000_000_000
    windows = list(twin.cut(episode))
    before, drawn = counted(twin), twin.rng.get_state()
    with torch.random.fork_rng(devices=[]):
        numbers, others = torch.get_rng_state(), random.getstate()
        yields = sum(len(twin(window, is_cut=True)) for window in windows)
        if not (torch.equal(numbers, torch.get_rng_state()) and others == random.getstate()
                and torch.equal(drawn, twin.rng.get_state())):  # fmt: skip
            raise untraceable("gradients() draws random numbers")
    if counted(twin) != before:
        raise untraceable("gradients() keeps a count of something")
    for count in (len(whole(episode)), yields):
        if count != len(windows):
            raise untraceable(
                f"gradients() yields {count} times for an episode that cut() cuts into "
                f"{len(windows)} windows"
            )
    if later.phase == trainer.phase:
        for window in windows:
            later(window, is_cut=True)
        for a, b in zip(twin.parameters(), later.parameters(), strict=True):
            if (a.grad is None) != (b.grad is None) or (
                a.grad is not None and not torch.equal(a.grad, cast(torch.Tensor, b.grad))
            ):
                raise untraceable("gradients() depends on `seen`")


def counted(trainer: Trainer) -> dict[str, object]:
    """What a trainer and its networks keep besides tensors and what their owner counts."""
    kept = {name: _frozen(vars(module)) for name, module in trainer.named_modules()}
    outside = ("seen", "carried", "memory", "rng")
    own = {k: _frozen(v) for k, v in vars(trainer).items() if k not in outside}
    return {**kept, "": own}


def _frozen(value: object) -> object:
    """A value to compare with a later one: numbers, text, and containers of them."""
    if isinstance(value, dict):
        return {key: _frozen(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | deque):
        return [_frozen(each) for each in value]
    if isinstance(value, int | float | str):
        return value
    own = {} if isinstance(value, nn.Module | Tensor | type) or callable(value) else _fields(value)
    return {"": type(value).__name__, **{k: _frozen(v) for k, v in own.items()}}


def _fields(value: object) -> dict[str, object]:
    """The numbers and text of an object of another kind; what they refer to is not followed."""
    try:
        own = vars(value)
    except TypeError:
        return {}
    return {k: v for k, v in own.items() if isinstance(v, int | float | str)}
