"""Commands in forks of a process that has imported all they need: one begins at once.

Its workers are forks, too. As a user has them, in processes begun anew, commands are run by
test_cli.py, test_contributing.py, test_example_plugin.py and test_scalars.py.
"""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path

from harness.runs.parent import SLOW

PRELOADED = [
    *SLOW,
    "harness.executors.local", "harness.runs.run", "harness.analysis.comparison", "tests.forked",
]  # fmt: skip


def begun(*words: str, said: Path = Path(os.devnull)) -> BaseProcess:
    """A command under way, in a process group of its own; `said`: the file of what it says."""
    process = multiprocessing.get_context("forkserver").Process(target=_command, args=(words, said))
    process.start()
    return process


def _command(words: tuple[str, ...], said: Path) -> None:
    import torch

    from harness.__main__ import main

    os.setsid()
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    torch.set_num_threads(1)  # a fork takes no threads
    forks = multiprocessing.get_context("fork")
    multiprocessing.get_context = lambda method=None: forks  # type: ignore[assignment,misc]
    forkserver.ensure_running = lambda: None  # type: ignore[method-assign]
    main(words)
