"""A pipeline of torch.distributed.pipelining: a part of the network in each process."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed.pipelining import PipelineStage
from torch.distributed.pipelining.microbatch import TensorChunkSpec
from torch.distributed.pipelining.schedules import PipelineScheduleSingle

from harness.check import at_least
from harness.episode import Episode
from harness.model import Stage
from harness.optimiser import Optimiser
from harness.worker import Mode, Place, Worker, divided, nothing, plain, rows

EPSILON = 1e-6
"""As in torch's clip_grad_norm_."""


class Part(nn.Module):
    """Some stages of a network: h (L, B, d) to h (L, B, d)."""

    def __init__(self, place: Place, stages: Sequence[Stage]) -> None:
        super().__init__()
        self.place, self.stages = (place,), nn.ModuleList(stages)

    def forward(self, h: Tensor) -> Tensor:
        for stage in self.stages:
            h, _ = stage(h, nothing(self.place[0], h.shape[1]))
        return h


class Piped(Worker):
    """One part of a pipeline: a minibatch is one update, of the sum over its microbatches."""

    def __init__(
        self,
        place: Place,
        stages: range,
        schedule: type[PipelineScheduleSingle],
        microbatches: int,
    ) -> None:
        self.part = Part(place, [place.model.stages()[k] for k in stages])
        super().__init__(place, [self.part])
        how = place.how
        self.updates = [
            Optimiser(how.rule, how.lr, 0.0, how.schedule).over(list(self.part.parameters()))
        ]
        self.first, self.last = place.rank == 0, place.rank == place.processes - 1
        self.episode: Episode | None = None
        self.schedule = schedule(
            PipelineStage(self.part, place.rank, place.processes, place.model.device),
            microbatches,
            loss_fn=self.loss,
            args_chunk_spec=(TensorChunkSpec(1),),
            scale_grads=False,  # losses of microbatches add up to the loss
        )

    def loss(self, outputs: Tensor, numbers: Tensor) -> Tensor:
        """Of a microbatch, by the numbers of its sequences."""
        assert self.episode is not None
        return self.place.trainer.loss(outputs, rows(self.episode, numbers))

    def learn(self, episode: Episode) -> Tensor | None:
        self.episode, losses = episode, list[Tensor]()
        given = [self.place.model.encoded(episode.x)] if self.first else []
        numbers = torch.arange(episode.batch) if self.last else None
        self.schedule.step(*given, target=numbers, losses=losses, return_outputs=False)
        self.clip(self.place.how.clip)
        self.updates[0]()
        return torch.stack(losses).sum().detach() if self.last else None

    def clip(self, norm: float) -> None:
        """Clip the gradient of the whole network, of which each process has a part."""
        if not norm:
            return
        gradients = [p.grad for p in self.part.parameters() if p.grad is not None]
        square = torch.stack([g.square().sum() for g in gradients]).sum()
        dist.all_reduce(square)
        factor = (norm / (square.sqrt() + EPSILON)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(factor)


class Pipeline(Mode):
    """What both schedules share.

    microbatches: of a minibatch, equal parts of its sequences
    cuts:         numbers of the stages after which the network is cut; None: into parts with as
                  equal numbers of parameters as can be had
    """

    schedule: type[PipelineScheduleSingle]

    def __init__(
        self, *, processes: int = 2, microbatches: int = 4, cuts: tuple[int, ...] | None = None
    ) -> None:
        super().__init__(processes=processes)
        at_least(2, processes=processes)
        at_least(1, microbatches=microbatches)
        self.microbatches, self.cuts = microbatches, cuts

    def check(self, place: Place) -> None:
        plain(place)
        divided(place.model.stages(), self.processes, self.cuts)
        if place.batch % self.microbatches:
            raise ValueError(
                f"batch {place.batch} cannot be cut into {self.microbatches} microbatches"
            )

    def worker(self, place: Place) -> Piped:
        own = divided(place.model.stages(), self.processes, self.cuts)[place.rank]
        return Piped(place, own, self.schedule, self.microbatches)
