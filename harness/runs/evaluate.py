"""How a model scores on a set of episodes that it is not trained on."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from harness.episode import Episode
from harness.model import Model
from harness.score import Score, bits
from harness.task import Task


def chosen_by(task: Task) -> Score:
    """What the best weights are chosen by: the task's score if validation has it, else bits."""
    return task.score if task.score.rows == "validation" else bits(task.unit)


@contextmanager
def evaluated(module: nn.Module) -> Iterator[None]:
    """Inside this context a module is in evaluation mode; afterwards each part as it was before.

    Batch normalisation then reads its running statistics, and does not move them.
    """
    before = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


@torch.no_grad()
def evaluate(model: Model, task: Task, episodes: Iterator[Episode]) -> dict[str, float]:
    """The bits of a set of episodes whose weights sum to 1, and the task's score by its column.

    NaN for an empty set. TypeError where the task does not grade what it is scored by.
    """
    with evaluated(model):
        return _evaluate(model, task, episodes)


def _evaluate(model: Model, task: Task, episodes: Iterator[Episode]) -> dict[str, float]:
    score = task.score
    graded = score.rows == "validation" and score.column != "bits"
    total, grades, state, device = None, None, None, model.device
    for recorded in episodes:
        episode = recorded.to(device, torch.float32)
        if episode.fresh or state is None:
            state = model.initial_state(episode.batch)
        with (
            warnings.catch_warnings()
        ):  # the weights of a stack are views: cuDNN copies them, and warns
            warnings.filterwarnings("ignore", "RNN module weights are not part")
            outputs, state = model(episode.x, state)
        loss = task.loss(outputs, episode)
        total = loss if total is None else total + loss
        if graded:
            grade = task.grade(outputs, episode)
            if grade is None:
                raise TypeError(f"the score is {score.column}: grade() must return it, not None")
            grades = grade if grades is None else grades + grade
    found = {"bits": math.nan if total is None else total.item() / math.log(2)}
    if graded:
        found[score.column] = math.nan if grades is None else grades.item()
    return found
