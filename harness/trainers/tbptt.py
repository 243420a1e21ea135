"""Truncated backpropagation through time (Williams & Peng, 1990), windows of T timesteps.

    dL/dθ ≈ Σ_k ∂L_k/∂θ, with ∂h_k/∂θ = 0 for the state h_k that enters window k       (1)

One update per window. Memory: the activations of one window, O(T).

With every = h' < T windows overlap: an update after h' new timesteps, whose loss L_k is
backpropagated through the last T, run again with the weights of today:

    h_{k+1}: the state h' timesteps into window k, from which the next one runs          (2)

so that each loss reaches at least T - h' timesteps back, where windows side by side leave the first
one of each none. The price is T / h' times the work. It does not reach beyond its episode's start.

Differences from the paper: none; windows side by side (every = T) are usual in practice, and the
default. The DNI paper's "BPTT, T=4" is tbptt(T=4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from harness.check import at_least
from harness.episode import Episode
from harness.model import Model
from harness.trainer import Loss, Trainer


class Tbptt(Trainer):
    """Truncated backpropagation through time.

    T:     unroll length, in timesteps
    every: timesteps from one update to the next, at most T; None: T
    """

    T: int

    def __init__(self, model: Model, loss: Loss, *, T: int = 4, every: int | None = None) -> None:
        super().__init__(model, loss)
        at_least(1, T=T)
        self.T = T
        self.every = T if every is None else every
        at_least(1, every=self.every)
        if self.every > T:
            raise ValueError(f"every must be at most T = {T}, got {every!r}")

    def begin(self, batch: int) -> None:
        if self.every < self.T:
            self.memory = {"h": self.model.initial_state(batch)}

    def cut(self, episode: Episode) -> Iterator[Episode]:
        if self.every == self.T:
            yield from super().cut(episode)
            return
        for start in range(0, episode.length, self.every):
            past = min(start, self.T - self.every)
            window = episode.part(start - past, start + self.every)
            if past:
                scored = torch.cat([torch.zeros_like(window.weight[:past]), window.weight[past:]])
                window = replace(window, weight=scored, past=past)
            yield window

    def gradients(self, episode: Episode) -> Iterator[Tensor]:
        for window in self.windows(episode):
            loss = self.overlapping(window) if self.every < self.T else self.beside(window)
            loss.backward()  # (1)
            yield loss.detach()

    def beside(self, window: Episode) -> Tensor:
        """The loss of a window that begins where the one before ended."""
        return self.unroll(window, self.boundary(window))[0]

    def overlapping(self, window: Episode) -> Tensor:
        """The loss of a window's new timesteps, after its old ones have been run again."""
        h, outputs = self.memory["h"] if window.past else self.boundary(window), []
        ahead = max(0, window.past + 2 * self.every - self.T)  # the next window begins there,
        ahead = min(ahead, window.length - 1)  # if there is one
        if ahead:
            before, h = self.model(window.x[:ahead], h)
            outputs.append(before)
        self.memory["h"] = h.detach()  # (2)
        last, h = self.model(window.x[ahead:], h)
        self.carried = h.detach()
        return self.loss(torch.cat([*outputs, last]), window)
