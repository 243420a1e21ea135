"""Progress on a terminal: one bar for all runs, and one for each run under way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Queue
from typing import Any

from tqdm import tqdm

from harness.spec import RunSpec

Message = tuple[str, int, str] | str
"""What a worker sends: a run's id, the timesteps done, how it is doing; or a notice."""


@dataclass
class Bars:
    """A bar for all runs and one for each run in progress; plain lines without a terminal.

    todo:  runs to be run; total: these, and those already recorded
    say:   where notices go
    """

    todo: Sequence[RunSpec]
    total: int
    say: Callable[[str], None]
    _running: dict[str, tqdm[Any]] = field(default_factory=dict)

    def __enter__(self) -> Bars:
        self._specs = {spec.id: spec for spec in self.todo}
        self._whole = tqdm(
            total=self.total,
            initial=self.total - len(self.todo),
            desc="runs",
            unit="run",
            disable=None,
        )
        return self

    def __exit__(self, *_: object) -> None:
        for bar in [*self._running.values(), self._whole]:
            bar.close()

    def show(self, run_id: str, timesteps: int, word: str) -> None:
        """Move the bar of a run."""
        if run_id not in self._specs:
            return
        if run_id not in self._running:
            spec = self._specs[run_id]
            self._running[run_id] = tqdm(
                total=spec.timesteps, desc=spec.label, unit="timestep", leave=False, disable=None
            )
        bar = self._running[run_id]
        bar.set_postfix_str(word, refresh=False)
        bar.update(timesteps - bar.n)

    def finish(self, spec: RunSpec, status: str) -> None:
        """Close the bar of a run."""
        self._specs.pop(spec.id, None)
        if bar := self._running.pop(spec.id, None):
            bar.close()
        self._whole.update()
        if self._whole.disable or status != "complete":
            done = self.total - len(self._specs)
            tqdm.write(f"{done}/{self.total}  {spec.label}: {status}", file=sys.stderr)

    def listen(self, messages: Queue[Message | None]) -> None:
        """Show each message, until None arrives or the sender is gone."""
        with suppress(OSError, EOFError):
            while (message := messages.get()) is not None:
                if isinstance(message, str):
                    with tqdm.external_write_mode(file=sys.stderr):  # bars make room for the line
                        self.say(message)
                else:
                    self.show(*message)
