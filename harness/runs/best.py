"""The weights of a run that were best on validation, and what they score on the test set."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from harness.model import Model
from harness.runs.evaluate import chosen_by, evaluate
from harness.store import Row
from harness.task import Task


class Best:
    """What validation has found so far.

    score:   what they are best by, and how good they are, by column
    weights: a copy of all weights and buffers; {} until anything was finite
    """

    def __init__(self, task: Task, model: Model, batch: int) -> None:
        self._task, self._model, self._batch = task, model, batch
        self._by = chosen_by(task)
        self.score = {self._by.column: self._by.nothing}
        self.weights: dict[str, Tensor] = {}

    def validated(self) -> Row:
        """Bits, and the score, of the weights as they are, which are kept if they are best."""
        found = evaluate(self._model, self._task, self._task.validation(self._batch))
        column = self._by.column
        if self._by.better(found[column], self.score[column]):
            self.score[column] = found[column]
            self.weights = {k: v.clone() for k, v in self._model.state_dict().items()}
        return found

    def tested(self) -> Row:
        """What the best weights score on the test set; the model keeps its own."""
        if not self.weights:
            return {}
        now = {k: v.clone() for k, v in self._model.state_dict().items()}
        self._model.load_state_dict(self.weights)
        found = evaluate(self._model, self._task, self._task.test(self._batch))
        self._model.load_state_dict(now)
        return {f"test_{k}": None if math.isnan(v) else v for k, v in found.items()}

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to resume."""
        return {"score": self.score, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what state_dict() returned."""
        self.score = state["score"]
        self.weights = {k: v.to(self._model.device) for k, v in state["weights"].items()}
