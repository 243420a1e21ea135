"""Suites that are killed, crowded or starved lose nothing that was recorded."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pandas as pd
import pytest

from harness.__main__ import main
from harness.analysis.table import curves, table
from harness.executors import channel
from harness.runs import record
from harness.store import Store
from tests.forked import begun

KILLS = 8
"""Of a run by itself; those of a suite and of its workers come on top."""

CLOCKED = ["seconds", "throughput", "date", "commit", "dirty"]
"""What another minute changes; whoever works beside the tests may commit meanwhile."""

OFTEN = '''
"""dni, and every run of its process is saved as often as may be; or never, where it is calm."""

import os

from harness.runs import record
from harness.trainers.dni import Dni

record.CHECKPOINT_SECONDS = 1e6 if "CALM" in os.environ else 0.0
record.SAVING_SHARE = 1.0


class Often(Dni):
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
        if self.seen > 60:
            if self.how == "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.how == "hangs":
                time.sleep(60)
                raise RuntimeError("nobody ended it")
            if self.how == "raises":
                raise RuntimeError("<script>bad</script>")
            if self.how == "quits":
                raise SystemExit("enough")
            if self.how == "starves":
                bytearray(1 << 62)
        for loss in super().gradients(episode):
            yield loss * float("nan") if self.how == "diverges" and self.seen > 60 else loss
'''

TRAINERS, SEEDS = ["bptt", "tbptt(T=3)", "often(T=3)"], ["0", "1"]


def command(results: Path, plugin: Path, trainers: list[str], *more: str) -> list[str]:
    return [
        "run", "plain_copy(bits=2)", *trainers, "--model", "lstm(hidden=8)", "--batch", "4",
        "--timesteps", "1200", "--results", str(results), "--plugin", str(plugin), *more,
    ]  # fmt: skip


def start(results: Path, plugin: Path, *more: str) -> BaseProcess:
    """A suite under way; what it says goes to said.txt beside its plug-in."""
    words = command(results, plugin, TRAINERS, "--seeds", str(len(SEEDS)), "--jobs", "2", *more)
    return begun(*words, said=plugin.parent / "said.txt")


def number(process: BaseProcess) -> int:
    assert process.pid is not None
    return process.pid


def ended(process: BaseProcess, seconds: float = 240) -> int | None:
    """Wait for it; return its exit code, or None where it goes on."""
    process.join(seconds)
    return process.exitcode


def children(pid: int) -> list[int]:
    """The worker processes of a suite, as /proc has them."""
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CHECKPOINT_SECONDS", "SAVING_SHARE"):  # for other tests, as they were
        monkeypatch.setattr(record, name, getattr(record, name))
    path = tmp_path / "often.py"
    path.write_text(OFTEN)
    return path


def test_a_run_killed_at_random_moments_ends_as_one_that_was_not(
    tmp_path: Path, plugin: Path
) -> None:
    killed, kills, resumed = Store(tmp_path / "killed"), 0, 0
    words = command(killed.folder, plugin, ["often(T=3)"])
    while kills < KILLS:
        run, before, slept = begun(*words), _saved(killed), 0.0
        # as it begins; or after it has saved, however long that takes on a busy machine
        as_it_begins = random.random() < 0.2
        while not as_it_begins and _saved(killed) == before and slept < 20:
            time.sleep(0.002)
            slept += 0.002
        time.sleep(random.uniform(0, 0.1))
        if run.exitcode is None:
            _kill(number(run))
        code_of_it = ended(run)
        assert code_of_it in (0, -signal.SIGKILL)
        kills += code_of_it != 0
        resumed += any(b'"resumed"' in path.read_bytes() for path in killed.folder.glob("runs/*"))
        again = ["--again"] if code_of_it == 0 else []
        words = command(killed.folder, plugin, ["often(T=3)"], *again)
    for folder in (killed.folder, tmp_path / "calm"):
        assert ended(begun(*command(folder, plugin, ["often(T=3)"]))) == 0
    assert resumed, "none went on from a checkpoint"
    hold_equal(tmp_path / "calm", killed.folder)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers in Linux's /proc")
def test_a_suite_killed_at_random_moments_ends_as_one_that_was_not(
    tmp_path: Path, plugin: Path
) -> None:
    """One of its workers, and all of it; the test above kills what is cheap to begin."""
    killed = Store(tmp_path / "killed")
    running = start(killed.folder, plugin)
    for what in random.sample(["worker", "suite"], 2):
        while True:
            before = _written(killed)
            while running.exitcode is None and not (
                children(number(running)) and _written(killed) > before and _saved(killed)
            ):  # something to go on from
                time.sleep(0.005)
            time.sleep(random.uniform(0, 0.3))
            if (done := running.exitcode) is None:
                break
            assert done in (0, 1), (tmp_path / "said.txt").read_text()
            running = start(killed.folder, plugin, *(["--again"] if done == 0 else []))
        if what == "worker":
            _kill(random.choice(children(number(running))))
        else:
            os.killpg(number(running), signal.SIGKILL)
            assert ended(running) == -signal.SIGKILL
            running = start(killed.folder, plugin)
    assert ended(running) in (0, 1)
    rest = command(killed.folder, plugin, TRAINERS, "--seeds", str(len(SEEDS)), "--jobs", "2")
    assert code(rest) == 0  # what its workers left
    calm(tmp_path / "calm", plugin)
    hold_equal(tmp_path / "calm", killed.folder)


def calm(folder: Path, plugin: Path, *more: str) -> None:
    """The suite's runs, one after the other, in this process and never saved."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CALM", "1")
        for trainer in TRAINERS:
            for seed in SEEDS:
                assert code(command(folder, plugin, [trainer], "--seed", seed, *more)) == 0


def code(words: list[str]) -> int | str | None:
    """The exit code of a command in this process."""
    with pytest.raises(SystemExit) as stop:
        main(words)
    return stop.value.code


def hold_equal(left: Path, right: Path) -> None:
    for kind in ("table", "curve", "validation"):
        pd.testing.assert_frame_equal(read(left, kind), read(right, kind), obj=kind)


def _saved(store: Store) -> list[int]:
    """When each checkpoint was written."""
    found = []
    for path in store.folder.glob("checkpoints/*.pt"):
        with contextlib.suppress(OSError):  # gone by now
            found.append(path.stat().st_mtime_ns)
    return found


def _written(store: Store) -> int:
    """Bytes of records."""
    return sum(path.stat().st_size for path in store.folder.glob("runs/*.jsonl"))


def test_a_run_that_ends_badly_ends_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plugin, results = tmp_path / "bad.py", tmp_path / "results"
    plugin.write_text(ALONE)
    hows = ["hangs", "raises", "dies", "starves", "diverges", "quits"]
    bad = [f"bad(how={how!r})" for how in hows]
    ended = code([
        "run", "plain_copy(bits=2)", *bad, "tbptt(T=3)",
        "--model", "lstm(hidden=8)", "--batch", "4", "--timesteps", "150", "--limit", "8",
        "--plugin", str(plugin), "--results", str(results), "--jobs", "2",
    ])  # fmt: skip
    said = capfd.readouterr().err
    assert ended == 1, said
    found = {r.spec.trainer: (r.status, r.end["error"]) for r in Store(results).records()}
    assert found.pop("tbptt(T=3)") == ("complete", None)
    (hangs, raises, dies, starves, diverges, quits) = (found[each] for each in bad)
    assert raises[0] == "failed"
    assert "RuntimeError: <script>bad</script> (bad.py, line" in raises[1]
    assert dies == ("failed", "its process died (killed, or out of memory); "
                    "run the same command to resume it")  # fmt: skip
    assert hangs == ("failed", "took longer than its limit of 8 s")
    assert starves[0] == "failed"
    assert "MemoryError" in starves[1]
    assert quits[0] == "failed"
    assert "SystemExit: enough" in quits[1]
    assert diverges[0] == "diverged"
    assert "at update" in diverges[1]
    for each in bad:
        assert each in said, "the summary names it"


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
        "sgbench: the process that relays progress died (killed, or out of memory)"
    )


SHORT = ["--timesteps", "600"]


def test_two_suites_in_one_folder_share_the_work(tmp_path: Path, plugin: Path) -> None:
    both = [start(tmp_path / "shared", plugin, *SHORT, "--jobs", "1") for _ in range(2)]
    assert [ended(suite) for suite in both] == [0, 0]
    records = sorted((tmp_path / "shared" / "runs").iterdir())
    assert len(records) == len(TRAINERS) * len(SEEDS)
    for path in records:
        kinds = [line.split('"', 4)[3] for line in path.read_text().splitlines()]
        assert (kinds.count("run"), kinds.count("end")) == (1, 1), "made once"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="mounting needs root")
def test_a_disk_that_fills_up_damages_nothing(
    tmp_path: Path, plugin: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip(reason="tmpfs cannot be mounted here")
    try:
        words = command(small / "results", plugin, TRAINERS, *SHORT, "--seeds", "2", "--jobs", "1")
        assert code(words) == 1
        said = capfd.readouterr().err.splitlines()
        assert sum("cannot write" in line for line in said) == 1, said
        assert said[-1].endswith("No space left on device"), said
        subprocess.run(["mount", "-o", "remount,size=8m", str(small)], check=True)
        assert code(words) == 0
        calm(tmp_path / "calm", plugin, *SHORT)
        hold_equal(tmp_path / "calm", small / "results")
    finally:
        subprocess.run(["umount", str(small)], check=True)


def read(folder: Path, kind: str) -> pd.DataFrame:
    records = Store(folder).records()
    frame = table(records) if kind == "table" else curves(records, kind)
    return frame.drop(columns=[name for name in CLOCKED if name in frame])


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
