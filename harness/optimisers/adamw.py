"""AdamW (Loshchilov & Hutter, 2019): Adam; its weight decay is beside the gradient."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.optimisers._adaptive import Adaptive


class AdamW(Adaptive):
    """torch.optim.AdamW; weight_decay: of the weight, times the learning rate, taken off it."""

    def __init__(
        self,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, weight_decay=weight_decay)

    def in_torch(self, parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            parameters, lr=lr, betas=(self.beta_1, self.beta_2), eps=self.epsilon,
            weight_decay=self.weight_decay, fused=True,
        )  # fmt: skip

    def numbers(self, rate: Tensor, step: Tensor | None) -> list[Tensor]:
        return [*super().numbers(rate, step), 1 - rate * self.weight_decay]

    def moved(
        self, weight: Tensor, gradient: Tensor, memory: dict[str, Tensor], numbers: list[Tensor]
    ) -> Tensor:
        *others, kept = numbers
        return super().moved(weight * kept, gradient, memory, others)
