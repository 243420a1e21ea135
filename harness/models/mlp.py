"""A feed-forward network of fully connected layers: every timestep by itself, no state.

h_0 = x;  h_k = ReLU(norm(W_k h_{k-1} + b_k)), k = 1 … layers;  y = W h_layers + b

With batch normalisation as in Jaderberg et al. (2017), section 3.2: 256 units a layer.
"""

from __future__ import annotations

from itertools import pairwise
from typing import cast

from torch import nn

from harness.check import at_least, one_of
from harness.model import Model, Stage, Stateless
from harness.models._norms import NORMS
from harness.task import Task


class Mlp(Model):
    """Hidden layers, each a stage, and a linear read-out, the last stage.

    layers: hidden layers of `hidden` ReLU units
    norm:   of what enters the units: "none", "batch" or "layer"
    """

    def __init__(
        self, d_in: int, d_out: int, *, layers: int = 3, hidden: int = 256, norm: str = "batch"
    ) -> None:
        super().__init__(d_in, d_out)
        at_least(1, layers=layers, hidden=hidden)
        one_of(NORMS, norm=norm)
        hiddens = [
            Stateless(
                below, above, nn.Sequential(nn.Linear(below, above), NORMS[norm](above), nn.ReLU())
            )
            for below, above in pairwise([d_in, *[hidden] * layers])
        ]
        self.layers = nn.ModuleList([*hiddens, Stateless(hidden, d_out, nn.Linear(hidden, d_out))])

    @classmethod
    def suits(cls, task: Task) -> str:
        return "" if task.static else "it carries nothing from one timestep to the next"

    def stages(self) -> list[Stage]:
        return cast(list[Stage], list(self.layers))
