"""The full description of a run, and its identity."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from harness.check import at_least
from harness.names.call import Call, canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """Everything that decides what a run computes. Two equal specs are the same run.

    task, trainer, model: calls, e.g. "plain_copy(bits=4)", "dni(T=3)", "lstm(hidden=64)"
    seed:      of the initial weights and of the training data, the same for every trainer
    batch:     B, in sequences
    lr, clip:  of Adam on the model; the norm at which its gradient is clipped (0: never)
    timesteps: data-time, in timesteps per batch row; the episode that reaches it is the last
    device:    "cpu", "cuda", "cuda:1", ...
    probe:     updates between two gradient probes (0: none)
    """

    task: str
    trainer: str
    model: str = "lstm(hidden=64)"
    seed: int = 0
    batch: int = 32
    lr: float = 1e-2
    clip: float = 1.0
    timesteps: int = 100_000
    device: str = "cpu"
    probe: int = 0

    def __post_init__(self) -> None:
        for name in ("task", "trainer", "model"):
            object.__setattr__(self, name, canonical(getattr(self, name)))
        at_least(0, seed=self.seed, lr=self.lr, clip=self.clip, probe=self.probe)
        at_least(1, batch=self.batch, timesteps=self.timesteps)
        if self.seed >= 2**32:
            raise ValueError(f"seed must be under 2**32, got {self.seed}")

    @property
    def id(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    @property
    def T(self) -> int | None:
        """The unroll length where the trainer's call states one."""
        T = Call.parse(self.trainer).options.get("T")
        return T if isinstance(T, int) else None

    @property
    def label(self) -> str:
        """What progress bars and errors call the run."""
        return f"{self.task} {self.trainer} seed {self.seed}"

    def to_json(self) -> str:
        """One line, keys sorted."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunSpec:
        """Read what a record holds; fields of another version are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How a run is made. What it computes does not depend on it, but for rounding.

    engine: "eager", "compiled" or "auto"
    again:  make it anew, whatever is recorded
    limit:  seconds after which it is given up, the whole of a stack together; None: never
    stack:  how many runs that differ in their seed alone are made as one
    tensorboard: folder for live scalars
    """

    engine: str = "eager"
    again: bool = False
    limit: float | None = None
    stack: int = 1
    tensorboard: str | None = None
