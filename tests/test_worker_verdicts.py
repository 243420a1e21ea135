"""The claims about worker processes, on planted records: a gain, its reverse, and no arrival."""

from __future__ import annotations

import pytest

from harness.analysis.pairs import pairs
from harness.analysis.verdict import rulings
from harness.registry import Registry
from harness.store import Record
from harness.suites.workers import (
    ALONE,
    DDP,
    DECOUPLED,
    GPIPE,
    ONE_F_ONE_B,
    UNLOCKED,
    Way,
    run,
)

SCORE = {"column": "accuracy", "unit": "share of images", "higher": True}


def made(way: Way, *, pace: float, reached: int, seeds: int = 10) -> list[Record]:
    """Runs whose ten stretches take so long each; the accuracy is there after so many, or never."""
    found = []
    for seed in range(seeds):
        record = Record(run(way, seed), {"unit": "bits per image", "parameters": 1, "score": SCORE})
        record.curve = [
            {"timesteps": 20 * i, "updates": 20 * i, "flops": i, "bits": 0.5,
             "seconds": (pace + 0.01 * seed) * i}
            for i in range(1, 11)
        ]  # fmt: skip
        record.validation = [
            {**row, "accuracy": 0.95 if i >= reached else 0.5}
            for i, row in enumerate(record.curve, start=1)
        ]
        record.end = {"status": "complete", "test_bits": 0.5, "test_accuracy": 0.95}
        found.append(record)
    return found


def said(claim: str, records: list[Record], registry: Registry) -> list[tuple[str, str, str]]:
    """Verdict, effect and claim of each line."""
    found = rulings(registry.make("claim", claim), records)
    return [(r.verdict, r.effect.split(" ")[0], r.says.split(":")[0]) for r in found]


def test_decoupled_blocks_are_beside_one_process_in_speed_and_in_time_to_an_accuracy(
    registry: Registry,
) -> None:
    records = [
        *made(DECOUPLED, pace=1.0, reached=6), *made(ALONE, pace=2.0, reached=2),
        *made(DDP, pace=0.1, reached=1),  # not asked
    ]  # fmt: skip
    faster, sooner = said("worker_alone", records, registry)
    assert faster[0] == "supported"
    assert 1.9 < float(faster[1]) < 2.0
    assert faster[2] == "decoupled blocks see more examples a second than one process"
    assert sooner[0] == "contradicted"
    assert 1.5 < float(sooner[1]) < 1.6
    assert sooner[2] == "decoupled blocks take fewer seconds to 90% than one process"


def test_runs_that_never_arrive_count_with_all_that_they_took(registry: Registry) -> None:
    records = [*made(UNLOCKED, pace=1.0, reached=99), *made(DDP, pace=1.0, reached=5)]
    verdicts = rulings(registry.make("claim", "worker_data"), records)
    assert [(r.verdict, r.effect[:4]) for r in verdicts] == [
        ("undecided", "1.00"), ("contradicted", "2.00"),
    ]  # fmt: skip
    assert verdicts[1].details == ("reached by 0 and 10 of 10 runs",)
    assert "on synthetic inputs" in verdicts[1].says


def test_pipelines_are_both_schedules(registry: Registry) -> None:
    records = [
        *made(DECOUPLED, pace=1.0, reached=2), *made(GPIPE, pace=2.0, reached=2),
        *made(ONE_F_ONE_B, pace=0.5, reached=2),
    ]  # fmt: skip
    found = said("worker_pipeline", records, registry)
    assert [verdict for verdict, *_ in found] == ["supported"] * 2 + ["contradicted"] * 2
    assert ["GPipe" in says for *_, says in found] == [True, True, False, False]


def test_shared_runs_are_pairs_where_they_are_asked_for_alone() -> None:
    records = [*made(DECOUPLED, pace=1.0, reached=2), *made(ALONE, pace=2.0, reached=2)]
    mine, theirs = (lambda r: "dni" in r.spec.trainer), (lambda r: r.spec.trainer == "bptt")
    assert not pairs(records, mine, theirs, lambda r: None)
    assert len(pairs(records, mine, theirs, lambda r: None, shared=True)) == 10


@pytest.mark.parametrize("claim", ["worker_alone", "worker_data", "worker_pipeline"])
def test_a_claim_without_its_runs_finds_nothing(claim: str, registry: Registry) -> None:
    assert said(claim, made(ALONE, pace=1.0, reached=2), registry) == []
