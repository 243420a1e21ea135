"""A worker's process: from the spec to its part of the run, stretch by stretch."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist

from harness.measure.environment import available, set_up
from harness.measure.sent import bytes_sent
from harness.registry import Registry
from harness.runs.build import Built, built
from harness.runs.launch import launched, one_machine
from harness.runs.parent import watch_parent
from harness.spec import RunSpec
from harness.worker import Mode, Place

PATIENCE = timedelta(minutes=30)
"""Longer than any wait: who dies is noticed by the parent."""

LOOPBACK = {"linux": "lo", "darwin": "lo0"}


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is started with.

    spec:    to_dict() of a RunSpec
    meeting: a file that does not exist yet, through which the workers find each other; under
             torchrun no more than a name, in its store
    marks:   numbers of minibatches after which they stop and report
    done:    minibatches learnt by earlier processes
    """

    spec: Mapping[str, Any]
    plugins: Sequence[Path]
    rank: int
    processes: int
    meeting: str
    marks: Sequence[int]
    done: int
    environment: Mapping[str, str]


def place(made: Built, spec: RunSpec, rank: int, processes: int) -> Place:
    """Where a worker stands."""
    _, model, trainer, (first, *_) = made
    return Place(rank, processes, spec.batch, model, trainer, first.how)


def started(job: Job, post: Connection) -> BaseProcess:
    """A worker's process; its end of the line to the parent is its own from now on."""
    process = multiprocessing.get_context("forkserver").Process(
        target=work, args=(job, post), name=f"worker {job.rank}", daemon=True
    )
    process.start()
    post.close()
    return process


def _meeting(job: Job) -> dict[str, Any]:
    """Where the workers find each other, for init_process_group."""
    if not launched():
        return {"init_method": f"file://{job.meeting}"}
    from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = TCPStore(host, port, is_master=False, timeout=PATIENCE)
    return {"store": PrefixStore(job.meeting, store)}


def work(job: Job, post: Connection) -> None:
    """Learn what the job says, and report at every mark; an error is a report, too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    watch_parent()
    os.environ.update(job.environment)
    set_up()
    try:
        _learn(job, post)
    except (Exception, SystemExit) as error:
        post.send_bytes(
            packed({
                "error": f"{type(error).__name__}: {error}",
                "traceback": traceback.format_exception(error),
                "when": time.time(),  # by the clock that machines have in common
            })
        )  # fmt: skip
        raise SystemExit(1) from None


def _learn(job: Job, post: Connection) -> None:
    spec, registry = RunSpec.from_dict(dict(job.spec)), Registry(job.plugins)
    device = available(spec.device)
    made = built(spec, registry, device)
    made.trainer.begin(spec.batch)
    if one_machine() and (name := LOOPBACK.get(sys.platform)):
        os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
    dist.init_process_group(
        "gloo" if device.type == "cpu" else "nccl",
        **_meeting(job), rank=job.rank, world_size=job.processes, timeout=PATIENCE,
    )  # fmt: skip
    mode: Mode = registry.make("mode", spec.workers)
    worker = mode.worker(place(made, spec, job.rank, job.processes))
    rng = torch.Generator().manual_seed(1_000_003 * (spec.seed + 1))  # as Run seeds its data's
    if saved := post.recv_bytes():
        state = unpacked(saved)
        worker.load_state_dict(state["worker"])
        rng.set_state(state["rng"])
        made.task.load_state_dict(state["task"])
    supply = made.task.episodes(spec.batch, rng, 1)
    done = job.done
    for mark in job.marks:
        losses: list[torch.Tensor] = []
        dist.barrier()
        worker.begin(mark - done)
        sent, computed, began = bytes_sent(), time.thread_time(), time.perf_counter()
        for number in range(done, mark):
            episode = next(supply).to(device, torch.float32)
            for update in worker.updates:
                update.at(number + 0.5)  # an episode is a timestep: the schedule's in its middle
            if (loss := worker.learn(episode)) is not None:
                losses.append(loss)
        worker.settle()
        seconds = time.perf_counter() - began
        now = bytes_sent()
        report = {
            "seconds": seconds,
            "waited": max(seconds - (time.thread_time() - computed), 0.0),
            "bytes": None if now is None or sent is None else now - sent,
            "losses": torch.stack(losses).tolist() if losses else None,
            "ages": worker.ages,
            "weights": worker.weights(),
            "state": {
                "worker": worker.state_dict(),
                "rng": rng.get_state(),
                "task": made.task.state_dict(),
            },
        }
        worker.ages, done = [], mark
        post.send_bytes(packed(report))
        post.recv_bytes()  # the parent evaluates meanwhile


def packed(message: Any) -> bytes:
    """A message between parent and worker: tensors as they are, no shared memory."""
    buffer = io.BytesIO()
    torch.save(message, buffer)
    return buffer.getvalue()


def unpacked(message: bytes) -> Any:
    """What packed() packed."""
    return torch.load(io.BytesIO(message), weights_only=True)
