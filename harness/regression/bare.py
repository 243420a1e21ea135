"""A hand-written training loop, to compare the harness's own time with."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from harness.episode import Episode

LR, CLIP = 1e-2, 1.0  # as in RunSpec


def bare_tbptt(episode: Episode, T: int, hidden: int) -> Callable[[], object]:
    """Truncated backpropagation of an LSTM over one episode (float x and y), and nothing else."""
    core = nn.LSTM(episode.x.shape[-1], hidden)
    readout = nn.Linear(hidden, episode.y.shape[-1])
    weights = [*core.parameters(), *readout.parameters()]
    adam = torch.optim.Adam(weights, lr=LR, fused=True)
    zero = torch.zeros(1, episode.batch, hidden)
    h, c = zero, zero

    def loop() -> object:
        nonlocal h, c
        losses = []
        for k in range(0, episode.length, T):
            part = slice(k, k + T)
            out, (h, c) = core(episode.x[part], (h.detach(), c.detach()))
            nats = F.binary_cross_entropy_with_logits(
                readout(out), episode.y[part], reduction="none"
            )
            loss = (nats.mean(-1) * episode.weight[part]).sum()
            loss.backward()
            nn.utils.clip_grad_norm_(weights, CLIP)
            adam.step()
            adam.zero_grad()
            losses.append(loss.detach())
        return torch.stack(losses).tolist()

    return loop
