"""The full description of a run, and its identity."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from typing import Any

from harness.check import at_least
from harness.names.call import Call, canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """Everything that decides what a run computes. Two equal specs are the same run.

    task, trainer, model: calls, e.g. "plain_copy(bits=4)", "dni(T=3)", "lstm(hidden=64)"
    seed:      of the initial weights and of the training data, the same for every trainer
    batch:     B, in sequences
    lr, clip:  the model's peak learning rate; the norm at which its gradient is clipped (0: never)
    timesteps: data-time, in timesteps per batch row; the episode that reaches it is the last
    device:    "cpu", "cuda", "cuda:1", ...
    probe:     updates between two gradient probes (0: none)
    optimiser, schedule: calls, e.g. "sgd(momentum=0.9)", "cosine(warmup=100)": how the model's
               weights are updated, and how its learning rate changes. A trainer's own networks,
               such as a synthesiser, have their own optimiser and follow no schedule.
    workers:   "", one process; or how several share the run, a call: "ddp(processes=2)"

    A field that is added later has a default that means what was done before the field existed,
    and that never changes: a spec that does not use the field keeps its id.
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
    optimiser: str = "adam"
    schedule: str = "constant"
    workers: str = ""

    def __post_init__(self) -> None:
        for name in (*CALLS, *["workers"] * bool(self.workers)):
            object.__setattr__(self, name, canonical(getattr(self, name)))
        for name in ("lr", "clip"):
            if type(getattr(self, name)) is int:  # else 1 and 1.0, which are equal, had two ids
                object.__setattr__(self, name, float(getattr(self, name)))
        at_least(0, seed=self.seed, lr=self.lr, clip=self.clip, probe=self.probe)
        at_least(1, batch=self.batch, timesteps=self.timesteps)
        if self.workers and self.probe:
            raise ValueError(
                f"probe must be 0 on workers {self.workers}: no gradients are compared"
            )
        if self.seed >= 2**32:
            raise ValueError(f"seed must be under 2**32, got {self.seed}")

    @property
    def id(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of to_json()."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    @property
    def T(self) -> int | None:
        """The unroll length where the trainer's call states one."""
        T = Call.parse(self.trainer).options.get("T")
        return T if isinstance(T, int) else None

    @property
    def label(self) -> str:
        """What progress bars and errors call the run."""
        shared = f" on {self.workers}" if self.workers else ""
        return f"{self.task} {self.trainer}{shared} seed {self.seed}{self.suffix}"

    @property
    def suffix(self) -> str:
        """Optimiser and schedule where they are not the defaults, to be appended to a label.

        For example: ", sgd(momentum=0.9), cosine(warmup=100)"; for adam and constant: ""
        """
        said = ((self.optimiser, "adam"), (self.schedule, "constant"))
        return "".join(f", {call}" for call, usual in said if call != usual)

    @property
    def calls(self) -> dict[str, str]:
        """Its calls, by the kind of the registry that each names."""
        shared = {"mode": self.workers} if self.workers else {}
        return {kind: getattr(self, kind) for kind in CALLS} | shared

    def to_dict(self) -> dict[str, Any]:
        """What a record holds: the fields of version 0.1, and later ones that are not at default.

        So the id is the hash of the spec as the record holds it, and can be checked without code;
        and an older version can read a record that uses no newer field.
        """
        usual = {field.name: field.default for field in fields(self)}
        return {
            name: value
            for name in usual
            if (value := getattr(self, name)) != usual[name] or name in FIRST
        }

    def to_json(self) -> str:
        """to_dict() in one line, keys sorted."""
        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunSpec:
        """Read what a record holds; ValueError for a field that this version does not know."""
        unknown = sorted(values.keys() - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(
                f"unknown fields {', '.join(unknown)}: the spec is from a newer version of "
                "sgbench, or from a different one"
            )
        return cls(**values)


CALLS = ("task", "trainer", "model", "optimiser", "schedule")
"""The fields of a RunSpec that are calls; each is a kind of the registry, too."""

FIRST = ("task", "trainer", "model", "seed", "batch", "lr", "clip", "timesteps", "device", "probe")
"""The fields of version 0.1, which every id is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How a run is executed. What it computes does not depend on it, except for rounding.

    engine: "eager", "compiled" or "auto"
    again:  run it again, even if it is recorded
    limit:  seconds after which it is stopped, together with its whole stack; None: never
    stack:  how many runs that differ only in their seed are trained as one
    tensorboard: folder for live scalars
    """

    engine: str = "eager"
    again: bool = False
    limit: float | None = None
    stack: int = 1
    tensorboard: str | None = None
