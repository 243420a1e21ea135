"""The network that predicts gradients, and what all methods with one share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from harness.check import at_least, one_of
from harness.episode import Episode
from harness.model import Model
from harness.models._norms import NORMS
from harness.optimiser import Optimiser
from harness.task import Task
from harness.trainer import Loss, Trainer


class Synthesiser(nn.Sequential):
    """M: state (B, d_state) -> predicted gradient (B, d_state), per sequence.

    `layers` hidden layers of ReLU units. The last layer starts at zero, so that an untrained
    synthesiser is silent and training starts as truncated backpropagation.

    d_in:    width of what else it reads, beside the state: (B, d_state + d_in)
    bounded: M reads tanh of it. The cell of an LSTM is unbounded: if M reads it as it is,
             predictions grow with it and drive it on, to hundreds of times the true gradient
    norm:    of the hidden layers: none, batch or layer
    """

    def __init__(
        self,
        d_state: int,
        *,
        hidden: int,
        layers: int,
        bounded: bool,
        d_in: int = 0,
        norm: str = "none",
    ) -> None:
        at_least(1, hidden=hidden)
        at_least(0, layers=layers)
        one_of(NORMS, norm=norm)
        widths = [d_state + d_in] + [hidden] * layers
        stack: list[nn.Module] = [nn.Tanh()] if bounded else []
        for i in range(layers):
            stack.append(nn.Linear(widths[i], widths[i + 1]))
            stack += [] if norm == "none" else [NORMS[norm](hidden)]
            stack.append(nn.ReLU())
        last = nn.Linear(widths[-1], d_state)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        super().__init__(*stack, last)


class SyntheticGradientTrainer(Trainer):
    """Truncated backpropagation with a synthesiser's gradient from beyond the cut.

    h_k enters window k, whose loss is L_k; M is the synthesiser, s the scale, γ the discount.

        dL/dθ ≈ ∂L_k/∂θ + s M(h_{k+1}) ∂h_{k+1}/∂θ                                   (1) consume
        M(h_k) → ∂L_k/∂h_k + γ M(h_{k+1}) ∂h_{k+1}/∂h_k                              (2) regress

    T:         unroll length, in timesteps
    warmup:    timesteps of plain backpropagation first, see warm_up()
    scale:     s, the factor on a synthetic gradient where it is consumed
    hidden:    width of the synthesiser's hidden layers; None: d_state
    layers:    its hidden layers; 0: M is linear
    bounded:   whether it reads tanh(state), see Synthesiser
    optimiser, lr, clip: the synthesiser's. Plain SGD: Adam moves every weight by a full step
               whatever the signal, a noise floor as large as the gradients that matter

    discount:  γ, the factor on it in the synthesiser's own target: s, where one backward pass
               gives both equations, unless a method sets another
    """

    T: int

    def __init__(
        self,
        model: Model,
        loss: Loss,
        *,
        T: int = 4,
        warmup: int = 0,
        scale: float = 0.5,
        hidden: int | None = None,
        layers: int = 0,
        bounded: bool = True,
        optimiser: Literal["sgd", "adam"] = "sgd",
        lr: float = 3e-2,
        clip: float = 0.3,
    ) -> None:
        super().__init__(model, loss)
        at_least(1, T=T)
        at_least(0, warmup=warmup, scale=scale)
        self.T = T
        self.warmup = warmup
        self.scale = self.discount = scale
        self.own_optimiser = Optimiser(optimiser, lr, clip)
        width = model.d_state if hidden is None else hidden
        self.network = partial(
            Synthesiser, model.d_state, hidden=width, layers=layers, bounded=bounded
        )
        self.synthesiser = self.network()

    @classmethod
    def suits(cls, model: Model, task: Task) -> str:
        return "" if model.d_state else "it predicts the gradient of a state; the model has none"

    def bootstrap(self, discount: float | None) -> None:
        """Set γ where it is not the scale; ValueError where the scale does not allow it."""
        if discount is None:
            return
        at_least(0, discount=discount)
        if self.scale == 0 and discount > 0:
            raise ValueError(f"scale must be above 0 if discount is, got {self.scale!r}")
        self.discount = discount

    def gradients(self, episode: Episode) -> Iterator[Tensor]:
        return self.warm_up(episode) if self.phase else self.decoupled(episode)

    def decoupled(self, episode: Episode) -> Iterator[Tensor]:
        """What gradients() does when the warm-up is over."""
        for window in episode.windows(self.T):
            h_0 = self.boundary(window).requires_grad_()
            loss, h_T = self.unroll(window, h_0)
            beyond = self.beyond(window, h_T)
            target = self.backpropagate(self.objective(loss, h_0, beyond), h_0, h_T, beyond)  # (1)
            self.regress(h_0, target)  # (2)
            yield loss.detach()

    def objective(self, loss: Tensor, h_0: Tensor, beyond: Tensor | None) -> Tensor:
        """What a window minimises: its loss, and anything that a method adds."""
        return loss

    def cut(self, episode: Episode) -> Iterator[Episode]:
        return iter([episode]) if self.phase else super().cut(episode)

    @property
    def phase(self) -> str:
        return "warm-up" if self.seen < self.warmup else ""

    def own_parameters(self) -> list[nn.Parameter]:
        return list(self.synthesiser.parameters())

    @torch.no_grad()
    def synthetic_gradient(self, state: Tensor) -> Tensor:
        prediction: Tensor = self.synthesiser(state)
        return prediction

    def beyond(self, window: Episode, h_T: Tensor) -> Tensor | None:
        """M(h_T), (B, d_state): the gradient from after the window; None where nothing follows."""
        return None if window.final else self.synthetic_gradient(h_T)

    def backpropagate(
        self, loss: Tensor, h_0: Tensor, h_T: Tensor, beyond: Tensor | None
    ) -> Tensor:
        """Fill the model's gradients with ∂L/∂θ + s M(h_T) ∂h_T/∂θ; return the target at h_0.

        The target (B, d_state) is B (∂L/∂h_0) + γ M(h_T) ∂h_T/∂h_0, per sequence. Where γ = s one
        backward pass gives both; otherwise each of the two terms needs its own pass.
        """
        B = len(h_0)
        if beyond is None:
            loss.backward()
            return B * _gradient(h_0)
        consumed = self.scale / B * beyond
        if self.discount == self.scale:
            torch.autograd.backward([loss, h_T], [None, consumed])
            return B * _gradient(h_0)
        own, further = self.apart(loss, h_0, h_T, beyond)
        return own + further if self.discount else own

    def apart(
        self, loss: Tensor, h_0: Tensor, h_T: Tensor, beyond: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The same by two passes: the target's terms apart, and ∂L/∂h_0 in h_0's gradient."""
        B = len(h_0)
        h_T.backward(self.scale / B * beyond, retain_graph=True)
        further, h_0.grad = _gradient(h_0), None
        loss.backward()
        return B * _gradient(h_0), B * self.discount / self.scale * further

    def regress(self, state: Tensor, target: Tensor) -> None:
        """Fill the synthesiser's gradients: squared error, summed over d_state, mean over B.

        The per-sequence gradient is regressed, not the batch mean's: a mean over B and d_state
        leaves gradients of 1e-8 or less, below Adam's epsilon, and the synthesiser is frozen.
        """
        squared_error(self.synthesiser(state.detach()), target).backward()

    def warm_up(self, episode: Episode) -> Iterator[Tensor]:
        """Train by backpropagation through the whole episode, one update.

        M regresses on the true gradient at every boundary in it:

            M(h_k) → Σ_{j ≥ k} ∂L_j/∂h_k, up to the end of the episode

        While it lasts, it takes the memory of full backpropagation.
        """
        boundaries, losses = [], []
        h = self.boundary(episode).requires_grad_()
        for window in episode.windows(self.T):
            h.retain_grad()
            boundaries.append(h)
            loss, h = self.unroll(window, h)
            losses.append(loss)
        total = torch.stack(losses).sum()
        total.backward()
        true = [episode.batch * h.grad for h in boundaries if h.grad is not None]
        self.regress(torch.cat(boundaries), torch.cat(true))
        yield total.detach()


def squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    """Summed over d_state, averaged over B; both (B, d_state)."""
    return (prediction - target).square().sum(-1).mean()


def _gradient(leaf: Tensor) -> Tensor:
    assert leaf.grad is not None
    return leaf.grad
