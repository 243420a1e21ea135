"""Adam (Kingma & Ba, 2015); its weight decay is a part of the gradient."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.optimisers._adaptive import Adaptive


class Adam(Adaptive):
    """torch.optim.Adam; weight_decay: of the weight, added to its gradient."""

    def __init__(
        self,
        *,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, weight_decay=weight_decay)

    def in_torch(self, parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
        return torch.optim.Adam(
            parameters, lr=lr, betas=(self.beta_1, self.beta_2), eps=self.epsilon,
            weight_decay=self.weight_decay, fused=True,
        )  # fmt: skip

    def moved(
        self, weight: Tensor, gradient: Tensor, memory: dict[str, Tensor], numbers: list[Tensor]
    ) -> Tensor:
        if self.weight_decay:
            gradient = gradient + self.weight_decay * weight
        return super().moved(weight, gradient, memory, numbers)
