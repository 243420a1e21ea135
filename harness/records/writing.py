"""The open end of a record."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from harness.records.record import Row


class BusyError(ValueError):
    """Another process is writing the record; its lock ends when it does, however it ends."""


class RecordingError(OSError):
    """A record or checkpoint cannot be written; what was written before is whole."""


class Writer:
    """The open end of a record.

    Every row is written when append() returns, and outlives this process. What must outlive the
    machine, too, is settled: the last row, and all that a checkpoint counts as recorded.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab+", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise BusyError(f"{path} is being written by another process") from None
        self._whole = False

    def append(self, kind: str, row: Row) -> None:
        """Write one row, a line of JSON; RecordingError where it cannot be written.

        "end" is on the disk afterwards, and so is every row before it.

        A line that was only partly written, by this process or by an earlier one, is first ended
        with a newline: no row is appended to half of another.
        """
        if not self._whole and not self._ends_in_newline():
            self._write(b"\n")
        self._whole = False  # in case of a full disk or a signal
        self._write(json.dumps({"kind": kind, **row}).encode() + b"\n")
        self._whole = True
        if kind == "end":
            self.settle()

    def settle(self) -> None:
        """Wait until all rows are on the disk, 4 ms; RecordingError where they cannot be."""
        with self._failing():
            os.fsync(self._file.fileno())

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, which releases the lock."""
        self._file.close()

    def _write(self, line: bytes) -> None:
        with self._failing():
            if os.write(self._file.fileno(), line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RecordingError(f"cannot write {self._path}: {error.strerror}") from None

    def _ends_in_newline(self) -> bool:
        """Whether the file ends with a whole line, or is empty."""
        if not self._file.seek(0, os.SEEK_END):
            return True
        self._file.seek(-1, os.SEEK_END)
        return self._file.read(1) == b"\n"
