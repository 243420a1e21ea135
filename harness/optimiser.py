"""How gradients move weights: clip, step, clear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

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
        self._how, self.parameters = how, parameters
        rule = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[how.rule]
        self._optimiser = rule(parameters, lr=how.lr, fused=True)

    def __call__(self) -> None:
        if self._how.clip:
            nn.utils.clip_grad_norm_(self.parameters, self._how.clip)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)

    def moments(self) -> list[Tensor]:
        """What the rule remembers: for Adam the step and both moments of every parameter."""
        if self._how.rule == "sgd":
            return []
        for parameter in self.parameters:
            if not self._optimiser.state[parameter]:  # as Adam begins it
                zero = torch.zeros_like(parameter, memory_format=torch.preserve_format)
                self._optimiser.state[parameter] = {
                    "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
                    "exp_avg": zero,
                    "exp_avg_sq": zero.clone(),
                }
        return [
            state[name]
            for state in map(self._optimiser.state.__getitem__, self.parameters)
            for name in ("step", "exp_avg", "exp_avg_sq")
        ]

    def written_out(
        self, parameters: list[Tensor], gradients: list[Tensor | None], moments: list[Tensor]
    ) -> None:
        """The same update in plain operations, for a compiler to fuse; in place.

        As torch.optim has it, a parameter without a gradient stays as it is.
        """
        each = len(moments) // len(parameters)
        moved = [
            (parameter, gradient, moments[each * i : each * (i + 1)])
            for i, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True))
            if gradient is not None
        ]
        if not moved:
            return
        dtype, device = moved[0][0].dtype, moved[0][0].device
        numbers = []
        if self._how.clip:
            norm = torch.stack([g.square().sum() for _, g, _ in moved]).sum().sqrt()
            numbers.append((self._how.clip / (norm + 1e-6)).clamp(max=1.0))
        for t, *_ in (memory for *_, memory in moved if memory):
            t.copy_(t + 1)
            began = t.double()  # 1 - 0.999**t has four digits left in float32
            numbers.append((self._how.lr / (1 - BETA_1**began)).to(dtype))
            numbers.append((1 / (1 - BETA_2**began).sqrt()).to(dtype))
        # A product with the identity is a kernel of its own: else all this would be worked out
        # again for every weight.
        identity = torch.eye(len(numbers), dtype=dtype, device=device)
        known = iter((torch.stack(numbers).unsqueeze(0) @ identity)[0] if numbers else ())
        factor = next(known) if self._how.clip else None
        for parameter, raw, memory in moved:
            gradient = raw if factor is None else raw * factor
            if self._how.rule == "sgd":
                parameter.copy_(parameter - self._how.lr * gradient)
                continue
            _, m, v = memory
            m.copy_(m + (1 - BETA_1) * (gradient - m))
            v.copy_(BETA_2 * v + (1 - BETA_2) * gradient * gradient)
            rate, unbiased = next(known), next(known)
            parameter.copy_(parameter - rate * m / (v.sqrt() * unbiased + EPSILON))

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = self._optimiser.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._optimiser.load_state_dict(state)


BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
"""Adam's, as torch.optim has them."""
