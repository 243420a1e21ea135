"""Everything that a spec names, built."""

from __future__ import annotations

from typing import NamedTuple

import torch

from harness.model import Model
from harness.optimiser import Optimiser, Rule, Schedule, Update
from harness.registry import Registry
from harness.spec import RunSpec
from harness.task import Task
from harness.trainer import Trainer


class Built(NamedTuple):
    """A task, a model, a trainer, and the optimisers of their weights: the model's first."""

    task: Task
    model: Model
    trainer: Trainer
    optimisers: list[Update]


def built(spec: RunSpec, registry: Registry, device: torch.device) -> Built:
    """Build everything that the spec names; ValueError, one line, where it cannot be built."""
    task: Task = registry.make("task", spec.task)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        network: type[Model] = registry.load("model", spec.model)
        if why := network.suits(task):
            raise ValueError(f"model {spec.model} does not suit task {spec.task}: {why}")
        model: Model = registry.make("model", spec.model, task.d_in, task.d_out)
        method: type[Trainer] = registry.load("trainer", spec.trainer)
        if why := method.suits(model, task):
            raise ValueError(f"trainer {spec.trainer} does not suit model {spec.model}: {why}")
        trainer: Trainer = registry.make("trainer", spec.trainer, model, task.loss)
    if trainer.T is not None and not (isinstance(trainer.T, int) and trainer.T > 0):
        # a plug-in's trainer may not check
        raise ValueError(f"trainer {spec.trainer}: T must be at least 1, got {trainer.T!r}")
    if why := trainer.refuses(task):
        raise ValueError(f"trainer {spec.trainer} does not suit task {spec.task}: {why}")
    trainer.to(device)
    rule: Rule = registry.make("optimiser", spec.optimiser)
    schedule: Schedule = registry.make("schedule", spec.schedule, spec.timesteps)
    how = Optimiser(rule, spec.lr, spec.clip, schedule)
    optimisers = [how.over(list(model.parameters()))]
    if own := trainer.own_parameters():
        if trainer.own_optimiser is None:
            raise ValueError(f"trainer {spec.trainer}: own_parameters() need an own_optimiser")
        optimisers.append(trainer.own_optimiser.over(own))
    return Built(task, model, trainer, optimisers)
