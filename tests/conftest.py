from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from harness.episode import Episode
from harness.model import Model
from harness.registry import Registry
from harness.trainer import Trainer

REGISTRY = Registry()
D_IN, D_OUT = 3, 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no core waits for it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(autouse=True)
def _afresh() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(torch.seed() % 2**31)  # weights and data are drawn afresh in every test


@pytest.fixture
def registry() -> Registry:
    return REGISTRY


def squared_error(outputs: Tensor, episode: Episode) -> Tensor:
    return ((outputs - episode.y).square().mean(-1) * episode.weight).sum()


def random_episode(
    L: int = 7,
    B: int = 3,
    *,
    fresh: bool = True,
    final: bool = True,
    d_in: int = D_IN,
    d_out: int = D_OUT,
    dtype: torch.dtype,
) -> Episode:
    weight = torch.rand(L, B, dtype=dtype)
    return Episode(
        torch.randn(L, B, d_in, dtype=dtype),
        torch.randn(L, B, d_out, dtype=dtype),
        weight / weight.sum(),
        fresh=fresh,
        final=final,
    )


def make_model(name: str = "lstm(hidden=5)") -> Model:
    model: Model = REGISTRY.make("model", name, D_IN, D_OUT)
    return model.double()


def make_trainer(text: str, model: Model) -> Trainer:
    trainer: Trainer = REGISTRY.make("trainer", text, model, squared_error)
    return trainer.double()


def excite(module: nn.Module) -> None:
    """Give every weight a random value, so that a zero-initialised layer is not silent."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)


def flat_gradient(model: nn.Module) -> Tensor:
    gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    assert gradients
    return torch.cat(gradients)


def window_gradients(trainer: Trainer, episode: Episode) -> list[Tensor]:
    """The gradient of every update of an episode, the weights held."""
    found = []
    trainer.zero_grad()
    for _ in trainer.gradients(episode):
        found.append(flat_gradient(trainer.model))
        trainer.zero_grad()
    trainer.seen += episode.length
    return found


def unrolled(model: Model, episode: Episode, T: int, h: Tensor) -> tuple[list[Tensor], Tensor]:
    """One graph over all windows, written apart from the trainers: boundaries and the loss."""
    boundaries, losses = [], []
    h = h.clone().requires_grad_()
    for window in episode.windows(T):
        if not h.is_leaf:
            h.retain_grad()
        boundaries.append(h)
        outputs, h = model(window.x, h)
        losses.append(squared_error(outputs, window))
    return boundaries, torch.stack(losses).sum()
