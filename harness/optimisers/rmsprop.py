"""RMSprop (Tieleman & Hinton, 2012): the gradient over its running root mean square."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.check import at_least, below_one
from harness.optimiser import Rule


class RmsProp(Rule):
    """torch.optim.RMSprop.

    alpha:        decay of the running mean of the gradient's square
    epsilon:      added to its root
    centered:     whether the square of the gradient's running mean is subtracted from it
    momentum:     share of the last move that is kept
    weight_decay: of the weight, added to its gradient
    """

    def __init__(
        self,
        *,
        alpha: float = 0.99,
        epsilon: float = 1e-8,
        centered: bool = False,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        below_one(alpha=alpha, momentum=momentum)
        at_least(0, epsilon=epsilon, weight_decay=weight_decay)
        self.alpha, self.epsilon, self.centered = alpha, epsilon, centered
        self.momentum, self.weight_decay = momentum, weight_decay
        names = {"momentum_buffer": bool(momentum), "grad_avg": centered}
        self.remembers = ("step", "square_avg", *(name for name, kept in names.items() if kept))

    def in_torch(self, parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(
            parameters, lr=lr, alpha=self.alpha, eps=self.epsilon, centered=self.centered,
            momentum=self.momentum, weight_decay=self.weight_decay,
        )  # fmt: skip

    def moved(
        self, weight: Tensor, gradient: Tensor, memory: dict[str, Tensor], numbers: list[Tensor]
    ) -> Tensor:
        (rate,) = numbers
        if self.weight_decay:
            gradient = gradient + self.weight_decay * weight
        square = memory["square_avg"]
        square.copy_(self.alpha * square + (1 - self.alpha) * gradient * gradient)
        variance: Tensor = square
        if self.centered:
            mean = memory["grad_avg"]
            mean.copy_(mean + (1 - self.alpha) * (gradient - mean))
            variance = square - mean * mean
        move = gradient / (variance.sqrt() + self.epsilon)
        if self.momentum:
            kept = memory["momentum_buffer"]
            kept.copy_(self.momentum * kept + move)
            move = kept
        return weight - rate * move
