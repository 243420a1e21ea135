"""A network cut in depth, a synthesiser at every cut: what methods that decouple layers share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.check import at_least
from harness.episode import Episode
from harness.model import Model
from harness.optimiser import Optimiser
from harness.synthesiser import Synthesiser, squared_error
from harness.task import Task
from harness.trainer import Loss, Trainer

WARM_UP = "warm-up"


class DepthTrainer(Trainer):
    """Blocks of stages, 0 … n, and M_i, the synthesiser at the end of block i < n.

    h_i (L, B, d_i) leaves block i and enters block i + 1. A synthesiser says the gradient of the
    loss with respect to it, per sequence. In time nothing is cut: recurrent layers are
    backpropagated through the whole episode.

    cuts:        numbers of the stages after which the network is cut, from 0; None: after every
                 one but the last
    conditioned: whether M_i reads the target, too (cDNI): class ids one-hot, numbers as they are
    warmup:      timesteps of plain backpropagation first, in which every M_i regresses on the
                 true gradient
    hidden:      width of a synthesiser's hidden layers; None: that of h_i
    layers:      its hidden layers; 0: it is linear
    norm:        of its hidden layers: "none", "batch" or "layer"
    optimiser, lr, clip: the synthesisers'
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        *,
        cuts: Sequence[int] | None = None,
        conditioned: bool = True,
        warmup: int = 0,
        hidden: int | None = None,
        layers: int = 0,
        norm: str = "none",
        optimiser: Literal["sgd", "adam"] = "adam",
        lr: float = 1e-3,
        clip: float = 0.0,
    ) -> None:
        super().__init__(model, loss)
        at_least(0, warmup=warmup)
        self.blocks = blocks(len(model.stages()), cuts)
        self.conditioned, self.warmup = conditioned, warmup
        self.own_optimiser = Optimiser(optimiser, lr, clip)
        self.widths = [model.stages()[block[-1]].d_out for block in self.blocks[:-1]]
        told = model.d_out if conditioned else 0
        self.synthesisers = nn.ModuleList(
            Synthesiser(
                width, hidden=width if hidden is None else hidden, layers=layers, bounded=False,
                d_in=told, norm=norm,
            )
            for width in self.widths
        )  # fmt: skip

    @classmethod
    def suits(cls, model: Model, task: Task) -> str:
        return "" if len(model.stages()) > 1 else "it cuts between stages; the model has one"

    @abstractmethod
    def decoupled(self, episode: Episode) -> Tensor:
        """Fill .grad for one update on an episode; return its loss."""

    def gradients(self, episode: Episode) -> Iterator[Tensor]:
        warm = self.phase == WARM_UP
        yield self.backpropagated(episode) if warm else self.decoupled(episode)

    @property
    def phase(self) -> str:
        return WARM_UP if self.seen < self.warmup else ""

    def own_parameters(self) -> list[nn.Parameter]:
        return list(self.synthesisers.parameters())

    def backpropagated(self, episode: Episode) -> Tensor:
        """Fill .grad by plain backpropagation; M_i(h_i) → ∂L/∂h_i, the true one."""
        state, h, between = self.entering(episode), self.model.encoded(episode.x), list[Tensor]()
        for block in self.blocks:
            if block[0]:
                h.retain_grad()
                between.append(h)
            h = self.through(block, h, state)
        loss = self.loss(h, episode)
        loss.backward()
        self.learn_between(between, episode)
        self.carry(state)
        return loss.detach()

    def learn_between(self, between: list[Tensor], episode: Episode) -> None:
        """Teach from every h_i of an update by plain backpropagation, with its gradient."""
        for i, h in enumerate(between):
            self.teach(self.say(i, h, episode), per_sequence(h))

    def entering(self, episode: Episode) -> list[Tensor]:
        """The state that enters each stage."""
        return list(self.model.split(self.boundary(episode)))

    def carry(self, state: list[Tensor]) -> None:
        """Keep the state that has left each stage for the next episode."""
        self.carried = self.model.join(state).detach()

    def through(self, block: range, h: Tensor, state: list[Tensor]) -> Tensor:
        """Run a block: h (L, B, d) in, h out; the state of its stages is replaced."""
        stages = self.model.stages()
        for k in block:
            h, state[k] = stages[k](h, state[k])
        return h

    def say(self, i: int, h: Tensor, episode: Episode) -> Tensor:
        """M_i(h_i), (L, B, d_i), per sequence; its graph ends at h_i."""
        read = h.detach()
        if self.conditioned:
            y = episode.y
            y = y if y.is_floating_point() else F.one_hot(y, self.model.d_out)
            read = torch.cat([read, y.to(read.dtype)], -1)
        said: Tensor = self.synthesisers[i](read)
        return said

    def teach(self, said: Tensor, target: Tensor) -> None:
        """Fill a synthesiser's gradients: squared error, summed over d_i, mean over sequences."""
        squared_error(said, target.detach()).backward()

    def move(self, h: Tensor, said: Tensor) -> None:
        """Fill the gradients of the block that h leaves, as if ∂L/∂h were what is said."""
        h.backward(said.detach() / h.shape[1])

    def entrance(self, i: int, h: Tensor) -> Tensor:
        """What block i is run on: h as a new leaf, whose gradient is wanted unless it is data."""
        return h.detach().requires_grad_(i > 0)

    @torch.no_grad()
    def synthetic_between(self, outputs: Sequence[Tensor], episode: Episode) -> dict[int, Tensor]:
        cut = [block[-1] for block in self.blocks[:-1]]
        return {k: self.say(i, outputs[k], episode) for i, k in enumerate(cut)}


def blocks(stages: int, cuts: Sequence[int] | None) -> list[range]:
    """The stages of every block; ValueError where a cut is not there.

    >>> blocks(7, (0, 3, 5))
    [range(0, 1), range(1, 4), range(4, 6), range(6, 7)]
    """
    last = stages - 1
    try:
        found = list(range(last)) if cuts is None else sorted({int(cut) for cut in cuts})
    except (TypeError, ValueError):
        raise ValueError(f"cuts must be numbers of stages, as in (0, 3), got {cuts!r}") from None
    for cut in found:
        if not 0 <= cut < last:
            raise ValueError(f"cuts: the model can be cut after stages 0 to {last - 1}, not {cut}")
    return [range(a, b) for a, b in pairwise([0, *(cut + 1 for cut in found), stages])]


def per_sequence(h: Tensor) -> Tensor:
    """The gradient that has reached h (L, B, d), for each sequence instead of the batch's mean."""
    assert h.grad is not None
    return h.shape[1] * h.grad
