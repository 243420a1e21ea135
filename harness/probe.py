"""How well a trainer's gradient, and each synthetic gradient, agrees with full backpropagation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.episode import Episode
from harness.trainer import Trainer


def probe(trainer: Trainer, episode: Episode) -> dict[str, Any]:
    """Compare on a copy, with the weights and the data that training is about to use.

    cosine, norm_ratio: of the trainer's gradient, summed over the windows of the episode with
        the weights held, against the gradient of full backpropagation through the episode
    boundary_cosine, boundary_norm_ratio: of each synthetic gradient against the true one, one a
        boundary between windows, first to last; empty where the method predicts none

    On a stream the truth ends where the episode's stretch ends, and so does "true" here.
    """
    twin = trainer.twin()
    with torch.random.fork_rng(devices=[]):
        twin.zero_grad(set_to_none=True)
        for _ in twin.gradients(episode):
            pass  # never stepped, never cleared: .grad adds up
    estimate = _flat([p.grad for p in twin.model.parameters()])

    twin = trainer.twin()
    twin.zero_grad(set_to_none=True)
    boundaries, losses = [], []
    h = twin.boundary(episode).requires_grad_()
    for window in episode.windows(trainer.T or episode.length):
        h.retain_grad()
        boundaries.append(h)
        loss, h = twin.unroll(window, h)
        losses.append(loss)
    torch.stack(losses).sum().backward()
    truth = _flat([p.grad for p in twin.model.parameters()])

    pairs = [
        (synthetic.flatten(), episode.batch * state.grad.flatten())
        for state in boundaries[1:]
        if state.grad is not None
        and (synthetic := trainer.synthetic_gradient(state.detach())) is not None
    ]
    return {
        "cosine": _cosine(estimate, truth),
        "norm_ratio": _norm_ratio(estimate, truth),
        "boundary_cosine": [_cosine(s, t) for s, t in pairs],
        "boundary_norm_ratio": [_norm_ratio(s, t) for s, t in pairs],
    }


def _flat(gradients: list[Tensor | None]) -> Tensor:
    return torch.cat([g.flatten() for g in gradients if g is not None])


def _cosine(a: Tensor, b: Tensor) -> float:
    """Zero where either is silent."""
    return torch.nn.functional.cosine_similarity(a.double(), b.double(), dim=0).item()


def _norm_ratio(a: Tensor, b: Tensor) -> float | None:
    """None where the truth is zero: nothing depends on that boundary."""
    norm = b.double().norm().item()
    return a.double().norm().item() / norm if norm else None
