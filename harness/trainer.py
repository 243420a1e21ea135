"""The interface of a training method: it fills gradients and yields; its owner does the rest."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeAlias

from torch import Tensor, nn

from harness.episode import Episode
from harness.model import Model
from harness.optimiser import Optimiser
from harness.task import Task

Loss: TypeAlias = Callable[[Tensor, Episode], Tensor]


class Trainer(nn.Module, ABC):
    """A way to compute the gradient of a recurrent model on a stream of episodes.

    A method's options are keyword-only, with defaults. A trainer never touches a weight: the
    loop that owns it clips, steps and clears the gradients after every loss that it yields.

    T: unroll length in timesteps; None where the method unrolls whole episodes.
    """

    T: int | None = None
    own_optimiser: Optimiser | None = None  # how own_parameters() are moved

    def __init__(self, model: Model, loss: Loss) -> None:
        super().__init__()
        self.model = model
        self.loss = loss
        self.carried: Tensor | None = None  # (B, d_state), detached
        self.seen = 0  # timesteps trained on, counted by the owner

    @classmethod
    def suits(cls, model: Model, task: Task) -> str:
        """Say in a line why the method cannot train a model on a task; "" where it can."""
        return ""

    @abstractmethod
    def gradients(self, episode: Episode) -> Iterator[Tensor]:
        """Fill .grad and yield the loss (nats, scalar, detached) once per update.

        The losses of one episode add up to the loss of one forward pass over it. To be compiled,
        it depends on the episode, the weights, what is carried and the phase alone.
        """

    def updates(self, episode: Episode) -> Iterator[Episode]:
        """The parts of an episode that take an update each: windows of T timesteps, or the whole.

        gradients() of the parts, one after the other, is gradients() of the episode.
        """
        return iter([episode]) if self.T is None else episode.windows(self.T)

    def forward(self, episode: Episode) -> list[Tensor]:
        """Fill .grad with the sum over an episode's updates; return their losses."""
        return list(self.gradients(episode))

    def own_parameters(self) -> list[nn.Parameter]:
        """Return what the method adds to the model's parameters."""
        return []

    def synthetic_gradient(self, state: Tensor) -> Tensor | None:
        """Predict the gradient at a boundary, (B, d_state), in nats per unit of state and sequence.

        None where the method predicts none.
        """
        return None

    @property
    def phase(self) -> str:
        """What the method is doing, where that changes its cost (dni: "warm-up", then "")."""
        return ""

    def twin(self) -> Self:
        """A copy to rehearse with: weights and state of its own, the loss (and its task) shared."""
        return copy.deepcopy(self, {id(self.loss): self.loss})

    def boundary(self, window: Episode) -> Tensor:
        """The state (B, d_state) that enters a window: zero, or carried over; a leaf of its own."""
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
        return {"carried": self.carried, "seen": self.seen}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take up what get_extra_state() gave."""
        self.carried, self.seen = state["carried"], state.get("seen", 0)
