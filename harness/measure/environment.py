"""Where a run is made, and what a record says about it so that its numbers can be trusted."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import torch


def set_up() -> None:
    """How every process of a run computes: in one thread; on a CPU subnormal numbers count as 0.

    Those are below 1.2e-38 in float32. A saturated state makes them, and a processor may take far
    longer for them than for others: see row 70 of results/speed/NOTES.md.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def available(name: str) -> torch.device:
    """A device by name; ValueError where this machine has no such device."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"no device {name!r}; write cpu, cuda or cuda:0") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {name!r} is not available: torch {torch.__version__} sees no GPU")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise ValueError(f"device {name!r} is not available: this machine has {count} GPU(s)")
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device {name!r} is not supported; write cpu, cuda or cuda:0")
    return device


def describe(device: torch.device, plugins: Iterable[Path] = ()) -> dict[str, str | int | bool]:
    """Commit, torch, machine, threads, date, and the checksum of every plug-in."""
    commit, dirty = _checkout(Path(__file__).resolve().parents[2])
    return {
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "processor": processor(device),
        "threads": torch.get_num_threads(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "plugins": " ".join(map(fingerprint, plugins)),
    }


def fingerprint(path: Path) -> str:
    """A plug-in file as records name it: file name and the first 16 digits of its SHA-256."""
    return f"{path.name}:{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"


@lru_cache
def _checkout(root: Path) -> tuple[str, bool]:
    """The commit of the project's own checkout, and whether it holds uncommitted changes."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != root:
            return "unknown", False
        # runs write to results/, the current record included
        changes = git("status", "--porcelain", "--", ".", ":!results")
        return git("rev-parse", "HEAD"), bool(changes)
    except (OSError, subprocess.CalledProcessError):
        return "unknown", False


def processor(device: torch.device) -> str:
    """The name of the processor, or of the GPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
