"""What the runs of one command share, and need not make again."""

from __future__ import annotations

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.engines.traced import Executable
from harness.measure.costs import Measured
from harness.spec import RunSpec


@dataclass
class Shared:
    """What one process holds of it.

    folder: where the processes of a command leave what they have measured; None: there is one
    began:  when this process began to be made, by time.monotonic(); None once a run was told
    """

    folder: Path | None = None
    began: float | None = None
    _calls: defaultdict[RunSpec, dict[Hashable, Executable]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _costs: dict[RunSpec, Ledger] = field(default_factory=dict)

    def calls(self, spec: RunSpec) -> dict[Hashable, Executable]:
        """Compiled updates of runs that differ from this one in their seed alone."""
        return self._calls[_kind(spec)]

    def costs(self, spec: RunSpec) -> Ledger:
        """Costs of their episodes."""
        kind = _kind(spec)
        return self._costs.setdefault(kind, Ledger(kind, self.folder))

    def starting(self) -> float:
        """Seconds from the beginning of this process to now, once; later 0."""
        began, self.began = self.began, None
        return 0.0 if began is None else time.monotonic() - began


def _kind(spec: RunSpec) -> RunSpec:
    return replace(spec, seed=0, probe=0)


class Ledger:
    """Measured costs, by kind of episode; in a folder, what other processes have measured, too."""

    def __init__(self, kind: RunSpec, folder: Path | None) -> None:
        self._kind, self._folder = kind, folder
        self._known: dict[Hashable, Measured] = {}

    def get(self, key: Hashable) -> Measured | None:
        """The costs of an episode of this kind, if they are known."""
        if key not in self._known and (path := self._path(key)) and path.exists():
            self._known[key] = Measured(*json.loads(path.read_text(encoding="utf-8")))
        return self._known.get(key)

    def put(self, key: Hashable, measured: Measured) -> None:
        """Let others know."""
        self._known[key] = measured
        if path := self._path(key):
            new = path.with_suffix(f".{id(self)}-{time.monotonic_ns()}")
            new.write_text(json.dumps(measured), encoding="utf-8")
            new.replace(path)  # as a whole

    def _path(self, key: Hashable) -> Path | None:
        if self._folder is None:
            return None
        return self._folder / hashlib.sha256(f"{self._kind.id} {key}".encode()).hexdigest()[:32]
