"""How gradients move weights: a rule, a learning rate that may change, clipping."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from harness.check import at_least
from harness.compat.torch_internals import clip
from harness.registry import Registry


class Rule(ABC):
    """How a gradient moves a weight. Options are keyword-only, with defaults.

    remembers: what torch.optim keeps for every parameter, under its names there; "step", if one
               of them, counts the parameter's updates
    """

    remembers: tuple[str, ...] = ()

    @abstractmethod
    def in_torch(self, parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
        """torch.optim's own optimiser for these parameters; for the eager engine."""

    def numbers(self, rate: Tensor, step: Tensor | None) -> list[Tensor]:
        """The numbers that one update needs for all elements of a weight; scalars, float64.

        rate: the learning rate
        step: which update of the weight it is, from 1; None where the rule does not count
        """
        return [rate]

    def moved(
        self, weight: Tensor, gradient: Tensor, memory: dict[str, Tensor], numbers: list[Tensor]
    ) -> Tensor:
        """The weight after the same update in plain operations; for the compiler.

        memory:  what is remembered, by name, to be changed in place; "step" is already counted
        numbers: those of numbers(), in the weight's dtype
        """
        raise TypeError(f"{type(self).__name__} has no moved(), the update in plain operations")


class Schedule(ABC):
    """The factor on the learning rate, from 0 to 1, as a function of data-time.

    All updates of an episode share the factor at its middle. So every trainer has the same rate
    on the same data, however many updates it makes of an episode; and a run that resumes from a
    checkpoint needs to know only how far it had got.

    budget: timesteps of the run
    warmup: timesteps over which the factor first grows linearly from 0 to 1
    """

    def __init__(self, budget: int, *, warmup: int = 0) -> None:
        at_least(0, warmup=warmup)
        if warmup > budget:
            raise ValueError(
                f"warmup must be at most the budget of {budget} timesteps, got {warmup}"
            )
        self.budget, self.warmup = budget, warmup

    @abstractmethod
    def course(self, share: float) -> float:
        """The factor after a share, from 0 to 1, of the timesteps that follow the warm-up."""

    def factor(self, timesteps: float) -> float:
        """The factor after so many timesteps of the run."""
        if timesteps < self.warmup:
            return timesteps / self.warmup
        left = self.budget - self.warmup
        return self.course(min((timesteps - self.warmup) / left, 1.0) if left else 1.0)


class Optimiser:
    """A rule, its peak learning rate, and the norm at which the gradient is clipped (0: never).

    rule:     a rule, or the call of a built-in one: "adam", "sgd(momentum=0.9)"
    schedule: of the learning rate; None: constant. A run's schedule is for its model alone: a
              trainer's own networks, such as a synthesiser, keep their peak rate
    """

    def __init__(
        self, rule: Rule | str, lr: float, clip: float, schedule: Schedule | None = None
    ) -> None:
        at_least(0, lr=lr, clip=clip)
        self.rule = _named(rule) if isinstance(rule, str) else rule
        self.lr, self.clip, self.schedule = lr, clip, schedule

    def over(self, parameters: Sequence[nn.Parameter]) -> Update:
        """The update of these parameters by this rule."""
        return Update(self, list(parameters))


@lru_cache
def _named(call: str) -> Rule:
    rule: Rule = Registry().make("optimiser", call)
    return rule


class Update:
    """One optimiser over its own set of parameters; calling it is one update.

    how:  what it is an update by
    rate: the learning rate as a tensor, (), float64: what a compiled update reads
    """

    def __init__(self, how: Optimiser, parameters: list[nn.Parameter]) -> None:
        self.how, self.parameters = how, parameters
        self._optimiser = how.rule.in_torch(parameters, how.lr)
        self._lr = how.lr
        self._moments: list[Tensor] | None = None
        self.rate = torch.tensor(how.lr, dtype=torch.float64, device=parameters[0].device)

    def at(self, timesteps: float) -> None:
        """Set the learning rate for an episode, by the timesteps done at its middle."""
        if self.how.schedule is None:
            return
        lr = self.how.lr * self.how.schedule.factor(timesteps)
        for group in self._optimiser.param_groups:
            group["lr"] = lr
        if lr != self._lr:
            self._lr = lr
            self.rate.fill_(lr)

    def __call__(self) -> None:
        if self.how.clip:
            clip([p.grad for p in self.parameters if p.grad is not None], self.how.clip)
        self._optimiser.step()
        for parameter in self.parameters:  # torch's zero_grad() takes 7 µs more, for its profiler
            parameter.grad = None

    def moments(self) -> list[Tensor]:
        """What the rule remembers for every parameter, one after the other.

        The tensors stay the same until a state is loaded: updates change them in place.
        """
        if self._moments is None:
            self._moments = self._begun()
        return self._moments

    def _begun(self) -> list[Tensor]:
        """The tensors of moments(); missing ones are initialised as torch.optim does it."""
        found = []
        for parameter in self.parameters:
            state = self._optimiser.state[parameter]
            for name in self.how.rule.remembers:
                kept = state.get(name)
                if name == "step":  # torch.optim may have made it on the CPU
                    kept = torch.zeros(()) if kept is None else kept
                    state[name] = kept = kept.to(parameter.device)
                elif kept is None:
                    kept = torch.zeros_like(parameter, memory_format=torch.preserve_format)
                    state[name] = kept
                found.append(kept)
        return found

    def written_out(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor | None],
        moments: list[Tensor],
        rate: Tensor,
    ) -> None:
        """The same update in plain operations, for a compiler to fuse; in place.

        As in torch.optim, a parameter without a gradient does not change.
        """
        rule = self.how.rule
        given = iter(moments)
        memories = [dict(zip(rule.remembers, given, strict=False)) for _ in parameters]
        moved = [
            (parameter, gradient, memory)
            for parameter, gradient, memory in zip(parameters, gradients, memories, strict=True)
            if gradient is not None
        ]
        if not moved:
            return
        dtype, device = moved[0][0].dtype, moved[0][0].device
        scalars = []
        if self.how.clip:
            norm = torch.stack([g.square().sum() for _, g, _ in moved]).sum().sqrt()
            scalars.append((self.how.clip / (norm + 1e-6)).clamp(max=1.0))
        counts = "step" in rule.remembers  # if not, all weights share the same numbers
        for *_, memory in moved if counts else moved[:1]:
            if counts:
                memory["step"].copy_(memory["step"] + 1)
            # float64: Adam's 1 - 0.999**t has four digits left in float32
            numbers = rule.numbers(rate, memory["step"].double() if counts else None)
            scalars += [number.to(dtype) for number in numbers]
        # A product with the identity is a kernel of its own: without it, all this would be
        # computed again for every weight.
        identity = torch.eye(len(scalars), dtype=dtype, device=device)
        known = iter((torch.stack(scalars).unsqueeze(0) @ identity)[0])
        factor = next(known) if self.how.clip else None
        shared = [] if counts else list(known)
        for parameter, raw, memory in moved:
            gradient = raw if factor is None else raw * factor
            own = list(islice(known, len(numbers))) if counts else shared
            parameter.copy_(rule.moved(parameter, gradient, memory, own))

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = self._optimiser.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._optimiser.load_state_dict(state)
        self._moments = None
