"""The rows of runs in progress as scalars, for TensorBoard to show live."""

from __future__ import annotations

import re
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from harness.spec import RunSpec
from harness.store import RecordingError, Row

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

POSITION = ("timesteps", "updates", "flops", "seconds")
COSTS = (*POSITION[1:], "activation_bytes", "peak_memory_bytes", "engine_seconds")
GROUPS = {"curve": "train", "validation": "validation", "probe": "probe", "end": "test"}
"""kind of row -> where TensorBoard lists its values."""

MEANS = ("boundary_cosine", "boundary_norm_ratio")
"""Lists whose mean is shown; the others have an axis that TensorBoard cannot show."""


def check(folder: Path | str) -> None:
    """Make the folder; ValueError where it cannot be made or TensorBoard is not installed."""
    if find_spec("tensorboard") is None:
        raise ValueError('live scalars need TensorBoard: pip install "sgbench[tensorboard]"')
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot write scalars to {folder}: {error.strerror}") from None


class Scalars:
    """The scalars of one run, in a subfolder of its own; x is data-time, in timesteps.

    It takes the rows that a Writer takes. Nothing is written before the first of them; each is on
    its way to disk when append() returns. A run that starts over hides what the folder already
    shows of it; one that resumes hides what came after its checkpoint.
    """

    def __init__(self, folder: Path | str, spec: RunSpec) -> None:
        """ValueError where TensorBoard is not installed."""
        check(folder)
        self.folder = Path(folder) / subfolder(spec)
        self._writer: SummaryWriter | None = None
        self._timesteps = 0

    def append(self, kind: str, row: Row) -> None:
        """Show one row; RecordingError where it cannot be written."""
        self._timesteps = row.get("timesteps", self._timesteps)
        try:
            if kind in GROUPS:
                self._show(kind, row, self._writer or self._open(None))
            else:
                # "resumed": rows at the checkpoint stay. A probe there is made, and shown, again,
                # at the same place with the same values.
                self._open(0 if kind == "run" else self._timesteps + 1)
        except OSError as error:
            raise RecordingError(f"cannot write {self.folder}: {error.strerror}") from None

    def close(self) -> None:
        """Close the file; append() opens another."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __enter__(self) -> Scalars:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, hidden: int | None) -> SummaryWriter:
        """A new file; what older ones hold from timestep `hidden` on is hidden."""
        from torch.utils.tensorboard import SummaryWriter

        self.close()
        # files are read in the order of their names, which begin with the time in seconds
        seconds = [int(path.name.split(".")[3]) for path in self.folder.glob("*.tfevents.*")]
        if int(time.time()) in seconds:
            time.sleep(1)
        self._writer = SummaryWriter(str(self.folder), purge_step=hidden)
        self._writer.flush()
        return self._writer

    def _show(self, kind: str, row: Row, writer: SummaryWriter) -> None:
        for name, value in scalars(kind, row).items():
            writer.add_scalar(name, value, self._timesteps)
        if kind == "end":
            said = ": ".join(filter(None, (row["status"], row.get("error"))))
            writer.add_text("status", said, self._timesteps)
        writer.flush()


def scalars(kind: str, row: Row) -> dict[str, float]:
    """The numbers that a row holds, by their names in TensorBoard.

    >>> scalars("validation", {"timesteps": 20, "updates": 4, "bits": 0.5})
    {'validation/bits': 0.5}
    """
    where = POSITION[:1] if kind == "curve" else POSITION  # the curve also shows the cost so far
    found = {}
    for name, value in row.items():
        mean = sum(value) / len(value) if name in MEANS and value else value
        if name not in where and isinstance(mean, int | float) and not isinstance(mean, bool):
            group = "cost" if name in COSTS else GROUPS[kind]
            found[f"{group}/{name.removeprefix(f'{group}_')}"] = float(mean)
    return found


def subfolder(spec: RunSpec) -> str:
    """Trainer, task, seed and id, in characters that every file system allows.

    For example: dni_T=3-plain_copy_bits=4-seed_0-11f6150baa710188
    """
    calls = (re.sub(r"[^A-Za-z0-9_.=]+", "_", call).strip("_.") for call in
             (spec.trainer, spec.task))  # fmt: skip
    readable = "-".join(call[:80] for call in calls)  # a name holds 255 bytes at most
    return f"{readable}-seed_{spec.seed}-{spec.id}"
