"""Character-level language modelling: predict the next character of a text.

x:  t h e _ c a      ids of the characters
y:  h e _ c a t      the character after each; all are scored

A stream: each of the B rows reads the training text over and over, each from a different place;
the places are evenly spaced from a random start. The state is carried over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from harness.check import at_least
from harness.episode import Episode
from harness.task import Task
from tasks import _corpus


class CharLm(Task):
    """Bits per character on a text.

    corpus: "pydoc" (always there: Python's own language reference), "ptb", "tinyshakespeare",
            "text8", or the path of a text file
    length: timesteps of a stretch, which is what full backpropagation unrolls
    """

    unit = "bits per character"

    def __init__(self, *, corpus: str = "pydoc", length: int = 64) -> None:
        at_least(1, length=length)
        self.length = length
        self.corpus_name, self.corpus = corpus, _corpus.load(corpus)
        self.d_in = self.d_out = self.corpus.symbols
        self._start: int | None = None
        self._position = 0

    def episodes(self, batch: int, rng: torch.Generator, multiple: int) -> Iterator[Episode]:
        text = self.corpus.train
        length = -(-self.length // multiple) * multiple
        weight = torch.full((length, batch), 1 / (length * batch))
        if self._start is None:
            self._start = int(torch.randint(len(text), (), generator=rng))
        rows = self._start + torch.arange(batch) * (len(text) // batch)
        while True:
            t = rows + self._position + torch.arange(length + 1).unsqueeze(1)
            ids = text[t % len(text)].long()  # (length + 1, batch)
            self._position += length
            yield Episode(ids[:-1], ids[1:], weight, fresh=False, final=False)

    def validation(self, batch: int) -> Iterator[Episode]:
        return self._read(self.corpus.validation, batch)

    def test(self, batch: int) -> Iterator[Episode]:
        return self._read(self.corpus.test, batch)

    def _read(self, text: Tensor, batch: int) -> Iterator[Episode]:
        """Read a text once, in `batch` rows; a remainder that does not fill them is left out."""
        length = (len(text) - 1) // batch
        if length < 1:
            raise ValueError(
                f"corpus {self.corpus_name!r}: {len(text)} characters to score are too few "
                f"for a batch of {batch}"
            )
        x = text[: length * batch].view(batch, length).T
        y = text[1 : length * batch + 1].view(batch, length).T
        weight = torch.full((length, batch), 1 / (length * batch))
        for window in Episode(x, y, weight).windows(256):
            yield replace(window, x=window.x.long(), y=window.y.long())

    def loss(self, outputs: Tensor, episode: Episode) -> Tensor:
        nats = F.cross_entropy(outputs.flatten(0, 1), episode.y.flatten(), reduction="none")
        return (nats * episode.weight.flatten()).sum()

    def provenance(self) -> dict[str, str]:
        return {
            "corpus": self.corpus_name,
            "corpus_sha256": self.corpus.sha256,
            "convention": self.corpus.convention,
        }

    def state_dict(self) -> dict[str, Any]:
        return {"start": self._start, "position": self._position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._start, self._position = state["start"], state["position"]
