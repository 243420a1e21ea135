"""Methods that look back: how a state depends on the weights that led to it, kept as a trace."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from harness.check import at_least
from harness.episode import Episode
from harness.model import Layer, Model, Recurrent
from harness.task import Task
from harness.trainer import Loss, Trainer

LARGEST = 4e9
"""Bytes; a trace that would hold more is refused."""


class ForwardTrainer(Trainer):
    """Learning online: a trace P_t ≈ ds_t/dθ, moved on with the state, instead of a backward pass.

    s_t is the state after timestep t, L_t its loss, θ the recurrent weights; P_t is per sequence.
    The read-out needs no trace: its gradient is that of the timestep alone.

        dL/dθ ≈ Σ_t ∂L_t/∂s_t P_t                                                        (1)

    A trace stays from window to window, in `memory`, and is zero where a fresh episode starts.

    T: timesteps per update; the weights are held within them
    """

    T: int
    model: Recurrent

    def __init__(self, model: Model, loss: Loss, *, T: int = 1) -> None:
        super().__init__(model, loss)
        at_least(1, T=T)
        self.T = T

    @classmethod
    def suits(cls, model: Model, task: Task) -> str:
        return "" if isinstance(model, Recurrent) else "it traces a recurrent state; there is none"

    def gradients(self, episode: Episode) -> Iterator[Tensor]:
        for window in self.windows(episode):
            if window.fresh:
                for trace in self.memory.values():
                    trace.zero_()
            with torch.no_grad():
                loss = self.learn(window)
            yield loss

    @abstractmethod
    def learn(self, window: Episode) -> Tensor:
        """Fill the gradients over a window, (1), and move the trace on; return its loss.

        Called without autograd.
        """

    def run(self, window: Episode, state: Tensor) -> Tensor:
        """Run the model over a window: the states (T + 1, B, d_state), the one that enters first.

        The last is what the next boundary carries over.
        """
        states = [state.detach()]
        for x_t in window.x:
            states.append(self.model.step(x_t, states[-1]))
        self.carried = states[-1]
        return torch.stack(states)

    @torch.enable_grad()
    def read(self, window: Episode, states: Tensor) -> tuple[Tensor, Tensor]:
        """Fill the read-out's gradients; return the loss and ∂L/∂s_t, (T, B, d_state).

        L is the batch's mean loss, so that gradients add up over B.
        """
        states = states.detach().requires_grad_()
        loss = self.loss(self.model.read(states), window)
        loss.backward()
        assert states.grad is not None
        return loss.detach(), states.grad

    def recurrent_weights(self) -> dict[str, Tensor]:
        """θ, by the names that step() takes them by."""
        return {f"layers.{name}": p for name, p in self.model.layers.named_parameters()}

    def hold(self, **shapes: tuple[int, ...]) -> None:
        """Make `memory` of zeros; ValueError, with its size, where it is over LARGEST."""
        weight = next(iter(self.recurrent_weights().values()))
        self.memory = blank(weight, **shapes)

    def fill(self, gradient: Tensor) -> None:
        """Add a gradient of θ, flat and in the order of recurrent_weights()."""
        add_flat(list(self.recurrent_weights().values()), gradient)


class OneLayer(ForwardTrainer):
    """A forward method whose trace is that of one recurrent layer."""

    @classmethod
    def suits(cls, model: Model, task: Task) -> str:
        if isinstance(model, Recurrent) and len(model.layers) > 1:
            return f"it traces one recurrent layer; the model has {len(model.layers)}"
        return super().suits(model, task)

    @property
    def layer(self) -> Layer:
        """The recurrent layer."""
        return cast(Layer, self.model.layers[0])


class UnitTrace(OneLayer):
    """What methods with SnAp-1's trace share: of each weight, what it did to the unit it feeds.

    A unit's state has S parts (an LSTM's: h and c) and G gates. With z_t = [x_t, 1] for W and
    [h_{t-1}, 1] for U, D_t = ∂s_t/∂s_{t-1}, S × S, and I_t = ∂s_t/∂(W x_t + b_x) or
    ∂s_t/∂(U h_{t-1} + b_h), S × G, each of one unit by itself:

        P_t = D_t P_{t-1} + I_t z_tᵀ                                                     (2)
        P_{k+T} = D_{k+T} … D_{k+1} P_k + Σ_t D_{k+T} … D_{t+1} I_t z_tᵀ                 (3)

    Within a window the weights are held, so (3) moves a trace T timesteps on in one pass over it.

    memory: P of [W, b_x] and of [U, b_h], a tensor (B, G, H, d + 1) for each part of the state
    """

    def begin(self, batch: int) -> None:
        H = self.layer.d_out
        self.hold(**{
            name: (batch, len(weight) // H, H, weight.shape[1] + 1)
            for names, (weight, _) in zip(self.parts(), self.layer.pairs(), strict=True)
            for name in names
        })  # fmt: skip

    def parts(self) -> list[list[str]]:
        """The names in memory of the traces of (W, b_x) and of (U, b_h), part by part."""
        return [[f"{name}{s}" for s in range(self.layer.carries)] for name in "WU"]

    def spend(self, error: Tensor) -> None:
        """Add ∂L/∂s_k P_k to the gradients of the layer's weights; error: (B, d_state)."""
        errors = [part[:, None, :, None] for part in error.chunk(self.layer.carries, -1)]
        for names, pair in zip(self.parts(), self.layer.pairs(), strict=True):
            found = error.new_zeros(self.memory[names[0]].shape)
            for name, part in zip(names, errors, strict=True):
                found.addcmul_(part, self.memory[name])
            add_pair(pair, found.sum(0).flatten(0, 1))

    def advance(self, local: Local, D: Tensor) -> None:
        """Move the trace over a window, (3); D: (T, B, S, S, H)."""
        R = torch.eye(self.layer.carries, dtype=D.dtype, device=D.device)[..., None]
        back = []  # D_{k+T} … D_{t+1}, (B, S, S, H), from the last timestep to the first
        for D_t in D.flip(0):
            back.append(R.expand_as(D_t))
            R = (back[-1].unsqueeze(3) * D_t.unsqueeze(1)).sum(2)
        later, aged = torch.stack(back[::-1]), R[:, :, :, None, :, None]  # (B, S, S, 1, H, 1)
        for names, by_drive, z in zip(self.parts(), local.by_drive, local.columns, strict=True):
            drive = (later.unsqueeze(4) * by_drive.unsqueeze(2)).sum(3)  # (T, B, S, G, H)
            before = [self.memory[name] for name in names]
            for s, name in enumerate(names):
                new = drive[:, :, s].permute(1, 2, 3, 0).flatten(1, 2) @ z.transpose(0, 1)
                new = new.view_as(before[s])
                for i, P in enumerate(before):
                    new.addcmul_(aged[:, s, i], P)
                self.memory[name] = new.to(before[s].dtype)


@dataclass(frozen=True, slots=True)
class Local:
    """A layer at T timesteps, unit by unit: S parts of its state, G gates, H units.

    by_drive: ∂s_t/∂(W x_t + b_x) and ∂s_t/∂(U h_{t-1} + b_h), each (T, B, S, G, H)
    by_state: ∂s_t/∂s_{t-1} with U h_{t-1} held, (T, B, S, S, H): of, then with respect to
    columns:  [x_t, 1] and [h_{t-1}, 1], each (T, B, d + 1)
    """

    by_drive: tuple[Tensor, Tensor]
    by_state: Tensor
    columns: tuple[Tensor, Tensor]

    @classmethod
    @torch.enable_grad()
    def of(cls, layer: Layer, x: Tensor, states: Tensor) -> Local:
        """From inputs x (T, B, d_in) and the states (T, B, d_state) that enter."""
        h = layer.output(states)
        given = [layer.driven(x), layer.recurred(h), states]
        given = [each.detach().requires_grad_() for each in given]
        parts = layer.cell(*given).chunk(layer.carries, -1)
        # a cell works unit by unit, so the gradient of a sum over units is each one's derivative
        rows = [
            torch.autograd.grad(part.sum(), given, retain_graph=True, materialize_grads=True)
            for part in parts
        ]
        by_x, by_h, by_state = (
            torch.stack(column, 2).unflatten(-1, (-1, layer.d_out))
            for column in zip(*rows, strict=True)
        )
        one = x.new_ones(*x.shape[:-1], 1)
        return cls((by_x, by_h), by_state, (torch.cat([x, one], -1), torch.cat([h, one], -1)))

    def through_h(self, layer: Layer) -> Tensor:
        """∂s_t/∂s_{t-1}, U's diagonal included, (T, B, S, S, H)."""
        _, U, _, _ = layer.weights()
        unit = torch.arange(layer.d_out, device=U.device)
        diagonal = U.detach().unflatten(0, (-1, layer.d_out))[:, unit, unit]  # (G, H)
        by_h = (self.by_drive[1] * diagonal).sum(3, keepdim=True)  # h is the first part
        return torch.cat([self.by_state[:, :, :, :1] + by_h, self.by_state[:, :, :, 1:]], 3)


def blank(like: Tensor, **shapes: tuple[int, ...]) -> dict[str, Tensor]:
    """Traces of zeros, by name; ValueError, with their size, where they are over LARGEST."""
    size = sum(map(math.prod, shapes.values())) * like.element_size()
    if size > LARGEST:
        raise ValueError(
            f"its trace would hold {size / 1e9:,.1f} GB, and more than {LARGEST / 1e9:g} GB is "
            "refused: take a smaller model or batch"
        )
    return {name: like.detach().new_zeros(shape) for name, shape in shapes.items()}


def add(weight: Tensor, gradient: Tensor) -> None:
    """Add to a weight's gradient."""
    weight.grad = gradient.clone() if weight.grad is None else weight.grad + gradient


def add_flat(weights: Sequence[Tensor], gradient: Tensor) -> None:
    """Add to the gradients of weights what is given for all of them in turn, flat."""
    found = gradient.split([weight.numel() for weight in weights])
    for weight, own in zip(weights, found, strict=True):
        add(weight, own.view_as(weight))


def add_pair(pair: tuple[Tensor, Tensor], gradient: Tensor) -> None:
    """Add to the gradients of a matrix and its bias what is given for both, (G H, d + 1)."""
    for weight, found in zip(pair, (gradient[:, :-1], gradient[:, -1]), strict=True):
        add(weight, found)
