"""Image classification: which of ten digits is it?

x:  an image      pixels, row by row, standardised: of all training pixels, mean 0, deviation 1
y:  7             the class; every image is scored

An episode is one timestep: a minibatch of `batch` images, each a sequence of length 1. So a
timestep of training is an update, and sees `batch` images. The training images come in a new random
order each epoch; the last few, too few for a batch, are left out of that epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from harness.episode import Episode
from harness.score import Score
from harness.task import Task
from tasks import _pictures

EVALUATED = 250
"""Images at a time, whatever the batch, so that scores do not depend on it."""


class Images(Task):
    """Accuracy on images that were not trained on.

    data: "digits" (always there: scikit-learn's, 8 × 8) or "mnist" (28 × 28)
    """

    d_out = 10
    unit = "bits per image"
    static = True
    score = Score(column="accuracy", unit="share of images", higher=True)

    def __init__(self, *, data: Literal["digits", "mnist"] = "digits") -> None:
        self.name, self.pictures = data, _pictures.load(data)
        self.d_in = self.pictures.width
        self._order: Tensor | None = None  # of the training images in this epoch
        self._position = 0

    def episodes(self, batch: int, rng: torch.Generator, multiple: int) -> Iterator[Episode]:
        train = self.pictures.train
        while True:
            if self._order is None or self._position + batch > len(train):
                self._order, self._position = torch.randperm(len(train), generator=rng), 0
            rows = self._order[self._position : self._position + batch]
            self._position += batch
            yield self._episode(train, rows, batch)

    def validation(self, batch: int) -> Iterator[Episode]:
        if batch > (images := len(self.pictures.train)):
            raise ValueError(
                f"{self.name}: {images} training images are too few for a batch of {batch}"
            )
        return self._all(self.pictures.validation)

    def test(self, batch: int) -> Iterator[Episode]:
        return self._all(self.pictures.test)

    def _all(self, split: _pictures.Split) -> Iterator[Episode]:
        for rows in torch.arange(len(split)).split(EVALUATED):
            yield self._episode(split, rows, len(split))

    def _episode(self, split: _pictures.Split, rows: Tensor, images: int) -> Episode:
        """Some images, each weighing one of so many."""
        mean, deviation = self.pictures.scale
        x = (split.pixels[rows].float() - mean) / deviation
        weight = torch.full((1, len(rows)), 1 / images)
        return Episode(x.unsqueeze(0), split.classes[rows].unsqueeze(0), weight)

    def loss(self, outputs: Tensor, episode: Episode) -> Tensor:
        nats = F.cross_entropy(outputs.flatten(0, 1), episode.y.flatten(), reduction="none")
        return (nats * episode.weight.flatten()).sum()

    def grade(self, outputs: Tensor, episode: Episode) -> Tensor:
        return ((outputs.argmax(-1) == episode.y) * episode.weight).sum()

    def provenance(self) -> dict[str, str]:
        return {
            "data": self.name,
            "data_sha256": self.pictures.sha256,
            "convention": f"{self.pictures.convention}; standardised by the training pixels",
        }

    def state_dict(self) -> dict[str, Any]:
        return {"order": self._order, "position": self._position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._order, self._position = state["order"], state["position"]
