"""The messages of worker processes to their parent's progress bars."""

# No torch here: the process in between imports only this, and starts a second sooner.

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.managers import SyncManager
from queue import Queue
from threading import Thread
from typing import Any

from harness.executors.bars import Bars, Message
from harness.runs.parent import watch_parent


@contextmanager
def channel(bars: Bars, context: Any) -> Iterator[Queue[Message | None]]:
    """A queue for messages from other processes; what is put there is shown on the bars."""
    manager = SyncManager(ctx=context)
    try:
        manager.start(watch_parent)
        messages: Queue[Message | None] = manager.Queue()
    except EOFError:  # which click would take for Ctrl-C
        raise ChildProcessError(
            "the process that relays progress died (killed, or out of memory)"
        ) from None
    listener = Thread(target=bars.listen, args=(messages,), daemon=True)
    listener.start()
    try:
        yield messages
    finally:
        with suppress(OSError, EOFError):
            messages.put(None)
            listener.join()
        manager.shutdown()
