"""A block in each process, moved by a synthetic gradient as soon as it has run (`dni_depth`).

    dL/dθ_i ≈ M_i(h_i) ∂h_i/∂θ_i, at once                                            (1) move
    M_i(h_i) → the gradient at the entrance of block i + 1, when it arrives           (2) regress

Block i sends h_i up and goes on. Block i + 1 sends back the gradient at its entrance. At most
`queue` minibatches that block i has sent may be without their gradient: then it waits. With
`queue=0` all wait for all, and the run is that of the trainer in one process, but for clipping.

With `dni_unlocked(inputs=True)` block i + 1 runs on I_i(x) at once; I_i learns of h_i when that
arrives, at most `queue` minibatches later.

    I_i(x) → h_i, when it arrives                                                    (3)

Every process draws the same minibatches, so that neither x nor y are sent. Each clips the gradient
of its own block.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple, cast

import torch
from torch import Tensor

from harness.check import at_least
from harness.depth import DepthTrainer, per_sequence
from harness.episode import Episode
from harness.optimiser import Update
from harness.synthesiser import squared_error
from harness.trainers.dni_depth import DniDepth
from harness.trainers.dni_unlocked import DniUnlocked
from harness.worker import Mode, Place, Worker, named, nothing
from harness.workers._inbox import Inbox, Outbox

UP, DOWN = 1, 2
"""Tags of messages."""


class Sent(NamedTuple):
    """A minibatch whose gradient is not there yet: its number, h_i, and its targets."""

    number: int
    h: Tensor
    episode: Episode


class Block(Worker):
    """Block i, its synthesiser M_i, and I_{i-1}, which stands in for the block below."""

    def __init__(self, place: Place, queue: int) -> None:
        self.trainer = trainer = cast(DepthTrainer, place.trainer)
        self.i, self.queue = place.rank, queue
        self.top = self.i == len(trainer.blocks) - 1
        stages = [place.model.stages()[k] for k in trainer.blocks[self.i]]
        own = [] if self.top else [trainer.synthesisers[self.i]]
        self.predictor = None
        if isinstance(trainer, DniUnlocked) and trainer.predictors and self.i:
            self.predictor = trainer.predictors[self.i - 1]
            own.append(self.predictor)
        super().__init__(place, [*stages, *own])
        self.block = place.how.over([p for stage in stages for p in stage.parameters()])
        self.updates, self.own = [self.block], None
        if own:
            assert trainer.own_optimiser is not None
            self.own = trainer.own_optimiser.over([p for each in own for p in each.parameters()])
            self.updates.append(self.own)
        self.made = 0
        self.sent: deque[Sent] = deque()  # (2) is still to come
        self.guessed: deque[Tensor] = deque()  # x, of which (3) is still to come
        self.up = Outbox(self.i + 1, UP, queue + 1)
        self.down = Outbox(self.i - 1, DOWN, queue + 1)

    def begin(self, minibatches: int) -> None:
        def like(i: int) -> Tensor:
            weight = next(self.place.model.parameters())
            return weight.new_empty(1, self.place.batch, self.trainer.widths[i])

        if self.i:
            self.below = Inbox(self.i - 1, UP, [like(self.i - 1)], minibatches)
        if not self.top:
            self.above = Inbox(self.i + 1, DOWN, self.replies(like(self.i)), minibatches)

    def replies(self, h: Tensor) -> list[Tensor]:
        """What comes back for h: a gradient, after the synthetic input that it is for, if any."""
        unlocked = isinstance(self.trainer, DniUnlocked) and len(self.trainer.predictors) > 0
        return [h, h] if unlocked else [h]

    def learn(self, episode: Episode) -> Tensor | None:
        trainer, i = self.trainer, self.i
        h_in = trainer.entrance(i, self.entering(episode))
        state = [nothing(self.place, episode.batch)] * len(self.place.model.stages())
        h, loss = trainer.through(trainer.blocks[i], h_in, state), None
        if self.top:
            loss = trainer.loss(h, episode)
            loss.backward()  # (1)
        else:
            self.up.send(h)
            with torch.no_grad():
                said = trainer.say(i, h, episode)
            trainer.move(h, said)  # (1)
            self.sent.append(Sent(self.made, h.detach(), episode))
        if i:
            gradient = per_sequence(h_in)
            self.down.send(*([h_in, gradient] if self.predictor else [gradient]))
        self.block()
        self.made += 1
        self.hear(self.queue)
        return None if loss is None else loss.detach()

    def entering(self, episode: Episode) -> Tensor:
        """What the block is run on: x, what the block below has sent, or a guess at it."""
        x = self.place.model.encoded(episode.x)
        if self.i == 0:
            return x
        if self.predictor is None:
            return self.below.next()[0]
        self.guessed.append(x)
        with torch.no_grad():
            guess: Tensor = self.predictor(x)
        return guess

    def hear(self, late: int) -> None:
        """Learn from what has arrived, and wait for all but the last so many."""
        while self.sent and (len(self.sent) > late or self.above.waits()):
            number, h, episode = self.sent.popleft()
            *guess, gradient = self.above.next()
            said = self.trainer.say(self.i, guess[0] if guess else h, episode)
            self.trainer.teach(said, gradient)  # (2)
            self.ages.append(self.made - 1 - number)
            self.move_own()
        while self.guessed and (len(self.guessed) > late or self.below.waits()):
            assert self.predictor is not None
            (h,) = self.below.next()
            squared_error(self.predictor(self.guessed.popleft()), h).backward()  # (3)
            self.move_own()

    def move_own(self) -> None:
        cast(Update, self.own)()

    def settle(self) -> None:
        self.hear(0)
        self.up.settle()
        self.down.settle()


class Decoupled(Mode):
    """Blocks that wait for nobody, as long as nobody is too far behind.

    queue: minibatches by which a block may be ahead of its gradients
    """

    def __init__(self, *, processes: int = 2, queue: int = 2) -> None:
        super().__init__(processes=processes)
        at_least(2, processes=processes)
        at_least(0, queue=queue)
        self.queue = queue

    def check(self, place: Place) -> None:
        trainer = place.trainer
        if not isinstance(trainer, DniDepth | DniUnlocked):
            raise ValueError(f"it needs trainer dni_depth or dni_unlocked, got {named(trainer)}")
        late = isinstance(trainer, DniUnlocked) and (
            trainer.rate < 1 or trainer.order != "forward" or not trainer.predictors
        )
        if late:
            raise ValueError("of dni_unlocked it has inputs=True alone, at rate=1.0, forward")
        if trainer.warmup or (isinstance(trainer, DniDepth) and trainer.every > 1):
            raise ValueError("it has no warmup and no every: both need all blocks at once")
        if (found := len(trainer.blocks)) != self.processes:
            raise ValueError(
                f"a block a worker: {self.processes} workers, but the trainer's cuts make {found} "
                f"block{'s' * (found > 1)}"
            )

    def worker(self, place: Place) -> Block:
        return Block(place, self.queue)
