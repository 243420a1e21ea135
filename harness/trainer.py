"""The interface of a training method: it fills gradients and yields; its owner does the rest."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self, TypeAlias

import torch
from torch import Tensor, nn

from harness.episode import Episode
from harness.model import Model
from harness.optimiser import Optimiser
from harness.task import Task

Loss: TypeAlias = Callable[[Tensor, Episode], Tensor]


class Trainer(nn.Module, ABC):
    """A way to compute the gradient of a model on a stream of episodes.

    A method's options are keyword-only, with defaults. A trainer never touches a weight: the
    loop that owns it clips, steps and clears the gradients after every loss that it yields.

    T:       unroll length in timesteps; None where the method unrolls whole episodes
    carried: the state (B, d_state) that the last window left, detached; None at the start
    memory:  named tensors that the method keeps from window to window besides `carried`, detached.
             begin() makes them; gradients() replaces them or writes into them. Shapes never change
    rng:     a generator on the CPU for methods that draw random numbers, seeded by the owner; a
             checkpoint holds its state
    seen:    timesteps trained on, counted by the owner
    """

    T: int | None = None
    own_optimiser: Optimiser | None = None  # updates own_parameters()

    def __init__(self, model: Model, loss: Loss) -> None:
        super().__init__()
        self.model = model
        self.loss = loss
        self.carried: Tensor | None = None
        self.memory: dict[str, Tensor] = {}
        self.rng = torch.Generator()
        self.seen = 0
        self._is_cut = False

    def begin(self, batch: int) -> None:
        """Make `memory` for `batch` sequences, on the model's device; called once, at the start."""

    def close(self) -> None:
        """Release what the method holds besides memory; called once, last, even after errors."""

    @classmethod
    def suits(cls, model: Model, task: Task) -> str:
        """Say in a line why the method cannot train a model on a task; "" where it can."""
        return ""

    def refuses(self, task: Task) -> str:
        """Say in a line why the method cannot train on a task with its options; "" where it can."""
        return ""

    @abstractmethod
    def gradients(self, episode: Episode) -> Iterator[Tensor]:
        """Fill .grad and yield the loss (nats, scalar, detached) once per update.

        The losses of one episode add up to the loss of one forward pass over it. To be compiled,
        it must depend only on the episode, the weights, `carried`, `memory` and the phase.
        """

    def cut(self, episode: Episode) -> Iterator[Episode]:
        """Cut an episode into windows, one per update: of T timesteps, or the whole.

        A method may choose other lengths here, and draw them from `rng`; its gradients() then
        iterates over windows(). gradients() on one window after the other must do the same as on
        the episode.
        """
        return iter([episode]) if self.T is None else episode.windows(self.T)

    def windows(self, episode: Episode) -> Iterator[Episode]:
        """The windows of cut(); only the episode itself where an engine has already cut it."""
        return iter([episode]) if self._is_cut else self.cut(episode)

    def forward(self, episode: Episode, *, is_cut: bool = False) -> list[Tensor]:
        """Fill .grad with the sum over an episode's updates; return their losses.

        is_cut: the episode is one of the windows that cut() has returned
        """
        self._is_cut = is_cut
        try:
            return list(self.gradients(episode))
        finally:
            self._is_cut = False

    def own_parameters(self) -> list[nn.Parameter]:
        """Return what the method adds to the model's parameters."""
        return []

    def synthetic_gradient(self, state: Tensor) -> Tensor | None:
        """Predict the gradient at a boundary, (B, d_state), in nats per unit of state and sequence.

        None where the method predicts none.
        """
        return None

    def synthetic_between(self, outputs: Sequence[Tensor], episode: Episode) -> dict[int, Tensor]:
        """Predict the gradient between stages, (L, B, d), by the number of the stage it follows.

        In nats per unit and sequence; {} where the method predicts none.

        outputs: those of every stage, (L, B, d_out) each
        """
        return {}

    @property
    def phase(self) -> str:
        """What the method is doing, where that changes its cost (dni: "warm-up", then "")."""
        return ""

    def twin(self) -> Self:
        """A copy to rehearse with: weights, memory and rng of its own, the loss shared."""
        twin = copy.deepcopy(self, {id(self.loss): self.loss})
        for module in twin.modules():
            if isinstance(module, nn.RNNBase):
                module.flatten_parameters()  # the copies are not contiguous, and cuDNN warns
        return twin

    def boundary(self, window: Episode) -> Tensor:
        """The state (B, d_state) that enters a window: zero, or carried over; always a new leaf."""
        if window.fresh or self.carried is None:
            return self.model.initial_state(window.batch)
        return self.carried.detach()

    def unroll(self, window: Episode, h_0: Tensor) -> tuple[Tensor, Tensor]:
        """Run the model over a window: its loss (scalar) and the leaving state h_T (B, d_state).

        h_T, cut from the graph, is what the next boundary carries over.
        """
        outputs, h_T = self.model(window.x, h_0)
        self.carried = h_T.detach()
        return self.loss(outputs, window), h_T

    def get_extra_state(self) -> dict[str, Any]:
        """What a checkpoint holds besides weights."""
        return {
            "carried": self.carried,
            "memory": dict(self.memory),
            "rng": self.rng.get_state(),
            "seen": self.seen,
        }

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what get_extra_state() returned, on the device of the weights."""
        device = next(self.parameters()).device
        self.carried, self.seen = state["carried"], state.get("seen", 0)
        if self.carried is not None:
            self.carried = self.carried.to(device)
        kept = state.get("memory", {})  # copied, as weights are: an engine writes into it
        self.memory = {name: tensor.to(device, copy=True) for name, tensor in kept.items()}
        if "rng" in state:
            self.rng.set_state(state["rng"].cpu())

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move or convert everything that belongs to the trainer, for .to() and .double()."""
        moved: Self = super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.memory = {name: fn(kept) for name, kept in self.memory.items()}
        self.carried = None if self.carried is None else fn(self.carried)
        return moved
