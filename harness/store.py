"""Records: append-only files, whole whatever happens to the run."""

from __future__ import annotations

import errno
import fcntl
import gzip
import json
import os
import tempfile
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.spec import RunSpec

Row = dict[str, Any]

FINISHED = ("complete", "diverged")
"""The states in which a run is not taken up again: either is its result."""


@dataclass(eq=False)
class Record:
    """What is known of one run, read from its file.

    spec, header: what was asked for, and where and with what it was made
    curve:        rows along training; validation, probes: rows of those kinds
    end:          the closing row; empty while the run is incomplete
    """

    spec: RunSpec
    header: Row
    curve: list[Row] = field(default_factory=list)
    validation: list[Row] = field(default_factory=list)
    probes: list[Row] = field(default_factory=list)
    end: Row = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """Read a record; None where not even its header was written.

        A torn line is passed over. Of several attempts the last one counts; where it went on
        from a checkpoint, the rows after the checkpoint were written twice, and the second
        writing counts.
        """
        record = None
        for line in _text(path).splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            kind = row.pop("kind")
            if kind == "run":
                record = cls(RunSpec.from_dict(row.pop("spec")), row)
            elif record and kind == "resumed":
                at = row["timesteps"]
                for rows in (record.curve, record.validation):
                    rows[:] = [r for r in rows if r["timesteps"] <= at]
                # a probe comes before an episode: one at the checkpoint itself is made again
                record.probes = [r for r in record.probes if r["timesteps"] < at]
                record.end = {}
            elif record and kind == "end":
                record.end = row
            elif record:
                getattr(record, {"probe": "probes"}.get(kind, kind)).append(row)
        return record

    @property
    def status(self) -> str:
        """complete, diverged, failed, or incomplete (running, or killed)."""
        return str(self.end.get("status", "incomplete"))

    @property
    def engine(self) -> str:
        """What made the updates: "eager", "compiled", or both."""
        return str(self.end.get("engine") or "eager")

    @property
    def finished(self) -> bool:
        """Whether the run has its result."""
        return self.status in FINISHED


class Store:
    """A results folder: runs/ holds a record per run, checkpoints/ what they can go on from.

    A record that is kept may be packed with gzip; it is read as it is, and unpacked to be
    written on.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

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
        """The record of a run, None where there is none."""
        path = self._path(spec)
        for there in (path, _packed(path)):
            if there.exists():
                return Record.read(there)
        return None

    def text(self, spec: RunSpec) -> str:
        """A run's record as it stands in its file."""
        return _text(self._path(spec))

    def records(self) -> list[Record]:
        """Every record in the folder, by task, trainer and seed."""
        plain = set((self.folder / "runs").glob("*.jsonl"))
        packed = (self.folder / "runs").glob("*.jsonl.gz")
        paths = sorted(plain | {path for path in packed if path.with_suffix("") not in plain})
        read = [record for path in paths if (record := Record.read(path))]
        return sorted(read, key=lambda r: (r.spec.task, r.spec.trainer, r.spec.seed, r.spec.id))

    def existing(self) -> list[Record]:
        """records(); ValueError where there is none."""
        found = self.records()
        if not found:
            raise ValueError(f"no records in {self.folder}")
        return found

    def open(self, spec: RunSpec) -> Writer:
        """A writer for a run; BusyError while another process holds it."""
        path = self._path(spec)
        if not path.exists() and _packed(path).exists():
            unpacked = path.with_name(f"{path.name}.{os.getpid()}")
            unpacked.write_text(_text(_packed(path)), encoding="utf-8")
            with suppress(FileExistsError):
                os.link(unpacked, path)  # whole, and never over one that is being written
            unpacked.unlink()
        return Writer(path)

    def checkpoint(self, spec: RunSpec) -> Path:
        """Where a run keeps what it can go on from."""
        return self.folder / "checkpoints" / f"{spec.id}.pt"

    def _path(self, spec: RunSpec) -> Path:
        return self.folder / "runs" / f"{spec.id}.jsonl"


def _packed(path: Path) -> Path:
    return path.with_name(path.name + ".gz")


def _text(path: Path) -> str:
    """A record's lines; ValueError where a packed one is damaged."""
    if path.suffix != ".gz":
        return path.read_text(encoding="utf-8")
    try:
        return gzip.decompress(path.read_bytes()).decode()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


class BusyError(ValueError):
    """Another process writes the record; its lock ends with it, however it ends."""


class RecordingError(OSError):
    """A record or checkpoint cannot be written; what was written before is whole."""


class Writer:
    """The open end of a record. Every row is on the disk when append() returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab+", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise BusyError(f"{path} is being written by another process") from None
        if self._file.tell() and not self._ends_in_newline():
            self._write(b"\n")  # a write was cut short: shut its line off

    def append(self, kind: str, row: Row) -> None:
        """Write one row, a line of JSON."""
        self._write(json.dumps({"kind": kind, **row}).encode() + b"\n")

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the record."""
        self._file.close()

    def _write(self, line: bytes) -> None:
        try:
            if os.write(self._file.fileno(), line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())
        except OSError as error:
            raise RecordingError(f"cannot write {self._path}: {error.strerror}") from None

    def _ends_in_newline(self) -> bool:
        self._file.seek(-1, os.SEEK_END)
        return self._file.read(1) == b"\n"
