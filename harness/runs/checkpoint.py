"""What a run resumes from: one file, always replaced as a whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch

from harness.compat.torch_internals import copied
from harness.store import RecordingError

VERSION = 3
"""Raised with every change to what a run's state holds, or to the names in it."""


def save(path: Path, run_id: str, state: dict[str, Any]) -> None:
    """Write a checkpoint beside the old one, then replace it; RecordingError where it cannot."""
    new = path.with_suffix(".new")
    try:
        with new.open("wb") as file:
            # copies: a view, such as a stack's weights, would be saved with all of its storage
            torch.save(copied({"run_id": run_id, "version": VERSION, **state}), file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except (OSError, RuntimeError) as error:  # torch raises the latter on a full disk
        new.unlink(missing_ok=True)
        raise RecordingError(f"cannot write checkpoint {path}: {error}") from None


def load(path: Path, run_id: str) -> dict[str, Any] | None:
    """Read a checkpoint; None if there is none.

    ValueError if it is damaged, another run's or of another version.
    """
    if not path.exists():
        return None
    try:
        with ZipFile(path) as file:
            if altered := file.testzip():  # torch itself ignores a wrong checksum
                raise BadZipFile(altered)
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        owner, _ = state.pop("run_id"), state["done"]["timesteps"]
    except Exception as error:
        raise ValueError(f"checkpoint {path} is damaged ({type(error).__name__})") from None
    if owner != run_id:
        raise ValueError(f"checkpoint {path} belongs to another run")
    if (version := state.pop("version", 1)) != VERSION:
        raise ValueError(f"checkpoint {path} is of version {version}, this is {VERSION}")
    return state
