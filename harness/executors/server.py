"""The process that workers are forked from: it imports what they need, once for all."""

# No torch here: a command starts the server at once, and both import torch at the same time.

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing import forkserver
from multiprocessing.context import BaseContext

from harness.runs.parent import SLOW

PRELOADED = (*SLOW, "harness.executors.local")


def begun() -> BaseContext:
    """The context of its forks; the server is started where it is not there yet."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED])
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)  # what it forks ignores Ctrl-C, as it does
    forkserver.ensure_running()
    signal.signal(signal.SIGINT, heard)
    return context
