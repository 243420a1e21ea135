"""Files that a task reads: in the user's folder, or downloaded once to a cache."""

from __future__ import annotations

import os
from pathlib import Path

import pooch


def fetched(what: str, name: str, file: str, url: str, checksum: str | None, wanted: str) -> Path:
    """The path of a file of a named set: in the SGBENCH_DATA folder, or in the cache.

    ValueError, one line, where it is in neither and cannot be downloaded.

    what:     the set, as the error names it
    checksum: of a download, as pooch takes it; None, and a file in the folder: the caller checks
    wanted:   every file of the set, as the error names them
    """
    return _in_folder(name, file) or _downloaded(what, file, url, checksum, wanted)


def _in_folder(name: str, file: str) -> Path | None:
    if not (folder := os.environ.get("SGBENCH_DATA")):
        return None
    places = Path(folder, name, file), Path(folder, file)
    return next((path for path in places if path.is_file()), None)


def _downloaded(what: str, file: str, url: str, checksum: str | None, wanted: str) -> Path:
    pooch.get_logger().setLevel("ERROR")
    cache = pooch.create(
        pooch.os_cache("sgbench"),
        base_url="",
        registry={file: checksum},
        urls={file: url},
        retry_if_failed=2,
    )
    try:
        return Path(cache.fetch(file))
    except Exception as error:
        raise ValueError(
            f"{what} cannot be downloaded ({type(error).__name__}); "
            f"put {wanted} into a folder and name it with --data or SGBENCH_DATA"
        ) from None


def drop(path: Path) -> None:
    """Remove a damaged file that was downloaded, so that it is fetched anew; not a user's own."""
    if path.is_relative_to(pooch.os_cache("sgbench")):
        path.unlink(missing_ok=True)
