"""Records: nothing lost, nothing counted twice, nothing unfinished taken for a result."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import re
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pytest
import torch
from torch import Tensor

from harness.analysis.table import COLUMNS, curves, summary, table
from harness.engines import compiled
from harness.engines.traced import as_traced
from harness.episode import Episode
from harness.registry import Registry
from harness.runs import checkpoint
from harness.runs import record as recording
from harness.runs.record import fail, record
from harness.runs.run import Run
from harness.spec import Conditions, RunSpec
from harness.store import Record, Store
from harness.task import Task

SPEC = RunSpec(task="plain_copy(bits=2)", trainer="tbptt(T=2)", model="lstm(hidden=4)", batch=2)


def small(trainer: str = "dni(T=2)", **changes: object) -> RunSpec:
    fields: dict[str, object] = {
        "task": "plain_copy(bits=2)", "trainer": trainer, "model": "lstm(hidden=4)", "batch": 2,
        "timesteps": 60, **changes,
    }  # fmt: skip
    return RunSpec(**fields)  # type: ignore[arg-type]


def silent(timesteps: int, word: str) -> None:
    pass


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "results")
    made.create()
    return made


def header(spec: RunSpec) -> dict[str, object]:
    return {"spec": json.loads(spec.to_json()), "options": {}, "unit": "bits"}


MADE = {"date": "2026-01-01", "processor": "one", "threads": 1}


def row(timesteps: int) -> dict[str, object]:
    return {"timesteps": timesteps, "updates": timesteps, "seconds": 0.1, "flops": 7, "bits": 0.5}


def drop(end: dict[str, object]) -> dict[str, object]:
    return {k: v for k, v in end.items() if k not in ("engine_seconds", "spent")}


def lines(store: Store, spec: RunSpec) -> list[dict[str, object]]:
    path = store.folder / "runs" / f"{spec.id}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_run_is_recorded_and_read_back_by_pandas(store: Store, registry: Registry) -> None:
    spec = small(probe=10)
    assert record(spec, registry, store, silent) == "complete"
    (found,) = store.records()
    assert found.spec == spec
    assert found.finished
    assert found.curve[-1]["timesteps"] >= 60
    assert 10 <= len(found.validation) <= 20
    assert found.probes
    path = store.folder / "runs" / f"{spec.id}.jsonl"
    assert set(pd.read_json(path, lines=True)["kind"]) == {
        "run", "curve", "validation", "probe", "end",
    }  # fmt: skip
    frame = table(store.records())
    assert list(frame.columns) == list(COLUMNS)
    assert frame["status"].tolist() == ["complete"]
    assert frame["T"].tolist() == [2]
    assert len(curves(store.records())) == len(found.curve)
    assert not store.checkpoint(spec).exists()


def test_a_finished_run_is_not_made_again(store: Store, registry: Registry) -> None:
    record(small(), registry, store, silent)
    before = lines(store, small())
    assert record(small(), registry, store, silent) == "complete"
    assert lines(store, small()) == before


def test_a_packed_record_is_read_found_and_written_on(store: Store, registry: Registry) -> None:
    record(small(), registry, store, silent)
    (before,) = store.records()
    path = store.folder / "runs" / f"{small().id}.jsonl"
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert len(store.records()) == 1  # beside the plain one it is the same run
    path.unlink()
    (after,) = store.records()
    assert (after.curve, after.end) == (before.curve, before.end)
    assert record(small(), registry, store, silent) == "complete"
    record(small(), registry, store, silent, Conditions(again=True))
    (anew,) = store.records()
    assert [r["bits"] for r in anew.curve] == [r["bits"] for r in before.curve]
    assert "run" in [line["kind"] for line in lines(store, small())][1:]  # both attempts are there


def test_a_torn_line_is_passed_over_and_shut_off(store: Store) -> None:
    with store.open(SPEC) as writer:
        writer.append("run", header(SPEC))
        writer.append("curve", row(1))
    path = store.folder / "runs" / f"{SPEC.id}.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.write('{"kind": "curve", "timest')  # the power went here
    found = store.record(SPEC)
    assert found is not None
    assert [r["timesteps"] for r in found.curve] == [1]
    assert found.status == "incomplete"
    with store.open(SPEC) as writer:
        writer.append("curve", row(2))
    found = store.record(SPEC)
    assert found is not None
    assert [r["timesteps"] for r in found.curve] == [1, 2]


def test_rows_after_a_checkpoint_count_once_and_the_last_attempt_counts(store: Store) -> None:
    with store.open(SPEC) as writer:
        writer.append("run", header(SPEC))
        for timesteps in (1, 2, 3):
            writer.append("curve", row(timesteps))
        writer.append("resumed", {"timesteps": 2})
        writer.append("curve", row(3))
    found = store.record(SPEC)
    assert found is not None
    assert [r["timesteps"] for r in found.curve] == [1, 2, 3]
    with store.open(SPEC) as writer:
        writer.append("end", {"status": "failed", "error": "RuntimeError: no"})
        writer.append("run", header(SPEC))
    found = store.record(SPEC)
    assert found is not None
    assert not found.curve
    assert found.status == "incomplete"


def test_a_probe_at_the_checkpoint_is_made_again_and_counts_once(store: Store) -> None:
    empty = ("boundary_cosine", "boundary_norm_ratio", "distances", "distance_cosine")
    probed = {**row(2), **{key: [] for key in (*empty, "distance_norm_ratio", "reach")}}
    probed |= {"cosine": 0.5, "norm_ratio": None}
    with store.open(SPEC) as writer:
        writer.append("run", header(SPEC))
        writer.append("curve", row(2))
        writer.append("probe", probed)
        writer.append("resumed", {"timesteps": 2})
        writer.append("probe", probed)
    found = store.record(SPEC)
    assert found is not None
    assert [r["timesteps"] for r in found.curve] == [2]
    assert [r["timesteps"] for r in found.probes] == [2]


def _hold(folder: Path, ready: object, done: object) -> None:
    with Store(folder).open(SPEC):
        ready.set()  # type: ignore[attr-defined]
        done.wait(20)  # type: ignore[attr-defined]


def test_two_processes_do_not_write_one_record(store: Store) -> None:
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(store.folder, ready, done))
    other.start()
    try:
        assert ready.wait(60)
        with pytest.raises(ValueError, match="another process"):
            store.open(SPEC)
    finally:
        done.set()
        other.join()
    with store.open(SPEC):
        pass


def interrupted(spec: RunSpec, registry: Registry, store: Store, after: int) -> None:
    """A run that is killed after `after` rows; a checkpoint lies one row before."""
    run = Run(spec, registry)
    with store.open(spec) as writer:
        writer.append("run", {**header(spec), **MADE})
        curve_points = 0
        for kind, found in run.train():
            if kind == "episode":
                if curve_points == after - 1 and not store.checkpoint(spec).exists():
                    checkpoint.save(store.checkpoint(spec), spec.id, run.state_dict())
                continue
            writer.append(kind, found)
            curve_points += kind == "curve"
            if curve_points == after:
                return


def test_what_a_checkpoint_counts_as_recorded_is_on_the_disk_and_so_is_the_end(
    store: Store, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = small("tbptt(T=2)", timesteps=120)
    rows = store.folder / "runs" / f"{spec.id}.jsonl"
    settled, saved = [0], []

    def synced(file: int) -> None:
        if os.fstat(file).st_ino == rows.stat().st_ino:
            settled.append(os.fstat(file).st_size)

    def save(*_: object) -> None:
        saved.append((rows.stat().st_size, settled[-1]))

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(checkpoint, "save", save)
    monkeypatch.setattr(recording, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(recording, "SAVING_SHARE", 1e9)
    assert record(spec, registry, store, silent) == "complete"
    assert len(dict(saved)) > 20, "rows were written between checkpoints"
    assert all(size == on_the_disk for size, on_the_disk in saved)
    assert settled[-1] == rows.stat().st_size


@pytest.mark.parametrize("after", [2, 17, 30])
def test_an_interrupted_run_goes_on_to_the_same_record(
    after: int, store: Store, registry: Registry, tmp_path: Path
) -> None:
    spec = small("dni(T=2, warmup=30)", timesteps=120, probe=9)
    interrupted(spec, registry, store, after)
    assert record(spec, registry, store, silent) == "complete"
    other = Store(tmp_path / "undisturbed")
    other.create()
    record(spec, registry, other, silent)
    ours, theirs = store.record(spec), other.record(spec)
    assert ours is not None
    assert theirs is not None
    for kind in ("curve", "validation", "probes"):
        rows = [
            [{k: v for k, v in r.items() if k != "seconds"} for r in getattr(found, kind)]
            for found in (ours, theirs)
        ]
        assert rows[0] == rows[1]
    assert drop(ours.end) == drop(theirs.end)


def test_a_checkpoint_of_another_attempt_is_not_taken_up(store: Store, registry: Registry) -> None:
    spec = small()
    interrupted(spec, registry, store, 3)
    assert store.checkpoint(spec).exists()

    def killed(timesteps: int, word: str) -> None:
        raise KeyboardInterrupt  # before the new attempt has a checkpoint of its own

    with pytest.raises(KeyboardInterrupt):
        record(spec, registry, store, killed, Conditions(again=True))
    assert not store.checkpoint(spec).exists()


def test_a_finished_run_is_not_failed_afterwards(store: Store, registry: Registry) -> None:
    spec = small()
    record(spec, registry, store, silent)
    assert fail(spec, registry, store, "took longer than its limit") == "complete"
    there = store.record(spec)
    assert there is not None
    assert (there.status, there.end["error"]) == ("complete", None)


def test_a_run_that_failed_before_it_began_begins_anew(store: Store, registry: Registry) -> None:
    spec = small()
    assert fail(spec, registry, store, "its process died") == "failed"
    assert record(spec, registry, store, silent) == "complete"
    assert [line["kind"] for line in lines(store, spec)].count("run") == 2


def test_a_run_of_two_engines_says_so(
    store: Store, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "inductor", as_traced)  # what compiles it is not recorded
    spec = small("tbptt(T=2)")
    interrupted(spec, registry, store, 3)
    record(spec, registry, store, silent, Conditions(engine="compiled"))
    there = store.record(spec)
    assert there is not None
    assert there.engine == "compiled+eager"


@pytest.mark.parametrize("how", ["cut", "flipped", "another's", "older", "junk"])
def test_a_damaged_checkpoint_is_named_and_the_run_begins_anew(
    how: str, store: Store, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = small()
    interrupted(spec, registry, store, 3)
    path = store.checkpoint(spec)
    whole = path.read_bytes()
    with ZipFile(path) as file:
        inside = file.read(max(file.infolist(), key=lambda each: each.file_size))
    middle = whole.index(inside) + len(inside) // 2
    if how == "older":  # of a version that did not say so
        state = torch.load(path, weights_only=True)
        torch.save({k: v for k, v in state.items() if k != "version"}, path)
    elif how == "another's":
        torch.save({"run_id": "somebody else", "done": {"timesteps": 5}}, path)
    else:
        path.write_bytes({
            "cut": whole[:middle], "junk": b"junk",
            "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        }[how])  # fmt: skip
    assert record(spec, registry, store, silent) == "complete"
    (said,) = capsys.readouterr().err.splitlines()
    told = {"another's": "belongs to another run", "older": "is of version 1"}.get(
        how, "is damaged"
    )
    assert said.startswith(f"sgbench: checkpoint {path} {told}")
    assert said.endswith(f"; {spec.label} starts over")
    kinds = [line["kind"] for line in lines(store, spec)]
    assert (kinds.count("run"), kinds.count("resumed")) == (2, 0)


def test_a_run_that_diverges_says_at_which_update(
    store: Store, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = registry.entry("task", "plain_copy").load().loss  # type: ignore[attr-defined]

    def poisoned(self: Task, outputs: Tensor, episode: Episode) -> Tensor:
        scores.append(honest(self, outputs, episode))
        return scores[-1] * (float("nan") if len(scores) > 20 else 1)

    scores: list[Tensor] = []
    monkeypatch.setattr(registry.entry("task", "plain_copy").load(), "loss", poisoned)
    assert record(small("tbptt(T=2)"), registry, store, silent) == "diverged"
    (found,) = store.records()
    assert re.fullmatch(r"the loss became nan at update \d+", found.end["error"])
    assert table([found])["status"].tolist() == ["diverged"]
    assert record(small("tbptt(T=2)"), registry, store, silent) == "diverged", "it is a result"


def test_a_run_that_raises_is_recorded_as_failed_and_tried_again(
    store: Store, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Run, episode: object) -> None:
        raise RuntimeError("the machine is on fire")

    with monkeypatch.context() as patch:
        patch.setattr(Run, "_take", broken)
        assert record(small(), registry, store, silent) == "failed"
    found = store.record(small())
    assert found is not None
    assert re.match(
        r"RuntimeError: the machine is on fire \(test_store.py, line \d+\)", found.end["error"]
    )
    assert not found.finished
    assert record(small(), registry, store, silent) == "complete"


def test_bits_are_the_mean_of_the_last_tenth() -> None:
    found = Record(SPEC, {"parameters": 1})
    budget = SPEC.timesteps
    found.curve = [row(budget // 10 * i) | {"bits": float(i)} for i in range(1, 11)]
    assert summary(found)["bits"] == 10
    assert summary(found)["flops_per_timestep"] == 7 / budget
