"""What Adam and AdamW share: both moments of the gradient, and their bias corrections."""

from __future__ import annotations

from torch import Tensor

from harness.check import at_least, below_one
from harness.optimiser import Rule


class Adaptive(Rule):
    """Steps of about the learning rate, whatever the size of the gradient.

    beta_1, beta_2: decay of the running means of the gradient and of its square
    epsilon:        added to the root of the latter
    weight_decay:   see the rule
    """

    remembers = ("step", "exp_avg", "exp_avg_sq")

    def __init__(
        self, *, beta_1: float, beta_2: float, epsilon: float, weight_decay: float
    ) -> None:
        below_one(beta_1=beta_1, beta_2=beta_2)
        at_least(0, epsilon=epsilon, weight_decay=weight_decay)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.weight_decay = weight_decay

    def numbers(self, rate: Tensor, step: Tensor | None) -> list[Tensor]:
        assert step is not None
        return [rate / (1 - self.beta_1**step), 1 / (1 - self.beta_2**step).sqrt()]

    def moved(
        self, weight: Tensor, gradient: Tensor, memory: dict[str, Tensor], numbers: list[Tensor]
    ) -> Tensor:
        m, v, (rate, unbiased) = memory["exp_avg"], memory["exp_avg_sq"], numbers
        m.copy_(m + (1 - self.beta_1) * (gradient - m))
        v.copy_(self.beta_2 * v + (1 - self.beta_2) * gradient * gradient)
        return weight - rate * m / (v.sqrt() * unbiased + self.epsilon)
