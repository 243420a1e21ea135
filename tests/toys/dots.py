"""Which of three corners a point is near: static, and a process of it can be killed.

x:  0.9 0.1       a point
y:  1             its corner
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist
from torch.nn import functional as F

from harness.episode import Episode
from harness.task import Task

CORNERS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


class Dots(Task):
    """Minibatches of one timestep.

    killed: minibatches after which a process is killed, once
    victim: "worker", number 1; "rank", the process that has started it; "first", that of worker 0
            and all it has started, which are not killed but sent SIGTERM
    raises: minibatches after which worker 1 raises an error
    told:   a file that says when; it is killed only while there is none
    """

    d_in, d_out, unit, static = 2, 3, "bits per dot", True

    def __init__(
        self, *, killed: int = 0, victim: str = "worker", raises: int = 0, told: str = ""
    ) -> None:
        self.killed, self.victim, self.raises, self.told = killed, victim, raises, told
        self.drawn = 0

    def episodes(self, batch: int, rng: torch.Generator, multiple: int) -> Iterator[Episode]:
        while True:
            self.drawn += 1
            self._suffer()
            yield self._episode(batch, rng)

    def validation(self, batch: int) -> Iterator[Episode]:
        yield self._episode(60, torch.Generator().manual_seed(0))

    def loss(self, outputs: Tensor, episode: Episode) -> Tensor:
        nats = F.cross_entropy(outputs.flatten(0, 1), episode.y.flatten(), reduction="none")
        return (nats * episode.weight.flatten()).sum()

    def state_dict(self) -> dict[str, Any]:
        return {"drawn": self.drawn}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.drawn = state["drawn"]

    def _episode(self, batch: int, rng: torch.Generator) -> Episode:
        y = torch.randint(3, (1, batch), generator=rng)
        x = CORNERS[y] + 0.3 * torch.randn(1, batch, 2, generator=rng)
        return Episode(x, y, torch.full((1, batch), 1 / batch))

    def _suffer(self) -> None:
        if not dist.is_initialized() or dist.get_rank() != (self.victim != "first"):
            return
        if self.drawn == self.raises:
            raise RuntimeError("no more dots")
        if self.drawn == self.killed and not Path(self.told).exists():
            Path(self.told).write_text(str(time.time()))
            parent = multiprocessing.parent_process()
            assert parent
            assert parent.pid
            if self.victim == "first":
                os.killpg(parent.pid, signal.SIGTERM)
            else:
                os.kill(parent.pid if self.victim == "rank" else os.getpid(), signal.SIGKILL)
            time.sleep(60)  # until it is ended, too
