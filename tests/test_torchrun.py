"""Runs on workers that torchrun has started: the same runs, and what ends them."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from torch import distributed as dist

from harness.registry import Registry
from harness.runs import member
from harness.runs.record import record
from harness.spec import Conditions, RunSpec
from harness.store import Record, Store

pytestmark = pytest.mark.skipif(
    not (dist.is_available() and dist.is_gloo_available()), reason="torch has no gloo"
)

ROOT = Path(__file__).resolve().parent.parent
DOTS = ROOT / "tests" / "toys" / "dots.py"
SPEC: dict[str, Any] = {
    "trainer": "dni_depth(cuts=(0,))", "workers": "decoupled(processes=2, queue=0)",
    "model": "mlp(hidden=4, layers=1)", "batch": 12, "timesteps": 60,
}  # fmt: skip
VICTIMS = ("worker", "first", "rank")
"""Of dots: a worker is killed; rank 0 gets torchrun's SIGTERM; another rank is killed."""


def words(results: Path, task: str, workers: str = SPEC["workers"]) -> list[str]:
    """A command."""
    return [
        "run", task, SPEC["trainer"], "--workers", workers, "--model", SPEC["model"],
        "--batch", "12", "--timesteps", "60", "--results", str(results), "--plugin", str(DOTS),
    ]  # fmt: skip


@contextmanager
def begun(
    folder: Path, command: Sequence[str], agents: Sequence[Sequence[str]]
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """torchrun, once for each machine, all of them this one. Nothing of it may be left."""
    mark = f"{os.getpid()} {time.monotonic_ns()}"
    env = {**os.environ, "OMP_NUM_THREADS": "1", "TESTED": mark}
    torchrun, started = [sys.executable, "-m", "torch.distributed.run"], []
    for number, options in enumerate(agents):
        with (folder / f"agent{number}").open("w") as said:
            words = [*torchrun, *options, "-m", *command]
            started.append(subprocess.Popen(words, env=env, cwd=ROOT, stdout=said, stderr=said))
    try:
        yield started
        until = time.monotonic() + 10
        while (left := running(mark)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not left
    finally:
        for each in started:
            each.terminate()
            each.wait()


def running(mark: str) -> list[str]:
    """Processes begun with a mark in their environment, as Linux tells them."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if f"TESTED={mark}\0".encode() in (path / "environ").read_bytes():
                found.append((path / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended
            continue
    return found


@dataclass
class Launch:
    """What came of it. codes: exit codes by rank; said: by command and rank"""

    folder: Path
    codes: list[list[int]]
    said: list[list[str]]
    exit: int

    def task(self, victim: str) -> str:
        return f"dots(killed=40, victim={victim!r}, told={str(self.folder / victim)!r})"

    def record(self, victim: str) -> Record:
        found = Store(self.folder).record(RunSpec(task=self.task(victim), **SPEC))
        assert found
        return found

    def resumed(self, victim: str) -> int:
        text = Store(self.folder).text(RunSpec(task=self.task(victim), **SPEC))
        return text.count('"resumed"')


REFUSED = (
    "workers ddp(processes=3): it has 3 processes, torchrun has started 2",
    "a run without --workers is one process: leave torchrun out",
    "--executor ray starts processes of its own: leave torchrun out",
)


@pytest.fixture(scope="module")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Launch:
    """Commands on two ranks. The last kills one, and torchrun ends."""
    made = Launch(tmp_path_factory.mktemp("launch"), [], [], 0)
    folder = made.folder
    worker, first, rank = (words(folder, made.task(victim)) for victim in VICTIMS)
    commands = [
        words(folder, "dots", "ddp(processes=3)"), words(folder, "dots", ""),
        [*worker, "--executor", "ray"], worker, worker, first, first, [*rank, "--seeds", "2"],
    ]  # fmt: skip
    (folder / "commands.json").write_text(json.dumps(commands))
    one = ["--standalone", "--nproc-per-node", "2"]
    with begun(folder, ["tests.ranks", str(folder)], [one]) as (torchrun,):
        made.exit = torchrun.wait(120)
    made.codes = [json.loads((folder / f"{r}.json").read_text()) for r in (0, 1)]
    made.said = [[(folder / f"{n}.{r}").read_text() for r in (0, 1)] for n in range(len(commands))]
    return made


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """The same run on workers forked here, to its end."""
    store, spec = Store(tmp_path_factory.mktemp("calm")), RunSpec(task="dots", **SPEC)
    store.create()
    record(spec, Registry([DOTS]), store, lambda timesteps, word: None, Conditions())
    found = store.record(spec)
    assert found
    return found


def hold_same(found: Record, calm: Record) -> None:
    """The weights are the same at every mark, as far as bits to all digits can tell."""
    assert (found.status, calm.status) == ("complete", "complete")
    one, other = ([(row["timesteps"], row["bits"]) for row in r.validation] for r in (found, calm))
    assert len(one) == 20
    assert one == other
    assert found.curve[-1]["bits"] == calm.curve[-1]["bits"]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_torchrun_cannot_have_is_refused_in_one_line(launch: Launch, number: int) -> None:
    assert launch.said[number] == [f"sgbench: {REFUSED[number]}\n", ""]
    assert [codes[number] for codes in launch.codes] == [2, 2]


def test_a_worker_is_killed_and_the_ranks_go_on(launch: Launch, calm: Record) -> None:
    before, after = launch.said[3:5]
    assert "worker 1 was killed by signal 9; run the same command to resume it" in before[0]
    assert [codes[3:5] for codes in launch.codes] == [[1, 0], [1, 0]]
    assert before[1] == after[1] == "", "rank 0 alone speaks"
    assert launch.resumed("worker") == 1
    hold_same(launch.record("worker"), calm)


def test_what_torchrun_ends_can_be_resumed(launch: Launch, calm: Record) -> None:
    assert [codes[5:7] for codes in launch.codes] == [[130, 0], [130, 0]]
    assert launch.said[5][0].endswith(
        "sgbench: stopped; run the same command to resume from checkpoints seconds old\n"
    )
    assert launch.resumed("first") == 1
    hold_same(launch.record("first"), calm)


def test_a_rank_that_dies_fails_its_run_which_goes_on_two_machines(
    launch: Launch, calm: Record
) -> None:
    failed = launch.record("rank")
    (file,) = launch.folder.rglob(f"{failed.spec.id}*.jsonl")
    took = file.stat().st_mtime - float((launch.folder / "rank").read_text())
    assert (failed.status, failed.end["error"]) == (
        "failed",
        "worker 1 has died, with rank 1 of torchrun; run the same command to resume it",
    )
    assert took < 10
    assert 0 < failed.curve[-1]["timesteps"] < 40
    assert launch.codes[0][-1] == 130, "the run of the other seed cannot begin"
    assert launch.exit == 1
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    two = [
        ["--nnodes", "2", "--nproc-per-node", "1", "--node-rank", rank,
         "--master-addr", "localhost", "--master-port", port] for rank in "01"
    ]  # fmt: skip
    command = ["harness", *words(launch.folder, launch.task("rank")), "--seeds", "2"]
    with begun(launch.folder, command, two) as agents:
        assert [agent.wait(120) for agent in agents] == [0, 0]
    assert launch.resumed("rank") == 1
    hold_same(launch.record("rank"), calm)


class HereError(Exception):
    """Workers would meet now."""


@pytest.mark.parametrize(("machines", "loopback"), [(None, True), ("1", True), ("2", False)])
def test_workers_keep_to_this_machine_where_all_are_on_it(
    machines: str | None, loopback: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meet(*_: Any, **__: Any) -> None:
        raise HereError

    monkeypatch.setattr(dist, "init_process_group", meet)
    for name, value in (("GROUP_WORLD_SIZE", machines), ("GLOO_SOCKET_IFNAME", None)):
        monkeypatch.setenv(name, value or "")
        if value is None:
            monkeypatch.delenv(name)
    spec = RunSpec(task="dots", **SPEC).to_dict()
    with pytest.raises(HereError):
        member._learn(
            member.Job(spec, [DOTS], 0, 2, "meeting", [1], 0, {}), multiprocessing.Pipe()[0]
        )
    assert ("GLOO_SOCKET_IFNAME" in os.environ) == loopback
