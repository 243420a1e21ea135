"""Under torchrun: rank 0 has the command, every other rank lends it the process of a worker.

A rank that lends has a line to rank 0, over which it is sent jobs. For each it starts a process,
which reports to rank 0 over a line of its own; it says how that process has ended.
"""

from __future__ import annotations

import multiprocessing
import os
import secrets
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.connection import Client, Connection, Listener, wait
from multiprocessing.process import BaseProcess

from harness.runs import member
from harness.runs.launch import launched, one_machine
from harness.runs.parent import SLOW

LAST_SECONDS = 5.0
"""From torchrun's SIGTERM to the end: to record which rank has died. After 30 s it kills."""

GONE = 256
"""In place of an exit code, which is smaller: the rank that would say it has died."""

MEETING = "sgbench"
"""Where in torchrun's store rank 0 says how to reach it."""


class Rank:
    """Another rank, on rank 0: of a worker, what crew.py needs of a process.

    line: to it; listener: where the processes that it starts report
    """

    def __init__(self, line: Connection, listener: Listener) -> None:
        self.line, self.listener = line, listener
        self.name, self.sentinel = "", line.fileno()
        self._code: int | None = None

    def begin(self, job: member.Job) -> Connection:
        """Have a worker started; return the line to it."""
        self.name, self._code = f"worker {job.rank}", None
        try:
            if self.line.poll():  # it has nothing to say but that it has died
                raise EOFError
            self.line.send(job)
            return self.listener.accept()
        except (EOFError, OSError):
            raise KeyboardInterrupt from None  # torchrun is about to end all ranks

    @property
    def exitcode(self) -> int | None:
        """Of the worker; None while it runs."""
        if self._code is None and self.line.poll():
            self.join()
        return self._code

    def join(self) -> None:
        """Wait for the worker to end."""
        if self._code is None:
            try:
                self._code = self.line.recv()
            except (EOFError, OSError):
                self._code = GONE

    def kill(self) -> None:
        """End the worker; to be called once, even if it has ended."""
        with suppress(OSError):
            self.line.send(None)


_ranks: list[Rank] = []
"""Those that lend workers to this process: 1, 2, …"""


def check(processes: int) -> None:
    """Raise ValueError, one line, where a run of so many workers cannot be had under torchrun.

    One worker is rank 0's own, and leaves the others idle.
    """
    if launched() and processes not in (1, 1 + len(_ranks)):
        raise ValueError(f"it has {processes} processes, torchrun has started {1 + len(_ranks)}")


def worker(job: member.Job) -> tuple[BaseProcess | Rank, Connection]:
    """A worker at work, here or at the rank of its number, and the line to it."""
    if _ranks and job.rank:
        rank = _ranks[job.rank - 1]
        return rank, rank.begin(job)
    ours, theirs = multiprocessing.Pipe()
    return member.started(job, theirs), ours


def together(command: Callable[[], int]) -> int:
    """Run a command on rank 0, for which the others lend workers; return its exit code on all."""
    from torch.distributed.rendezvous import rendezvous

    _prepare()
    store, rank, processes = next(rendezvous("env://"))
    near = "127.0.0.1" if one_machine() else ""
    if rank:
        port, key = store.get(MEETING).decode().split()
        return _lend((near or os.environ["MASTER_ADDR"], int(port)), bytes.fromhex(key))
    key = secrets.token_hex()
    with Listener((near, 0), backlog=processes, authkey=bytes.fromhex(key)) as listener:
        store.set(MEETING, f"{listener.address[1]} {key}")
        lines = {line.recv(): line for line in (listener.accept() for _ in range(1, processes))}
        store.delete_key(MEETING)  # the next command's is another
        _ranks[:] = [Rank(lines[each], listener) for each in sorted(lines)]
        signal.signal(signal.SIGALRM, signal.default_int_handler)  # as Ctrl-C
        signal.signal(signal.SIGTERM, lambda *_: signal.setitimer(signal.ITIMER_REAL, LAST_SECONDS))
        try:
            code = command()
        except SystemExit as end:
            code = int(end.code or 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for line in lines.values():
            with suppress(OSError):
                line.send(code)
    return code


def _prepare() -> None:
    """Begin the process that workers are forked from; it leaves torchrun's signals to this one.

    torchrun sends them to all processes that a rank has started.
    """
    multiprocessing.set_forkserver_preload([member.__name__, *SLOW])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    forkserver.ensure_running()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _lend(address: tuple[str, int], key: bytes) -> int:
    """Do the jobs of rank 0, one at a time, until it sends its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # rank 0 ends
    try:
        line = Client(address, authkey=key)
        line.send(int(os.environ["RANK"]))
        while not isinstance(job := line.recv(), int):
            if (code := _work(job, Client(address, authkey=key), line)) is not None:
                return code
    except (EOFError, OSError):  # rank 0 has died
        return 1
    return job


def _work(job: member.Job, post: Connection, line: Connection) -> int | None:
    """Do a job; return the exit code of rank 0 if it ends meanwhile."""
    process = member.started(job, post)
    wait([line, process.sentinel])
    if process.exitcode is None:
        process.kill()
    process.join()
    line.send(process.exitcode)
    code: int | None = line.recv()
    return code
