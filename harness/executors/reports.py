"""Progress from worker processes to the bars of their parent."""

# No torch here: the process in between imports this alone, and is there a second sooner.

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.managers import SyncManager
from queue import Queue
from threading import Thread
from typing import Any

from harness.executors.bars import Bars, Report


@contextmanager
def shown(bars: Bars, context: Any) -> Iterator[Queue[Report | None]]:
    """A queue whose reports move the bars."""
    manager = SyncManager(ctx=context)
    try:
        manager.start(watch_parent)
        reports: Queue[Report | None] = manager.Queue()
    except EOFError:  # which click takes for Ctrl-C
        raise ChildProcessError(
            "the process that passes progress on died (killed, or out of memory)"
        ) from None
    listener = Thread(target=bars.listen, args=(reports,), daemon=True)
    listener.start()
    try:
        yield reports
    finally:
        with suppress(OSError, EOFError):
            reports.put(None)
            listener.join()
        manager.shutdown()


def watch_parent() -> None:
    """End with the parent: children of one that was killed would make the rest of its runs."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end() -> None:
        parent.join()
        os._exit(1)

    Thread(target=end, daemon=True).start()
