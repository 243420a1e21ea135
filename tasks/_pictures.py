"""Small images of ten classes: where they come from, how they are split."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import sqrt

import numpy as np
import torch
from torch import Tensor

from tasks import _files


@dataclass(frozen=True, slots=True)
class Split:
    """Images and what they show, in a fixed order."""

    pixels: Tensor  # (n, side × side) uint8
    classes: Tensor  # (n,) int64

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True)
class Pictures:
    """Images in three splits.

    convention: where they come from, and how they were split
    """

    train: Split
    validation: Split
    test: Split
    convention: str

    @property
    def width(self) -> int:
        """Pixels of an image."""
        return self.train.pixels.shape[1]

    @cached_property
    def sha256(self) -> str:
        """Of the pixels, then the classes, a byte each: of training, validation, test in turn."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            digest.update(split.pixels.numpy().tobytes())
            digest.update(split.classes.to(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    @cached_property
    def scale(self) -> tuple[float, float]:
        """Mean and standard deviation of all pixels of all training images."""
        counts = torch.bincount(self.train.pixels.flatten(), minlength=256).double()
        values, total = torch.arange(256).double(), counts.sum()
        mean = float((counts * values).sum() / total)
        return mean, sqrt(float((counts * (values - mean) ** 2).sum() / total))


@lru_cache(maxsize=2)
def load(name: str) -> Pictures:
    """Read "digits" or "mnist", once a process; ValueError, one line, where it cannot be."""
    return _digits() if name == "digits" else _mnist()


def _digits() -> Pictures:
    """The images come in the order in which they were written: a writer's are side by side."""
    from sklearn.datasets import load_digits  # a second

    found = load_digits()
    # numpy keeps what this class draws the same in all its versions
    order = np.random.RandomState(0).permutation(len(found.target))
    return _split(
        found.data[order].astype(np.uint8),
        found.target[order],
        (1200, 1497),
        "scikit-learn's digits, permuted once and for all without regard to classes; "
        "1,200 train, 297 validate, 300 test",
    )


MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
MNIST = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""Files, each packed as .gz; SHA-256 of what is packed, since mirrors pack differently."""

MNIST_VALIDATION = 5000


def _mnist() -> Pictures:
    pixels, classes, tested, answers = map(_unpacked, MNIST)
    first = len(classes) - MNIST_VALIDATION
    return _split(
        np.concatenate([pixels.reshape(len(pixels), -1), tested.reshape(len(tested), -1)]),
        np.concatenate([classes, answers]),
        (first, len(classes)),
        "MNIST; of its training images the last 5,000 validate; its own test images",
    )


def _unpacked(name: str) -> np.ndarray:
    """The array in an idx file, of bytes."""
    file, wanted = f"{name}.gz", ", ".join(f"{each}.gz" for each in MNIST)
    path = _files.fetched("mnist", "mnist", file, MIRROR + file, None, wanted)
    packed = path.read_bytes()
    try:
        raw = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error):
        raw = b""
    if hashlib.sha256(raw).hexdigest() != MNIST[name]:
        _files.drop(path)
        raise ValueError(f"{path} is damaged: the sha256 of what it packs is not {MNIST[name]}")
    axes = raw[3]
    shape = np.frombuffer(raw, ">u4", axes, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _split(
    pixels: np.ndarray, classes: np.ndarray, ends: tuple[int, int], convention: str
) -> Pictures:
    """Cut at the ends of the training and of the validation images."""
    train, validation, test = (
        Split(torch.from_numpy(np.ascontiguousarray(some)), torch.from_numpy(what.astype(np.int64)))
        for some, what in zip(np.split(pixels, ends), np.split(classes, ends), strict=True)
    )
    return Pictures(train, validation, test, convention)
