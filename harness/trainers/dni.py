"""Decoupled neural interfaces for recurrent networks (Jaderberg et al., 2017), bootstrapped.

h_k enters window k, whose loss is L_k; M is the synthesiser, s the scale, γ the discount.

    dL/dθ ≈ ∂L_k/∂θ + s M(h_{k+1}) ∂h_{k+1}/∂θ                                       (1) consume
    M(h_k) → ∂L_k/∂h_k + γ M(h_{k+1}) ∂h_{k+1}/∂h_k                                  (2) regress

The target holds the synthesiser's own prediction one window on, so that M learns to see without
bound: at γ = 1 every later loss in full, at γ < 1 what lies k windows on by γ^k. Nothing follows
the end of an episode: M(h_{k+1}) is zero there. Memory: one window, O(T), and the synthesiser.

`warmup`: for the first W timesteps the model trains by plain backpropagation through the whole
episode, one update each, and M regresses on the true gradient at every boundary in it:

    M(h_k) → Σ_{j ≥ k} ∂L_j/∂h_k, up to the end of the episode                        (3) warm-up

then bootstrapping switches on. Memory while it lasts: that of full BPTT.

Differences from the paper: the paper writes γ = 1 in (2) and publishes s = 0.1. By default
γ = s here: one backward pass gives both equations, as public re-implementations have it, and
s < 1 then damps the feedback of M's own prediction, which can run away at γ = 1.
`discount=1.0` is the equation to the letter, at a second backward pass. The synthesiser is
moved by clipped SGD instead of Adam. The warm-up is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from harness.check import at_least
from harness.episode import Episode
from harness.model import Model
from harness.synthesiser import SyntheticGradientTrainer
from harness.trainer import Loss


class Dni(SyntheticGradientTrainer):
    """Truncated backpropagation + synthetic gradients + bootstrapping."""

    def __init__(
        self,
        model: Model,
        loss: Loss,
        *,
        T: int = 4,
        warmup: int = 0,
        scale: float = 0.5,
        discount: float | None = None,
        hidden: int | None = None,
        layers: int = 1,
        optimiser: Literal["sgd", "adam"] = "sgd",
        lr: float = 3e-2,
        clip: float = 0.3,
    ) -> None:
        super().__init__(
            model, loss, T=T, scale=scale, hidden=hidden, layers=layers,
            optimiser=optimiser, lr=lr, clip=clip,
        )  # fmt: skip
        self.discount = scale if discount is None else discount
        at_least(0, warmup=warmup, discount=self.discount)
        if scale == 0 and self.discount > 0:
            raise ValueError(f"scale must be above 0 where discount is, got {scale!r}")
        self.warmup = warmup
        self.seen = 0  # timesteps, for the warm-up

    @property
    def phase(self) -> str:
        return "warm-up" if self.seen < self.warmup else ""

    def gradients(self, episode: Episode) -> Iterator[Tensor]:
        yield from self._warm_up(episode) if self.phase else self._bootstrap(episode)
        self.seen += episode.length

    def _bootstrap(self, episode: Episode) -> Iterator[Tensor]:
        for window in episode.windows(self.T):
            h_0 = self.boundary(window).requires_grad_()
            loss, h_T = self.unroll(window, h_0)
            target = self.backpropagate(window, loss, h_0, h_T, self.discount)  # (1)
            self.regress(h_0, target)  # (2)
            yield loss.detach()

    def _warm_up(self, episode: Episode) -> Iterator[Tensor]:
        boundaries, losses = [], []
        h = self.boundary(episode).requires_grad_()
        for window in episode.windows(self.T):
            h.retain_grad()
            boundaries.append(h)
            loss, h = self.unroll(window, h)
            losses.append(loss)
        total = torch.stack(losses).sum()
        total.backward()
        true = [episode.batch * h.grad for h in boundaries if h.grad is not None]
        self.regress(torch.cat(boundaries), torch.cat(true))  # (3)
        yield total.detach()

    def get_extra_state(self) -> dict[str, Any]:
        return super().get_extra_state() | {"seen": self.seen}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        super().set_extra_state(state)
        self.seen = state["seen"]
