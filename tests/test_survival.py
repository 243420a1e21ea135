"""Suites that are killed, crowded or starved lose nothing that was recorded."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from harness.__main__ import main
from harness.analysis.table import curves, table
from harness.executors import channel
from harness.store import Store

KILLS = 30
CLOCKED = ["seconds", "throughput", "date"]

OFTEN = '''
"""tbptt, and every run checkpointed at every point of its curve."""

from harness.runs import record
from harness.trainers.tbptt import Tbptt

record.CHECKPOINT_SECONDS = 0.0


class Often(Tbptt):
    pass
'''

ALONE = '''
"""Trainers that end badly."""

import os
import signal
import time

from harness.trainers.tbptt import Tbptt


class Bad(Tbptt):
    def __init__(self, model, loss, *, how: str = "raises"):
        super().__init__(model, loss, T=3)
        self.how, self.pid = how, os.getpid()

    def gradients(self, episode):
        if self.seen > 300:
            if self.how == "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.how == "hangs":
                time.sleep(600)
            if self.how == "raises":
                raise RuntimeError("<script>bad</script>")
            if self.how == "quits":
                raise SystemExit("enough")
            if self.how == "starves":
                bytearray(1 << 62)
        for loss in super().gradients(episode):
            yield loss * float("nan") if self.how == "diverges" and self.seen > 300 else loss
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


@pytest.mark.long
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


def test_a_run_that_ends_badly_ends_alone(tmp_path: Path) -> None:
    plugin, results = tmp_path / "bad.py", tmp_path / "results"
    plugin.write_text(ALONE)
    hows = ["raises", "dies", "hangs", "starves", "diverges", "quits"]
    bad = [f"bad(how={how!r})" for how in hows]
    command = [
        sys.executable, "-m", "harness", "run", "plain_copy(bits=2)", *bad, "tbptt(T=3)",
        "--model", "lstm(hidden=8)", "--batch", "4", "--timesteps", "1500", "--limit", "12",
        "--plugin", str(plugin), "--results", str(results),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stderr
    ended = {r.spec.trainer: (r.status, r.end["error"]) for r in Store(results).records()}
    assert ended.pop("tbptt(T=3)") == ("complete", None)
    (raises, dies, hangs, starves, diverges, quits) = (ended[each] for each in bad)
    assert raises[0] == "failed"
    assert "RuntimeError: <script>bad</script> (bad.py, line" in raises[1]
    assert dies == ("failed", "its process died (killed, or out of memory); "
                    "the same command goes on with it")  # fmt: skip
    assert hangs == ("failed", "took longer than its limit of 12 s")
    assert starves[0] == "failed"
    assert "MemoryError" in starves[1]
    assert quits[0] == "failed"
    assert "SystemExit: enough" in quits[1]
    assert diverges[0] == "diverged"
    assert "at update" in diverges[1]
    for each in bad:
        assert each in done.stderr, "the summary names it"


def test_a_suite_whose_progress_dies_is_not_one_that_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def killed(*_: object) -> None:
        raise EOFError

    monkeypatch.setattr(channel.SyncManager, "start", killed)
    asked = ["run", "plain_copy(bits=2)", "tbptt(T=3)", "dni(T=3)", "--results", str(tmp_path)]
    with pytest.raises(SystemExit) as ended:
        main(asked)
    assert ended.value.code == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "sgbench: the process that passes progress on died (killed, or out of memory)"
    )


SHORT = ["--timesteps", "1500"]


def test_two_suites_in_one_folder_share_the_work(tmp_path: Path, plugin: Path) -> None:
    both = [start(tmp_path / "shared", plugin, *SHORT) for _ in range(2)]
    assert [suite.wait(120) for suite in both] == [0, 0]
    records = sorted((tmp_path / "shared" / "runs").iterdir())
    assert len(records) == 8
    for path in records:
        kinds = [line.split('"', 4)[3] for line in path.read_text().splitlines()]
        assert (kinds.count("run"), kinds.count("end")) == (1, 1), "made once"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="mounting needs root")
def test_a_disk_that_fills_up_damages_nothing(tmp_path: Path, plugin: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip(reason="tmpfs cannot be mounted here")
    try:
        assert start(small / "results", plugin, *SHORT).wait(120) == 1
        said = (tmp_path / "said.txt").read_text().splitlines()
        assert sum("cannot write" in line for line in said) == 1, said
        assert said[-1].endswith("No space left on device"), said
        subprocess.run(["mount", "-o", "remount,size=8m", str(small)], check=True)
        assert start(small / "results", plugin, *SHORT).wait(120) == 0
        assert start(tmp_path / "calm", plugin, *SHORT).wait(120) == 0
        for kind in ("table", "curve", "validation"):
            pd.testing.assert_frame_equal(
                read(tmp_path / "calm", kind), read(small / "results", kind)
            )
    finally:
        subprocess.run(["umount", str(small)], check=True)


def read(folder: Path, kind: str) -> pd.DataFrame:
    records = Store(folder).records()
    frame = table(records) if kind == "table" else curves(records, kind)
    return frame.drop(columns=[name for name in CLOCKED if name in frame])


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
