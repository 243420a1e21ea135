"""A toy task that is scored by its accuracy: say the bit that was shown a timestep ago."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from harness.episode import Episode
from harness.score import Score
from harness.task import Task


class Recall(Task):
    """Two answers, one of them right; the validation set and the test set are fixed."""

    d_in, d_out, unit = 1, 2, "bits per answer"
    score = Score(column="accuracy", unit="share of answers", higher=True)

    def episodes(self, batch: int, rng: torch.Generator, multiple: int) -> Iterator[Episode]:
        while True:
            yield _drawn(batch, rng, 1.0)

    def validation(self, batch: int) -> Iterator[Episode]:
        rng = torch.Generator().manual_seed(0)
        return (_drawn(batch, rng, 0.25) for _ in range(4))

    def test(self, batch: int) -> Iterator[Episode]:
        rng = torch.Generator().manual_seed(1)
        return (_drawn(batch, rng, 0.5) for _ in range(2))

    def loss(self, outputs: Tensor, episode: Episode) -> Tensor:
        nats = F.cross_entropy(outputs.flatten(0, 1), episode.y.flatten(), reduction="none")
        return (nats * episode.weight.flatten()).sum()

    def grade(self, outputs: Tensor, episode: Episode) -> Tensor:
        return ((outputs.argmax(-1) == episode.y) * episode.weight).sum()


def _drawn(batch: int, rng: torch.Generator, share: float) -> Episode:
    shown = torch.randint(2, (9, batch), generator=rng)
    weight = torch.full((8, batch), share / (8 * batch))
    return Episode(shown[1:].unsqueeze(-1).float(), shown[:-1], weight)
