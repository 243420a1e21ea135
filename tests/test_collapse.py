"""A run that ends at chance after it had solved a level has collapsed, in old records, too."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from harness.analysis.comparison import comparison
from harness.analysis.pairs import NONE_SOLVED, span
from harness.analysis.table import summary
from harness.analysis.verdict import heading
from harness.records.record import Record
from harness.registry import Registry
from harness.score import T_TASK, bits
from harness.spec import RunSpec
from harness.store import Store

TIMESTEPS = 100
OLD: dict[str, Any] = {}
"""The header of a record from before scores were stated."""


def run(
    folder: Path, ending: float, *, before: float = 0.3, level: int = 5, seed: int = 0,
    status: str = "complete", header: dict[str, Any] = OLD,
) -> Record:  # fmt: skip
    """A run that solves a level half way, read from its file; its last tenth is two points."""
    spec = RunSpec(task="plain_copy", trainer="dni(T=3)", seed=seed, timesteps=TIMESTEPS)
    rows: list[dict[str, Any]] = [{"kind": "run", "spec": asdict(spec), **header}]
    for i in range(1, 21):
        at = {"timesteps": 5 * i, "updates": i, "seconds": 1.0 * i, "flops": i}
        solved = level if i >= 10 else 0
        loss = ending + (0.25 if i == 19 else -0.25) if i >= 19 else before
        rows.append({"kind": "curve", **at, "bits": loss, "t_task": solved,
                     "level_n": max(solved - 3, 0), "level_r": 1})  # fmt: skip
    rows.append({"kind": "end", "status": status, "activation_bytes": 1, "peak_memory_bytes": 1})
    (folder / "runs").mkdir(exist_ok=True)
    path = folder / "runs" / f"{spec.id}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    record = Store(folder).record(spec)
    assert record is not None
    return record


@pytest.mark.parametrize(
    ("ending", "status"), [(1.0, "collapsed"), (1.7, "collapsed"), (0.999, "complete")]
)
def test_the_border_is_chance_over_the_last_tenth(
    ending: float, status: str, tmp_path: Path
) -> None:
    record = run(tmp_path, ending)
    assert record.ending == pytest.approx(ending)
    assert record.status == status
    assert record.finished


def test_what_was_at_chance_before_and_recovered_has_not_collapsed(tmp_path: Path) -> None:
    assert run(tmp_path, 0.5, before=1.5).status == "complete"


def test_a_run_that_solved_no_level_has_nothing_to_lose(tmp_path: Path) -> None:
    assert run(tmp_path, 1.2, level=0).status == "complete"


def test_the_score_says_what_chance_is(tmp_path: Path) -> None:
    three = {"score": {**asdict(T_TASK), "chance": 3.0}}
    assert run(tmp_path, 2.99, header=three).status == "complete"
    assert run(tmp_path, 3.0, header=three).status == "collapsed"
    none = {"score": {**asdict(T_TASK), "chance": None}}
    assert run(tmp_path, 9.0, header=none).status == "complete"
    older = {k: v for k, v in asdict(T_TASK).items() if k != "chance"}
    assert run(tmp_path, 1.0, header={"score": older}).status == "collapsed"
    assert bits("bits per character").chance is None
    assert T_TASK.chance == 1


def test_a_run_that_diverged_or_lost_rows_is_still_called_so(tmp_path: Path) -> None:
    assert run(tmp_path, 1.5, status="diverged").status == "diverged"
    record = run(tmp_path, 1.5)
    path = tmp_path / "runs" / f"{record.spec.id}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines[:8], "{not json}\n", *lines[9:]]), encoding="utf-8")
    damaged = Store(tmp_path, say=lambda line: None).record(record.spec)
    assert damaged is not None
    assert damaged.status == "damaged"


def test_it_is_said_in_table_export_and_verdicts_and_has_solved_nothing(
    tmp_path: Path, registry: Registry
) -> None:
    records = [run(tmp_path, 1.1 if seed == 2 else 0.4, seed=seed) for seed in range(4)]
    printed = comparison(records)
    assert "\nleft out: 1 collapsed\n" in printed
    assert "3 of 4" in printed
    row = summary(records[2])
    assert (row["status"], row["error"]) == (
        "collapsed", "ends at 1.100 bits, where 1 is chance",
    )  # fmt: skip
    assert row["bits"] == pytest.approx(1.1)
    assert [span(record) for record in records] == [5, 5, NONE_SOLVED, 5]
    said = heading(registry.make("claim", "dependency"), records)
    assert said.endswith("; of 4 runs 1 collapsed")
