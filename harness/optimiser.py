"""How gradients move weights: clip, step, clear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from harness.check import at_least


@dataclass(frozen=True, slots=True)
class Optimiser:
    """A rule, its learning rate, and the norm at which the gradient is clipped (0: never)."""

    rule: Literal["adam", "sgd"]
    lr: float
    clip: float

    def __post_init__(self) -> None:
        at_least(0, lr=self.lr, clip=self.clip)

    def over(self, parameters: Sequence[nn.Parameter]) -> Update:
        """The update of these parameters by this rule."""
        return Update(self, list(parameters))


class Update:
    """One optimiser over its own set of parameters; calling it is one update."""

    def __init__(self, how: Optimiser, parameters: list[nn.Parameter]) -> None:
        self._how, self._parameters = how, parameters
        rule = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[how.rule]
        self._optimiser = rule(parameters, lr=how.lr, fused=True)

    def __call__(self) -> None:
        if self._how.clip:
            nn.utils.clip_grad_norm_(self._parameters, self._how.clip)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = self._optimiser.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._optimiser.load_state_dict(state)
