"""What the check measures: tasks, trainers and the names of the groups."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

VERSION = 1
"""Raised when a figure changes its meaning: figures of other versions are not compared.

A new figure does not raise it: until it is recorded, the check says "could not tell".
"""

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
RESET = {"plain_copy_reset": "plain_copy(bits=4, start=4, protocol='reset')"}
"""The one task whose episodes end: nothing follows their last window."""
GROUPS = ("cost", "levels", "losses", "learning", "speed")


@contextmanager
def tasks() -> Iterator[dict[str, str]]:
    """Four tasks by name, episodes of 9, 8, 9 and 9 timesteps: three windows each.

    The text is generated here: char_lm's own differs between Python releases. Of random.Random
    only random() is guaranteed to give the same numbers in all of them.
    """
    rng, words = random.Random(0), ("the", "a", "cat", "dog", "sees", "hears", "one", ",", ".")
    text = " ".join(words[int(rng.random() * len(words))] for _ in range(2_000))
    with TemporaryDirectory() as folder:
        path = Path(folder, "text.txt")
        path.write_text(text, encoding="utf-8")
        yield {**COPY, **RESET, "char_lm": f"char_lm(corpus={str(path)!r}, length=9)"}
