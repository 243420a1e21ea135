"""One update of a method, by whom: the harness, a loop written by hand, JAX, or arithmetic alone.

Each contestant is a function that makes UPDATES updates of the same network on the same data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.episode import Episode
from harness.registry import Registry
from harness.run import Run
from harness.spec import RunSpec

D_IN, D_OUT = 5, 4  # as plain_copy(bits=4)
UPDATES = 8
LR, CLIP, OWN_LR, OWN_CLIP, SCALE = 1e-2, 1.0, 3e-2, 0.3, 0.5  # the harness' defaults

Contestant = Callable[[], object]


@dataclass(frozen=True)
class Size:
    """LSTM width, batch, unroll length."""

    hidden: int
    batch: int
    T: int

    def __str__(self) -> str:
        return f"{self.hidden} / {self.batch} / {self.T}"


SIZES = [Size(64, 32, 3), Size(128, 64, 4), Size(256, 256, 4)]


def data(size: Size) -> Episode:
    """Noise, UPDATES windows long."""
    L, rng = UPDATES * size.T, torch.Generator().manual_seed(0)
    return Episode(
        torch.rand(L, size.batch, D_IN, generator=rng).round(),
        torch.rand(L, size.batch, D_OUT, generator=rng).round(),
        torch.full((L, size.batch), 1 / L / size.batch),
        fresh=False,
        final=False,
    )


def harness(trainer: str, size: Size, engine: str) -> Contestant:
    """What `sgbench run` does on the clock."""
    call = trainer if trainer == "bptt" else f"{trainer}(T={size.T})"
    model = f"lstm(hidden={size.hidden})"
    spec = RunSpec(task="plain_copy(bits=4)", trainer=call, model=model, batch=size.batch)
    run, episode = Run(spec, Registry(), engine), data(size)
    return lambda: run.learn(episode)


def flops(trainer: str, size: Size) -> float:
    """Of UPDATES updates, as the harness gauges them."""
    call = trainer if trainer == "bptt" else f"{trainer}(T={size.T})"
    model = f"lstm(hidden={size.hidden})"
    spec = RunSpec(task="plain_copy(bits=4)", trainer=call, model=model, batch=size.batch)
    return Run(spec, Registry()).cost(data(size)).flops


def bare(trainer: str, size: Size) -> Contestant:
    """The same work in a loop written by hand, and nothing else."""
    torch.manual_seed(0)
    H, B, T = size.hidden, size.batch, size.T
    core, readout = nn.LSTM(D_IN, H), nn.Linear(H, D_OUT)
    weights = [*core.parameters(), *readout.parameters()]
    adam = torch.optim.Adam(weights, lr=LR, fused=True)
    M = nn.Linear(2 * H, 2 * H)
    nn.init.zeros_(M.weight)
    nn.init.zeros_(M.bias)
    sgd = torch.optim.SGD(M.parameters(), lr=OWN_LR, fused=True)
    episode = data(size)
    state = torch.zeros(B, 2 * H)

    def loss_of(x: Tensor, y: Tensor, weight: Tensor, entering: Tensor) -> tuple[Tensor, Tensor]:
        h, c = entering.unsqueeze(0).split(H, -1)
        out, (h, c) = core(x, (h.contiguous(), c.contiguous()))
        nats = F.binary_cross_entropy_with_logits(readout(out), y, reduction="none").mean(-1)
        return (nats * weight).sum(), torch.cat([h[0], c[0]], -1)

    def tbptt() -> None:
        nonlocal state
        losses = []
        for k in range(UPDATES):
            part = slice(k * T, (k + 1) * T)
            loss, leaving = loss_of(episode.x[part], episode.y[part], episode.weight[part], state)
            loss.backward()
            nn.utils.clip_grad_norm_(weights, CLIP)
            adam.step()
            adam.zero_grad()
            state = leaving.detach()
            losses.append(loss.detach())
        torch.stack(losses).tolist()

    def dni() -> None:
        nonlocal state
        losses = []
        for k in range(UPDATES):
            part, h_0 = slice(k * T, (k + 1) * T), state.requires_grad_()
            loss, h_T = loss_of(episode.x[part], episode.y[part], episode.weight[part], h_0)
            with torch.no_grad():
                beyond = M(h_T.tanh())
            torch.autograd.backward([loss, h_T], [None, SCALE / B * beyond])
            assert h_0.grad is not None
            target = B * h_0.grad
            (M(h_0.detach().tanh()) - target).square().sum(-1).mean().backward()
            nn.utils.clip_grad_norm_(weights, CLIP)
            adam.step()
            adam.zero_grad()
            nn.utils.clip_grad_norm_(M.parameters(), OWN_CLIP)
            sgd.step()
            sgd.zero_grad()
            state = h_T.detach()
            losses.append(loss.detach())
        torch.stack(losses).tolist()

    return {"tbptt": tbptt, "dni": dni}[trainer]


def product(size: Size) -> dict[str, tuple[float, Contestant]]:
    """The LSTM's matrix products, by layout: their FLOPs, and the product itself."""
    H, B, T = size.hidden, size.batch, size.T
    h, U, delta = torch.rand(B, H), torch.rand(4 * H, H), torch.rand(B, 4 * H)
    all_h, deltas = torch.rand(T * B, H), torch.rand(T * B, 4 * H)
    gates, d_h, d_U = torch.empty(B, 4 * H), torch.empty(B, H), torch.empty(4 * H, H)
    linear = torch.ops.mkldnn._linear_pointwise
    return {
        "mm, gates": (8 * B * H * H, lambda: torch.mm(h, U.t(), out=gates)),
        "mm, state": (8 * B * H * H, lambda: torch.mm(delta, U, out=d_h)),
        "mm, weights": (8 * T * B * H * H, lambda: torch.mm(deltas.t(), all_h, out=d_U)),
        "linear, gates": (8 * B * H * H, lambda: linear(h, U, None, "none", [], "")),
    }
