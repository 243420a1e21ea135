"""A worker with the whole model, and its share of every minibatch."""

from __future__ import annotations

from torch import Tensor, nn

from harness.episode import Episode
from harness.worker import Place, Worker, plain, rows


class Replica(Worker):
    """Worker r learns from the r-th share of the sequences.

    network: the model, or what wraps it
    """

    def __init__(self, place: Place, network: nn.Module) -> None:
        super().__init__(place, [place.model])
        self.network = network
        self.updates = [place.how.over(list(place.model.parameters()))]
        share = place.batch // place.processes
        self.share = slice(place.rank * share, (place.rank + 1) * share)

    @property
    def answers(self) -> bool:
        return self.place.rank == 0

    def learn(self, episode: Episode) -> Tensor:
        own, model = rows(episode, self.share), self.place.model
        outputs, _ = self.network(own.x, model.initial_state(own.batch))
        loss = self.place.trainer.loss(outputs, own)
        (self.place.processes * loss).backward()  # a mean over its own sequences
        self.updates[0]()
        return loss.detach()


def check(place: Place) -> None:
    """ValueError where the sequences cannot be shared out."""
    plain(place)
    if place.batch % place.processes:
        raise ValueError(f"batch {place.batch} cannot be shared by {place.processes} workers")
