"""Decoupled neural interfaces between layers (Jaderberg et al., 2017): a chain of synthesisers.

Cuts divide the network into blocks 0 … n; h_i leaves block i and enters block i + 1, and is cut
from the graph there. M_i is the synthesiser at that cut, L the loss. From the first block to the
last:

    dL/dθ_i ≈ M_i(h_i) ∂h_i/∂θ_i, i < n;   dL/dθ_n = ∂L/∂θ_n                         (1) move
    M_i(h_i) → M_{i+1}(h_{i+1}) ∂h_{i+1}/∂h_i;   M_{n-1}(h_{n-1}) → ∂L/∂h_{n-1}       (2) regress

A block can move as soon as its own forward pass is done. M_i learns from a gradient that M_{i+1}
has predicted: only the last synthesiser ever sees a true one. `bptt` on episodes of one timestep
is the plain backpropagation that this is compared with; no cuts, `cuts=()`, are the same.

`conditioned`: M_i reads the target beside h_i (cDNI). `warmup`: first backpropagation, and every
M_i regresses on the true gradient. `every=k`: each k-th update alone runs the whole chain; in the
others the blocks below the last cut move by (1), no synthesiser learns, nothing above the last cut
runs, and the loss yielded is the last one known.

Differences from the paper: all blocks are stepped together, when the last has its gradient.
Synthesisers are fully connected, those of convolutions too. By default M is linear, with Adam at
1e-3; the paper's has two hidden layers of 1,024 units with batch normalisation, `layers=2,
hidden=1024, norm="batch"`, and Adam at 3e-5. The warm-up and `every` are ours.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from harness.check import at_least
from harness.depth import DepthTrainer, per_sequence
from harness.episode import Episode
from harness.model import Model
from harness.task import Task
from harness.trainer import Loss

BELOW = "below"


class DniDepth(DepthTrainer):
    """Blocks of layers, each moved by the synthesiser at its end.

    every: of so many updates the first runs the whole chain
    """

    def __init__(self, model: Model, loss: Loss, *, every: int = 1, **shared: Any) -> None:
        super().__init__(model, loss, **shared)
        at_least(1, every=every)
        if every > 1 and len(self.blocks) == 1:
            raise ValueError("every needs a cut")
        self.every = every

    @property
    def phase(self) -> str:
        return super().phase or (BELOW if (self.seen - self.warmup) % self.every else "")

    def begin(self, batch: int) -> None:
        if self.every > 1:
            self.memory["loss"] = next(self.model.parameters()).new_zeros(())

    def refuses(self, task: Task) -> str:
        return "" if self.every == 1 or task.static else "every needs episodes of one timestep"

    def decoupled(self, episode: Episode) -> Tensor:
        state, h = self.entering(episode), self.model.encoded(episode.x)
        *lower, top = self.blocks
        said = None  # of the cut below
        for i, block in enumerate(lower):
            h_in = self.entrance(i, h)
            h = self.through(block, h_in, state)
            above = self.say(i, h, episode)
            self.move(h, above)  # (1)
            if said is not None and self.phase != BELOW:
                self.teach(said, per_sequence(h_in))  # (2)
            said = above
        if self.phase == BELOW:
            self.carry(state)
            return self.memory["loss"]
        h_in = self.entrance(len(lower), h)
        loss = self.loss(self.through(top, h_in, state), episode)
        loss.backward()  # (1)
        if said is not None:
            self.teach(said, per_sequence(h_in))  # (2)
        self.carry(state)
        if self.every > 1:
            self.memory["loss"] = loss.detach()
        return loss.detach()
