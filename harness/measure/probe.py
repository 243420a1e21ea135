"""How well a trainer's gradient, and each synthetic gradient, agrees with full backpropagation."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

import torch
from torch import Tensor

from harness.episode import Episode
from harness.trainer import Trainer


def probe(trainer: Trainer, episode: Episode) -> dict[str, Any]:
    """Compare on a copy, with the weights and the data that training is about to use.

    For the weights' gradient, summed over the windows of the episode at fixed weights:
    cosine, norm_ratio: the trainer's against the full one
    missing_ratio: norm of what truncation to T leaves out (full - truncated), over truncated
    added_ratio:   norm of what the trainer adds (trainer's - truncated), over truncated
    added_cosine:  of what is added with what is missing

    For the state's gradient at the boundaries between windows:
    boundary_cosine, boundary_norm_ratio: each synthetic one against the true one, first to last
    distances, distance_cosine, distance_norm_ratio: the same for each sequence, averaged by the
        number of timesteps from a boundary to the next scored one
    reach: norm of the last scored window's gradient at its own boundary and each before it, over
        the first of these; one boundary per timestep where the trainer has no T

    For the gradient between stages, where the trainer predicts it:
    cuts: the numbers of the stages after which it does
    cut_cosine, cut_norm_ratio: each synthetic one against the true one

    On a stream the true gradient ends where the stretch ends; "full" means up to there.
    """
    estimate = _estimate(trainer, episode)
    true = _truth(trainer, episode)
    found: dict[str, Any] = {
        "cosine": _cosine(estimate, true.gradient),
        "norm_ratio": _ratio(estimate, true.gradient),
    }
    if trainer.T is not None:
        truncated = _truncated(trainer, episode)
        missing, added = true.gradient - truncated, estimate - truncated
        found |= {
            "missing_ratio": _ratio(missing, truncated),
            "added_ratio": _ratio(added, truncated),
            "added_cosine": _cosine(added, missing),
        }
    found |= _between(trainer, episode)
    return {**found, **_boundaries(trainer, episode, true), "reach": true.reach}


def _between(trainer: Trainer, episode: Episode) -> dict[str, Any]:
    """Synthetic against true, between stages; empty if none is predicted."""
    twin = trainer.twin()
    model, state = twin.model, twin.model.split(twin.boundary(episode))
    outputs, h = [], model.encoded(episode.x)
    for stage, entering in zip(model.stages(), state, strict=True):
        h, _ = stage(h, entering)
        outputs.append(h)
    synthetic = twin.synthetic_between([each.detach() for each in outputs], episode)
    if not synthetic:
        return {}
    wanted = [outputs[k] for k in synthetic]
    true = torch.autograd.grad(twin.loss(h, episode), wanted)
    pairs = list(zip(synthetic.values(), (episode.batch * each for each in true), strict=True))
    return {
        "cuts": list(synthetic),
        "cut_cosine": [_cosine(said, gradient) for said, gradient in pairs],
        "cut_norm_ratio": [_ratio(said, gradient) for said, gradient in pairs],
    }


def _estimate(trainer: Trainer, episode: Episode) -> Tensor:
    """The gradient that the trainer fills, added up over the episode."""
    twin = trainer.twin()
    twin.zero_grad(set_to_none=True)
    with torch.random.fork_rng(devices=[]):
        for _ in twin.gradients(episode):
            pass  # no update and no clearing: .grad adds up
    return _gradient(twin)


def _truncated(trainer: Trainer, episode: Episode) -> Tensor:
    """The gradient of windows of the trainer's T, with nothing from beyond them."""
    twin = trainer.twin()
    twin.zero_grad(set_to_none=True)
    for window in episode.windows(trainer.T or episode.length):
        loss, _ = twin.unroll(window, twin.boundary(window))
        loss.backward()
    return _gradient(twin)


class _Truth(NamedTuple):
    """Full backpropagation through an episode.

    gradient: of the weights, flat
    states:   (B, d_state) at the boundaries between windows, and `gradients` there, per sequence
    reach:    see probe()
    """

    gradient: Tensor
    states: list[Tensor]
    gradients: list[Tensor]
    reach: list[float]


def _truth(trainer: Trainer, episode: Episode) -> _Truth:
    """The graph is not cut anywhere; each window's entering state is kept."""
    twin = trainer.twin()
    twin.zero_grad(set_to_none=True)
    boundaries, losses, last = [], [], 0
    h = twin.boundary(episode).requires_grad_()
    for k, window in enumerate(episode.windows(trainer.T or 1)):
        boundaries.append(h)
        loss, h = twin.unroll(window, h)
        losses.append(loss)
        last = k if window.weight.any() else last
    total = torch.stack(losses).sum()
    # materialised: zero for a state that a network without one does not read
    states = torch.autograd.grad(total, boundaries, retain_graph=True, materialize_grads=True)
    reached = torch.autograd.grad(
        losses[last], boundaries[: last + 1], retain_graph=True, materialize_grads=True
    )
    total.backward()
    norms = [gradient.double().norm().item() for gradient in reversed(reached)]
    return _Truth(
        _gradient(twin),
        [h.detach() for h in boundaries[1:]],
        [episode.batch * gradient for gradient in states[1:]],
        [_rounded(norm / norms[0]) for norm in norms] if norms[0] else [],
    )


def _boundaries(trainer: Trainer, episode: Episode, known: _Truth) -> dict[str, Any]:
    """Synthetic against true, at every boundary and by distance; empty if none is predicted."""
    cosines, ratios = [], []
    by_distance: dict[int, list[tuple[float, float, float]]] = defaultdict(list)
    for k, (state, true) in enumerate(zip(known.states, known.gradients, strict=True), start=1):
        synthetic = trainer.synthetic_gradient(state)
        if synthetic is None:
            break
        cosines.append(_cosine(synthetic, true))
        ratios.append(_ratio(synthetic, true))
        rows = torch.nn.functional.cosine_similarity(synthetic, true, dim=1).tolist()
        norms = synthetic.norm(dim=1).tolist(), true.norm(dim=1).tolist()
        ahead = episode.weight[k * (trainer.T or 1) :] > 0  # (timesteps left, B)
        distances = torch.where(ahead.any(0), ahead.int().argmax(0), -1).tolist()
        for distance, *row in zip(distances, rows, *norms, strict=True):
            if distance >= 0:
                by_distance[distance].append((row[0], row[1], row[2]))
    means = {
        distance: [sum(column) / len(column) for column in zip(*rows, strict=True)]
        for distance, rows in sorted(by_distance.items())
    }
    return {
        "boundary_cosine": cosines,
        "boundary_norm_ratio": ratios,
        "distances": list(means),
        "distance_cosine": [_rounded(cosine) for cosine, _, _ in means.values()],
        "distance_norm_ratio": [
            _rounded(synthetic / true) if true else None for _, synthetic, true in means.values()
        ],
    }


def _gradient(twin: Trainer) -> Tensor:
    """The model's gradient, flat; zeros for a parameter that got none."""
    return torch.cat([
        (torch.zeros_like(p) if p.grad is None else p.grad).flatten()
        for p in twin.model.parameters()
    ])  # fmt: skip


def _cosine(a: Tensor, b: Tensor) -> float:
    """Zero where either is zero."""
    a, b = a.flatten().double(), b.flatten().double()
    return _rounded(torch.nn.functional.cosine_similarity(a, b, dim=0).item())


def _ratio(a: Tensor, b: Tensor) -> float | None:
    """The ratio of the norms; None where b is zero."""
    norm = b.double().norm().item()
    return _rounded(a.double().norm().item() / norm) if norm else None


def _rounded(value: float) -> float:
    """Five digits, to keep records small."""
    return float(f"{value:.5g}")
