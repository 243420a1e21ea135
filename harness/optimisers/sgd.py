"""Stochastic gradient descent, plain or with momentum."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.check import at_least, below_one
from harness.optimiser import Rule


class Sgd(Rule):
    """torch.optim.SGD.

    momentum:     share of the last move that is kept
    nesterov:     whether to use Nesterov momentum
    weight_decay: of the weight, added to its gradient
    """

    def __init__(
        self, *, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0
    ) -> None:
        below_one(momentum=momentum)
        at_least(0, weight_decay=weight_decay)
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum above 0")
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay
        self.remembers = ("momentum_buffer",) if momentum else ()

    def in_torch(self, parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            parameters, lr=lr, momentum=self.momentum, nesterov=self.nesterov,
            weight_decay=self.weight_decay, fused=True,
        )  # fmt: skip

    def moved(
        self, weight: Tensor, gradient: Tensor, memory: dict[str, Tensor], numbers: list[Tensor]
    ) -> Tensor:
        (rate,) = numbers
        if self.weight_decay:
            gradient = gradient + self.weight_decay * weight
        if self.momentum:
            kept = memory["momentum_buffer"]
            kept.copy_(self.momentum * kept + gradient)
            gradient = gradient + self.momentum * kept if self.nesterov else kept
        return weight - rate * gradient
