"""Real-time recurrent learning (Williams & Zipser, 1989): exact, and online.

s_t = f(θ, x_t, s_{t-1}) is the state after timestep t, L_t its loss, P_t = ds_t/dθ per sequence:

    dL/dθ = Σ_t ∂L_t/∂s_t P_t                                                        (1)
    P_t = ∂s_t/∂s_{t-1} P_{t-1} + ∂s_t/∂θ                                            (2)

Memory: B d_state |θ| numbers, whatever the length of the episode. (2) is a product of that size
with ∂s_t/∂s_{t-1} at every timestep: d_state² / 3 times the work of a forward and backward pass. So
it is for small models.

Differences from the paper: none. With T > 1 the weights are held for T timesteps, then moved by
the sum of (1); held over an episode, that is full backpropagation.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import jacrev, vmap

from harness.episode import Episode
from harness.influence import ForwardTrainer


class Rtrl(ForwardTrainer):
    """Real-time recurrent learning, for small models."""

    def begin(self, batch: int) -> None:
        width = sum(weight.numel() for weight in self.recurrent_weights().values())
        self.hold(P=(batch, self.model.d_state, width))

    def learn(self, window: Episode) -> Tensor:
        states = self.run(window, self.boundary(window))
        loss, errors = self.read(window, states[1:])
        P = self.memory["P"]
        weights = {name: weight.detach() for name, weight in self.recurrent_weights().items()}
        derivatives = vmap(jacrev(self.model.step, argnums=(1, 2)), in_dims=(0, 0, None))
        found = P.new_zeros(P.shape[-1])
        for x_t, s, error in zip(window.x, states, errors, strict=False):
            J, now = derivatives(x_t, s, weights)
            P = J @ P + torch.cat([each.flatten(2) for each in now.values()], 2)  # (2)
            found = found + error.flatten() @ P.flatten(0, 1)  # (1)
        self.fill(found)
        self.memory["P"] = P
        return loss
