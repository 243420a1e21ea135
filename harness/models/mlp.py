"""A feed-forward network of fully connected layers: every timestep by itself, no state.

h_0 = x;  h_k = ReLU(norm(W_k h_{k-1} + b_k)), k = 1 … layers;  y = W h_layers + b

With batch normalisation as in Jaderberg et al. (2017), section 3.2: 256 units a layer.
"""

from __future__ import annotations

from harness.models._feed_forward import FeedForward, connected


class Mlp(FeedForward):
    """Hidden layers, each a stage, and a linear read-out, the last stage.

    layers: hidden layers of `hidden` ReLU units
    norm:   of what enters the units: "none", "batch" or "layer"
    """

    def __init__(
        self, d_in: int, d_out: int, *, layers: int = 3, hidden: int = 256, norm: str = "batch"
    ) -> None:
        super().__init__(d_in, d_out, connected(d_in, layers=layers, hidden=hidden, norm=norm))
