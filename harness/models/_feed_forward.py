"""What networks without a state share: stages in a row, and what they are good for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

from torch import nn

from harness.check import at_least, one_of
from harness.model import Model, Stage, Stateless
from harness.models._norms import NORMS
from harness.task import Task


class FeedForward(Model):
    """Stages, and a linear read-out on top, the last of them."""

    def __init__(self, d_in: int, d_out: int, stages: Sequence[Stage]) -> None:
        super().__init__(d_in, d_out)
        top = stages[-1].d_out
        self.layers = nn.ModuleList([*stages, Stateless(top, d_out, nn.Linear(top, d_out))])

    @classmethod
    def suits(cls, task: Task) -> str:
        return "" if task.static else "it carries nothing from one timestep to the next"

    def stages(self) -> list[Stage]:
        return cast(list[Stage], list(self.layers))


def connected(d_in: int, *, layers: int, hidden: int, norm: str) -> list[Stage]:
    """Fully connected layers of `hidden` ReLU units, normalised before the units."""
    at_least(1, layers=layers, hidden=hidden)
    one_of(NORMS, norm=norm)
    return [
        Stateless(
            below, above, nn.Sequential(nn.Linear(below, above), NORMS[norm](above), nn.ReLU())
        )
        for below, above in pairwise([d_in, *[hidden] * layers])
    ]
