"""Decoupled neural interfaces, unlocked (Jaderberg et al., 2017): blocks that wait for nobody.

Blocks, synthesisers and equations (1) and (2) are those of `dni_depth`. There a block can move
before the ones above it have run, but runs after the ones below it. Here:

`rate=p`: at each update a block moves with probability p, and one at least; who does not move
teaches nobody.

`order="random"`: blocks run in an order drawn for each update, each on what the block below left
when it ran last: for a block that comes before the one below it, the output for the minibatch
before, and its targets. In the order "forward" at p = 1 this is `dni_depth`.

`inputs=True`: synthetic inputs. I_i predicts h_i from the network's input x:

    block i + 1 runs on I_i(x);   I_i(x) → h_i, what block i has just made of its own input    (3)

The loss of an update is what the last block saw: on synthetic inputs or an earlier minibatch.
Evaluation runs the network as it is, without them.

Differences from the paper: all blocks are stepped together, at the end of an update. I_i has one
hidden layer, as wide as h_i.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from harness.check import one_of
from harness.depth import DepthTrainer, per_sequence
from harness.episode import Episode
from harness.model import Model
from harness.synthesiser import squared_error
from harness.task import Task
from harness.trainer import Loss


class Message(NamedTuple):
    """What a block finds at its entrance: h (L, B, d), and the minibatch that it comes from."""

    h: Tensor
    episode: Episode


class DniUnlocked(DepthTrainer):
    """Blocks of layers that run and move on their own.

    rate:   the probability that a block moves in an update
    order:  in which blocks run
    inputs: whether they run on synthetic inputs
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        *,
        rate: float = 1.0,
        order: Literal["forward", "random"] = "forward",
        inputs: bool = False,
        **shared: Any,
    ) -> None:
        super().__init__(model, loss, **shared)
        one_of(["forward", "random"], order=order)
        if not 0 < rate <= 1:
            raise ValueError(f"rate must be above 0 and at most 1, got {rate!r}")
        if inputs and order == "random":
            raise ValueError("inputs=True needs order='forward': no block waits for another")
        self.rate, self.order = rate, order
        self.predictors = nn.ModuleList(
            nn.Sequential(nn.Linear(model.d_in, width), nn.ReLU(), nn.Linear(width, width))
            for width in (self.widths if inputs else [])
        )

    def own_parameters(self) -> list[nn.Parameter]:
        return [*super().own_parameters(), *self.predictors.parameters()]

    def begin(self, batch: int) -> None:
        if self.order == "random":
            weight = next(self.model.parameters()).new_zeros(1, batch)
            for i, width in enumerate(self.widths):
                self.memory[f"h{i}"] = weight.new_zeros(1, batch, width)
                self.memory[f"y{i}"] = torch.zeros_like(weight, dtype=torch.long)
                self.memory[f"weight{i}"] = weight

    def refuses(self, task: Task) -> str:
        waits = self.order == "random" and not task.static
        return "order='random' needs episodes of one timestep" if waits else ""

    def decoupled(self, episode: Episode) -> Tensor:
        state, last = self.entering(episode), len(self.blocks) - 1
        x = self.model.encoded(episode.x)
        waiting = {0: Message(x, episode), **self.left_over(episode)}
        moving = self.moving()
        for i in self.turns(waiting):
            h, minibatch = waiting[i]
            h_in, moves = self.entrance(i, h), i in moving
            with torch.set_grad_enabled(moves):
                h = self.through(self.blocks[i], h_in, state)
                if i == last:
                    loss = self.loss(h, minibatch)
            if moves and i == last:
                loss.backward()  # (1)
            elif moves:
                self.move(h, self.say(i, h, minibatch))  # (1)
            if moves and i > 0:
                self.teach(self.say(i - 1, h_in, minibatch), per_sequence(h_in))  # (2)
            if i < last:
                waiting[i + 1] = Message(self.sent(i, h, x), minibatch)
        self.carry(state)
        self.keep(waiting)
        return loss.detach()

    def learn_between(self, between: list[Tensor], episode: Episode) -> None:
        super().learn_between(between, episode)
        x = self.model.encoded(episode.x)
        for i, h in enumerate(between):
            self.sent(i, h, x)

    def turns(self, waiting: dict[int, Message]) -> list[int]:
        """The order of the blocks; the first update, when nothing waits, goes forward."""
        count = len(self.blocks)
        if self.order == "forward" or not all(m.episode.weight.any() for m in waiting.values()):
            return list(range(count))
        turns: list[int] = torch.randperm(count, generator=self.rng).tolist()
        return turns

    def moving(self) -> set[int]:
        """The blocks that move in this update; where none is drawn, the one that came nearest."""
        if self.rate == 1:
            return set(range(len(self.blocks)))
        drawn = torch.rand(len(self.blocks), generator=self.rng)
        return {i for i, value in enumerate(drawn.tolist()) if value < self.rate} or {
            int(drawn.argmin())
        }

    def sent(self, i: int, h: Tensor, x: Tensor) -> Tensor:
        """What block i + 1 is run on: h_i, or I_i(x), which learns from it."""
        if not self.predictors:
            return h.detach()
        with torch.enable_grad():
            predicted: Tensor = self.predictors[i](x)
            squared_error(predicted, h.detach()).backward()  # (3)
        return predicted.detach()

    def left_over(self, episode: Episode) -> dict[int, Message]:
        """What the last update has left at the entrance of each block but the first."""
        if self.order == "forward":
            return {}
        kept = self.memory
        return {
            i + 1: Message(
                kept[f"h{i}"], replace(episode, y=kept[f"y{i}"], weight=kept[f"weight{i}"])
            )
            for i in range(len(self.widths))
        }

    def keep(self, waiting: dict[int, Message]) -> None:
        """Leave it to the next update."""
        if self.order == "forward":
            return
        for i in range(len(self.widths)):
            h, episode = waiting[i + 1]
            self.memory |= {f"h{i}": h, f"y{i}": episode.y, f"weight{i}": episode.weight}
