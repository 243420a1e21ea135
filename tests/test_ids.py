"""The identity of a run: what is recorded keeps it, whatever fields a spec comes to have."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import fields
from pathlib import Path

import pytest

from harness.analysis.table import summary
from harness.runs.record import asked
from harness.spec import FIRST, RunSpec
from harness.store import Store
from tests.conftest import REGISTRY

RESULTS = Path(__file__).resolve().parent.parent / "results"
FOLDERS = sorted(folder for folder in RESULTS.glob("*/runs") if folder.parent.name != "local")
USUAL = RunSpec(task="plain_copy", trainer="tbptt(T=3)")
OTHER = RunSpec(task="plain_copy", trainer="tbptt(T=3)", optimiser="sgd", schedule="linear")


def header(path: Path) -> dict[str, object]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        row: dict[str, object] = json.loads(file.readline())
    return row


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_every_record_is_found_under_its_own_id(folder: Path) -> None:
    paths = sorted(folder.glob("*.jsonl*"))
    assert paths
    for path in paths:
        row = header(path)
        assert isinstance(row["spec"], dict)
        spec = RunSpec.from_dict(row["spec"])
        assert path.name.partition(".")[0] == row["id"] == spec.id, path
        assert spec.to_dict() == row["spec"], path


def test_no_recorded_run_is_lost() -> None:
    assert sum(len(list(folder.glob("*.jsonl*"))) for folder in FOLDERS) >= 818


def test_a_record_from_before_shows_what_was_done() -> None:
    (record, *_) = Store(FOLDERS[0].parent).records()
    row = summary(record)
    assert (row["optimiser"], row["schedule"]) == ("adam", "constant")


def test_a_later_field_at_its_default_is_no_part_of_the_identity() -> None:
    assert set(json.loads(USUAL.to_json())) == set(FIRST)
    assert USUAL.id == "515fc678d734b24d"
    assert set(json.loads(OTHER.to_json())) == {*FIRST, "optimiser", "schedule"}
    assert OTHER.id == "2be07745bf4864ad"
    assert (
        len({USUAL.id, OTHER.id, RunSpec.from_dict(USUAL.to_dict() | {"optimiser": "sgd"}).id}) == 3
    )


def test_a_later_field_has_a_default() -> None:
    for field in fields(RunSpec):
        assert field.name in FIRST or isinstance(field.default, str | int | float), field.name


@pytest.mark.parametrize("spec", [USUAL, OTHER])
def test_the_id_is_the_hash_of_what_stands_in_the_record(spec: RunSpec) -> None:
    row = json.loads(json.dumps(asked(spec, REGISTRY)))
    text = json.dumps(row["spec"], sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == row["id"]
    assert RunSpec.from_dict(row["spec"]) == spec


def test_a_field_that_is_not_known_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^unknown fields colour, shape: the spec is from a newer"
    ):
        RunSpec.from_dict(USUAL.to_dict() | {"shape": 1, "colour": 2})


def test_a_whole_rate_and_the_same_with_a_point_are_one_run() -> None:
    one, other = (
        RunSpec(task="plain_copy", trainer="bptt", lr=rate, clip=clip)
        for rate, clip in ((1, 0), (1.0, 0.0))
    )
    assert one == other
    assert one.id == other.id
