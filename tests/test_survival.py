"""Suites that are killed, crowded or starved lose nothing that was recorded."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from harness.store import Store
from harness.table import curves, table

KILLS = 30
CLOCKED = ["seconds", "throughput", "date"]

OFTEN = '''
"""tbptt, checkpointed at every point of the curve; and one that takes its process with it."""

import os

from harness import record
from harness.trainers.tbptt import Tbptt

record.CHECKPOINT_SECONDS = 0.0


class Often(Tbptt):
    pass
'''

COMMAND = [
    "run", "plain_copy(bits=2)", "bptt", "tbptt(T=3)", "dni(T=3)", "often(T=3)",
    "--model", "lstm(hidden=16)", "--batch", "4", "--seeds", "2", "--timesteps", "12000",
]  # fmt: skip


def start(results: Path, plugin: Path, *more: str) -> subprocess.Popen[bytes]:
    """A suite in a process group of its own; what it says goes to said.txt beside its plug-in."""
    with (plugin.parent / "said.txt").open("wb") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *COMMAND, "--results", str(results),
             "--plugin", str(plugin), "--jobs", "2", *more],
            stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip


def children(pid: int) -> list[int]:
    """The worker processes of a suite, as /proc has them."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(each) for each in found if b"spawn_main" in _command(int(each))]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "often.py"
    path.write_text(OFTEN)
    return path


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers in Linux's /proc")
def test_a_suite_killed_at_random_moments_ends_as_one_that_was_not(
    tmp_path: Path, plugin: Path
) -> None:
    calm = start(tmp_path / "calm", plugin)
    assert calm.wait(120) == 0
    seed = random.randrange(2**32)
    rng, kills, launches = random.Random(seed), {"suite": 0, "worker": 0}, 0
    running = start(tmp_path / "killed", plugin)
    until = time.monotonic() + 240
    while sum(kills.values()) < KILLS and time.monotonic() < until:
        time.sleep(rng.uniform(0.2, 1.6))
        if running.poll() is not None:  # all done, or done but for killed workers
            launches += 1
            anew = ["--again"] if running.returncode == 0 else []
            running = start(tmp_path / "killed", plugin, *anew)
            time.sleep(2)
        elif (workers := children(running.pid)) and rng.random() < 0.6:
            _kill(rng.choice(workers))
            kills["worker"] += 1
        else:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            kills["suite"] += 1
            launches += 1
            running = start(tmp_path / "killed", plugin)
            time.sleep(2)  # so that something runs when the next comes
    assert running.wait(120) in (0, 1)
    for _ in range(3):
        last = start(tmp_path / "killed", plugin)
        if last.wait(120) == 0:
            break
    said = (tmp_path / "said.txt").read_text()
    assert last.returncode == 0, f"seed {seed}, {kills}: {said}"
    assert min(kills.values()) > 3, f"seed {seed}: {kills}, {launches} launches"
    for kind in ("table", "curve", "validation"):
        left, right = (read(tmp_path / name, kind) for name in ("calm", "killed"))
        pd.testing.assert_frame_equal(left, right, obj=f"{kind}, seed {seed}, {kills}")


def read(folder: Path, kind: str) -> pd.DataFrame:
    records = Store(folder).records()
    frame = table(records) if kind == "table" else curves(records, kind)
    return frame.drop(columns=[name for name in CLOCKED if name in frame])


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
