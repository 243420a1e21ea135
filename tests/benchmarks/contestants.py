"""One update of a method, by whom: the harness, a loop written by hand, JAX, or arithmetic alone.

Each contestant is a function that trains the same network, from the same weights, on the same
data: a stretch of UPDATES windows. `bptt` makes one update of it, the others one a window.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.episode import Episode
from harness.registry import Registry
from harness.runs.run import Run
from harness.spec import RunSpec

TRAINERS = ("bptt", "tbptt", "sg", "dni", "dni_aux")
D_IN, D_OUT = 5, 4  # as plain_copy(bits=4)
UPDATES = 8
LR, CLIP, OWN_LR, OWN_CLIP = 1e-2, 1.0, 3e-2, 0.3  # these three lines: the harness' defaults
SCALE = {"sg": 1.0, "dni": 0.5, "dni_aux": 0.5}
AUXILIARY = 0.1

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


def run_of(trainer: str, size: Size, engine: str = "eager") -> Run:
    """The run that the contestants copy, with its initial weights; seed 0."""
    call = trainer if trainer == "bptt" else f"{trainer}(T={size.T})"
    model = f"lstm(hidden={size.hidden})"
    spec = RunSpec(task="plain_copy(bits=4)", trainer=call, model=model, batch=size.batch)
    return Run(spec, Registry(), engine)


def harness(run: Run, episode: Episode) -> Contestant:
    """What `sgbench run` does on the clock."""
    return lambda: run.learn(episode)


def windows(run: Run, episode: Episode) -> list[tuple[Tensor, Tensor, Tensor]]:
    """x, y and weight of every update."""
    return [(part.x, part.y, part.weight) for part in run.trainer.cut(episode)]


def bare(run: Run, episode: Episode) -> Callable[[], list[float]]:
    """The same work in a loop written by hand, and nothing else; it returns the losses."""
    trainer, B, H = run.spec.trainer.partition("(")[0], episode.batch, run.model.hidden
    core, readout = deepcopy(run.model.layers[0].core), deepcopy(run.model.readout.body)
    weights = [*core.parameters(), *readout.parameters()]
    moved = [(torch.optim.Adam(weights, lr=LR, fused=True), weights, CLIP)]
    if trainer in SCALE:
        M, scale = deepcopy(run.trainer.synthesiser[-1]), SCALE[trainer]
        own = [*M.parameters()]
        if trainer == "dni_aux":
            A = deepcopy(run.trainer.auxiliary[-1])
            own += A.parameters()
        moved.append((torch.optim.SGD(own, lr=OWN_LR, fused=True), own, OWN_CLIP))
    T = run.trainer.T or episode.length
    state = torch.zeros(B, 2 * H)

    def unrolled(x: Tensor, y: Tensor, weight: Tensor, h_0: Tensor) -> tuple[Tensor, Tensor]:
        h, c = h_0.unsqueeze(0).split(H, -1)
        out, (h, c) = core(x, (h.contiguous(), c.contiguous()))
        nats = F.binary_cross_entropy_with_logits(readout(out), y, reduction="none").mean(-1)
        return (nats * weight).sum(), torch.cat([h[0], c[0]], -1)

    @torch.no_grad()
    def beyond(h_T: Tensor) -> Tensor:
        return M(h_T.tanh())

    def error(network: nn.Linear, h: Tensor, target: Tensor) -> Tensor:
        return (network(h.tanh()) - target).square().sum(-1).mean()

    def truncated(h_0: Tensor, *window: Tensor) -> tuple[Tensor, Tensor]:
        loss, h_T = unrolled(*window, h_0)
        loss.backward()
        return loss, h_T

    def sg(h_0: Tensor, *window: Tensor) -> tuple[Tensor, Tensor]:
        loss, h_T = unrolled(*window, h_0.requires_grad_())
        h_T.backward(scale / B * beyond(h_T), retain_graph=True)
        h_0.grad = None
        loss.backward()
        error(M, h_0.detach(), B * h_0.grad).backward()
        return loss, h_T

    def dni(h_0: Tensor, *window: Tensor) -> tuple[Tensor, Tensor]:
        loss, h_T = unrolled(*window, h_0.requires_grad_())
        torch.autograd.backward([loss, h_T], [None, scale / B * beyond(h_T)])
        error(M, h_0.detach(), B * h_0.grad).backward()
        return loss, h_T

    def dni_aux(h_0: Tensor, *window: Tensor) -> tuple[Tensor, Tensor]:
        loss, h_T = unrolled(*window, h_0.requires_grad_())
        after = beyond(h_T)
        total = loss + AUXILIARY * error(A, h_0, after)
        torch.autograd.backward([total, h_T], [None, scale / B * after])
        error(M, h_0.detach(), B * h_0.grad).backward()
        return loss, h_T

    filled = {"sg": sg, "dni": dni, "dni_aux": dni_aux}.get(trainer, truncated)

    def loop() -> list[float]:
        nonlocal state
        losses = []
        for start in range(0, episode.length, T):
            part = slice(start, start + T)
            loss, h_T = filled(state, episode.x[part], episode.y[part], episode.weight[part])
            for optimiser, parameters, clip in moved:
                nn.utils.clip_grad_norm_(parameters, clip)
                optimiser.step()
                optimiser.zero_grad()
            state = h_T.detach()
            losses.append(loss.detach())
        return torch.stack(losses).tolist()

    return loop


@dataclass(frozen=True)
class Product:
    """A matrix product of the shapes in an update.

    of: the trainers whose updates hold it
    """

    flops: int
    run: Contestant
    of: tuple[str, ...]


def products(size: Size) -> dict[str, Product]:
    """The products of the LSTM and of the synthesiser, by factors and layout."""
    B, H, windowed, synthetic = size.batch, size.hidden, TRAINERS[1:], tuple(SCALE)

    def mm(a: Tensor, b: Tensor, of: tuple[str, ...]) -> Product:
        out = torch.empty(len(a), b.shape[1])
        return Product(2 * a.numel() * b.shape[1], lambda: torch.mm(a, b, out=out), of)

    def weights(timesteps: int, of: tuple[str, ...]) -> Product:
        return mm(torch.rand(timesteps * B, 4 * H).t(), torch.rand(timesteps * B, H), of)

    h, U, linear = torch.rand(B, H), torch.rand(4 * H, H), torch.ops.mkldnn._linear_pointwise
    state, V = torch.rand(B, 2 * H), torch.rand(2 * H, 2 * H)
    return {
        "gates": mm(h, U.t(), TRAINERS),
        "gates, linear": Product(
            8 * B * H * H, lambda: linear(h, U, None, "none", [], ""), TRAINERS
        ),
        "state": mm(torch.rand(B, 4 * H), U, TRAINERS),
        "weights over a window": weights(size.T, windowed),
        "weights over the stretch": weights(UPDATES * size.T, ("bptt",)),
        "synthesiser": mm(state, V.t(), synthetic),
        "synthesiser's weights": mm(torch.rand(B, 2 * H).t(), state, synthetic),
    }
