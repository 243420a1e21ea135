"""Processes that end with the one that started them, and what they are forked with."""

# No torch here: the process that relays progress imports this, too.

from __future__ import annotations

import multiprocessing
import os
from threading import Thread

SLOW = ("harness.runs.imported",)
"""What workers need and is slow to import, imported once, where they are forked from."""


def watch_parent() -> None:
    """End with the parent: otherwise its children would go on with the rest of its work."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end() -> None:
        parent.join()
        os._exit(1)

    Thread(target=end, daemon=True).start()
