"""What the check measures: tasks, trainers and the names of the groups."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

VERSION = 1
"""Raised with every change to what is measured: figures of another version are not compared."""

T = 3
TRAINERS = {
    "bptt": "bptt",
    "tbptt": f"tbptt(T={T})",
    "sg": f"sg(T={T})",
    "dni": f"dni(T={T})",
    "dni_aux": f"dni_aux(T={T})",
}
COPY = {
    "plain_copy": "plain_copy(bits=4, start=4)",
    "repeat_copy": "repeat_copy(bits=4, start=2)",
}
GROUPS = ("cost", "levels", "losses", "learning", "speed")


@contextmanager
def tasks() -> Iterator[dict[str, str]]:
    """Three tasks by name, episodes of 9, 8 and 9 timesteps: three windows each.

    The text is drawn here: the one that char_lm brings differs between Python releases. Of
    random.Random only random() is promised to give the same numbers in all of them.
    """
    rng, words = random.Random(0), ("the", "a", "cat", "dog", "sees", "hears", "one", ",", ".")
    text = " ".join(words[int(rng.random() * len(words))] for _ in range(2_000))
    with TemporaryDirectory() as folder:
        path = Path(folder, "text.txt")
        path.write_text(text, encoding="utf-8")
        yield {**COPY, "char_lm": f"char_lm(corpus={str(path)!r}, length=9)"}
