"""A results folder: the records of runs, and their checkpoints."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from harness.records import lines, reading
from harness.records.record import FINISHED, Record, Row
from harness.records.writing import BusyError, RecordingError, Writer
from harness.spec import RunSpec

__all__ = ["FINISHED", "BusyError", "Record", "RecordingError", "Row", "Store", "Writer"]


def _on_stderr(message: str) -> None:
    print(f"sgbench: {message}", file=sys.stderr)


class Store:
    """A results folder: runs/ holds a record per run, checkpoints/ what runs resume from.

    A record may be packed with gzip; it is read as it is, and unpacked before more is written to
    it. What is damaged is skipped, and reported once.

    say: called with each report, one line
    """

    def __init__(self, folder: Path | str, say: Callable[[str], None] = _on_stderr) -> None:
        self.folder = Path(folder)
        self._say = say
        self._said: set[str] = set()
        self._damage: dict[str, str] = {}

    def say(self, message: str) -> None:
        """Tell the user a line, once."""
        if message not in self._said:
            self._said.add(message)
            self._say(message)

    def create(self) -> None:
        """Make the folder; ValueError where nothing can be written there."""
        try:
            (self.folder / "runs").mkdir(parents=True, exist_ok=True)
            (self.folder / "checkpoints").mkdir(exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder / "runs"):
                pass
        except OSError as error:
            raise ValueError(
                f"cannot write to the results folder {self.folder}: {error.strerror}"
            ) from None

    def record(self, spec: RunSpec) -> Record | None:
        """The record of a run; None where none can be read."""
        path = self._path(spec)
        for there in (path, _packed(path)):
            if there.exists():
                return self._read(there)
        return None

    def damage(self, spec: RunSpec) -> str:
        """What was damaged when the record of a run was last read; empty: nothing."""
        return self._damage.get(spec.id, "")

    def text(self, spec: RunSpec) -> str:
        """The text of a run's record."""
        return self._path(spec).read_text(encoding="utf-8")

    def records(self) -> list[Record]:
        """Every record in the folder that can be read, by task, trainer and seed."""
        plain = set((self.folder / "runs").glob("*.jsonl"))
        packed = (self.folder / "runs").glob("*.jsonl.gz")
        paths = sorted(plain | {path for path in packed if path.with_suffix("") not in plain})
        read = [record for path in paths if (record := self._read(path))]
        return sorted(read, key=lambda r: (r.spec.task, r.spec.trainer, r.spec.seed, r.spec.id))

    def existing(self) -> list[Record]:
        """records(); ValueError where there is none."""
        if not self.folder.is_dir():
            raise ValueError(f"no folder {str(self.folder)!r} for --results")
        found = self.records()
        if not found:
            raise ValueError(f"no records in {self.folder}")
        return found

    def open(self, spec: RunSpec) -> Writer:
        """A writer for a run; BusyError while another process is writing it."""
        path = self._path(spec)
        if not path.exists() and _packed(path).exists():
            unpacked = path.with_name(f"{path.name}.{os.getpid()}")
            text, _, _ = lines.unpacked(_packed(path).read_bytes())
            unpacked.write_bytes(text)
            with suppress(FileExistsError):
                os.link(unpacked, path)  # as a whole, and never over one that is being written
            unpacked.unlink()
        return Writer(path)

    def checkpoint(self, spec: RunSpec) -> Path:
        """The path of a run's checkpoint."""
        return self.folder / "checkpoints" / f"{spec.id}.pt"

    def _path(self, spec: RunSpec) -> Path:
        return self.folder / "runs" / f"{spec.id}.jsonl"

    def _read(self, path: Path) -> Record | None:
        record, damage = reading.read(path)
        self._damage[path.name.partition(".")[0]] = damage
        if damage:
            self.say(f"{path} {damage}")
        return record


def _packed(path: Path) -> Path:
    return path.with_name(path.name + ".gz")
