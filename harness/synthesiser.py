"""The network that predicts gradients, and what every method with one shares."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from harness.check import at_least
from harness.episode import Episode
from harness.model import Model
from harness.optimiser import Optimiser
from harness.trainer import Loss, Trainer


class Synthesiser(nn.Sequential):
    """M: state (B, d_state) -> predicted gradient (B, d_state), per sequence.

    `layers` hidden layers of ReLU units. The last layer starts at zero, so that an untrained
    synthesiser is silent and training starts as truncated backpropagation.
    """

    def __init__(self, d_state: int, *, hidden: int, layers: int) -> None:
        at_least(1, hidden=hidden)
        at_least(0, layers=layers)
        widths = [d_state] + [hidden] * layers
        stack: list[nn.Module] = []
        for i in range(layers):
            stack += [nn.Linear(widths[i], widths[i + 1]), nn.ReLU()]
        last = nn.Linear(widths[-1], d_state)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        super().__init__(*stack, last)


class SyntheticGradientTrainer(Trainer):
    """Truncated backpropagation that hears from beyond the cut through a synthesiser.

    T:         unroll length, in timesteps
    scale:     s, the factor on a synthetic gradient where it is consumed
    hidden:    width of the synthesiser's hidden layers; None: d_state
    layers:    its hidden layers
    optimiser, lr, clip: how it is moved. Plain SGD: Adam moves every weight by its full step
               whatever the signal, a noise floor as large as the gradients that matter
    """

    T: int

    def __init__(
        self,
        model: Model,
        loss: Loss,
        *,
        T: int,
        scale: float,
        hidden: int | None,
        layers: int,
        optimiser: Literal["sgd", "adam"],
        lr: float,
        clip: float,
    ) -> None:
        super().__init__(model, loss)
        at_least(1, T=T)
        at_least(0, scale=scale)
        self.T = T
        self.scale = scale
        self.own_optimiser = Optimiser(optimiser, lr, clip)
        self.synthesiser = Synthesiser(
            model.d_state, hidden=model.d_state if hidden is None else hidden, layers=layers
        )

    def own_parameters(self) -> list[nn.Parameter]:
        return list(self.synthesiser.parameters())

    @torch.no_grad()
    def synthetic_gradient(self, state: Tensor) -> Tensor:
        prediction: Tensor = self.synthesiser(state)
        return prediction

    def backpropagate(
        self, window: Episode, loss: Tensor, h_0: Tensor, h_T: Tensor, discount: float
    ) -> Tensor:
        """Fill the model's gradients with ∂L/∂θ + s M(h_T) ∂h_T/∂θ; return the target at h_0.

        The target (B, d_state) is B (∂L/∂h_0) + discount · M(h_T) ∂h_T/∂h_0, per sequence. Where
        discount = s one backward pass gives both; else the two terms need a pass each.
        """
        B = window.batch
        if window.final:  # nothing follows: the gradient beyond is zero
            loss.backward()
            return B * _gradient(h_0)
        beyond = self.scale * self.synthetic_gradient(h_T) / B
        if discount == self.scale:
            torch.autograd.backward([loss, h_T], [None, beyond])
            return B * _gradient(h_0)
        h_T.backward(beyond, retain_graph=True)
        further, h_0.grad = _gradient(h_0), None
        loss.backward()
        own = B * _gradient(h_0)
        return own + B * discount / self.scale * further if discount else own

    def regress(self, state: Tensor, target: Tensor) -> None:
        """Fill the synthesiser's gradients: squared error, summed over d_state, mean over B.

        The per-sequence gradient is regressed, not the batch mean's: a mean over B and d_state
        leaves gradients of 1e-8 and less, under Adam's epsilon, and the synthesiser is frozen.
        """
        error = self.synthesiser(state.detach()) - target
        error.square().sum(-1).mean().backward()


def _gradient(leaf: Tensor) -> Tensor:
    assert leaf.grad is not None
    return leaf.grad
