"""Two trainers, two folders, and performance profiles, against numbers worked out by hand."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from harness.__main__ import main
from harness.analysis.paired import Measure, contrasts, said, trainers
from harness.analysis.pairs import arms
from harness.analysis.performance import at_best, at_equal_T
from harness.analysis.table import distinct
from harness.spec import RunSpec
from harness.store import Record, Store

TASK = "plain_copy(bits=4)"


def run(
    trainer: str, seed: int, levels: list[int], *, pace: float = 1.0, held: int = 5000,
    status: str = "complete", **fields: Any,
) -> Record:  # fmt: skip
    """A run of a point a level, 10 timesteps, `pace` seconds and 2 GFLOP apart."""
    spec = RunSpec(**{"task": TASK, "timesteps": 40, **fields}, trainer=trainer, seed=seed)
    record = Record(spec, {"unit": "bits per output bit", "parameters": 1})
    record.curve = [
        {"timesteps": 10 * i, "updates": i, "seconds": pace * i, "flops": 2 * 10**9 * i,
         "bits": 0.5, "t_task": level, "level_n": 1, "level_r": 1}
        for i, level in enumerate(levels, start=1)
    ]  # fmt: skip
    if status != "incomplete":
        record.end = {"status": status, "activation_bytes": held, "peak_memory_bytes": 2 * held,
                      "test_bits": None}  # fmt: skip
    return record


def keep(folder: Path, records: list[Record]) -> Path:
    store = Store(folder)
    store.create()
    for record in records:
        with store.open(record.spec) as writer:
            writer.append("run", {"spec": asdict(record.spec), **record.header})
            for row in record.curve:
                writer.append("curve", row)
            if record.end:
                writer.append("end", record.end)
    return folder


def by_name(measures: tuple[Measure, ...]) -> dict[str, Measure]:
    return {measure.name: measure for measure in measures}


A = [
    run("dni(T=3)", 0, [0, 4, 6, 6], pace=2.0, held=8000),
    run("dni(T=3)", 1, [4, 6, 6, 6], pace=3.0, held=8000),
    run("dni(T=3)", 2, [0, 0, 4, 8], pace=4.0, held=8000),
]
B = [
    run("tbptt(T=3)", 0, [4, 4, 4, 4]),
    run("tbptt(T=3)", 1, [0, 4, 4, 5]),
    run("tbptt(T=3)", 2, [0, 0, 4, 4]),
]


def test_pairs_by_hand() -> None:
    (found,) = contrasts([*A, *B], *trainers([*A, *B], "dni(T=3)", "tbptt(T=3)"))
    assert found.where == f"{TASK}: lstm(hidden=64), batch 32, 40 timesteps, cpu"
    # medians are 6 and 4, and the weaker's is the target
    assert found.notes == (
        "3 pairs; target: T_task 4, reached by A 3, by B 3",
        "in brackets: range of 3, which covers 75 %",
    )
    measures = by_name(found.measures)
    level = measures["T_task of the level solved, timesteps"]
    assert (level.a, level.b) == (6, 4)
    assert level.change.effect.centre == pytest.approx((2 + 1 + 4) / 3)
    assert level.change.effect.n == 3
    assert level.factor is not None
    assert level.factor.effect.centre == pytest.approx((6 / 4 * 6 / 5 * 8 / 4) ** (1 / 3))
    assert level.change.p == pytest.approx(2 / 2**3)  # all of three pairs on one side
    seconds = measures["seconds"]
    assert (seconds.a, seconds.b) == (12, 4)
    assert seconds.change.effect.centre == pytest.approx((4 + 8 + 12) / 3)
    # A is there after its points 2, 1 and 3 of 2, 3 and 4 seconds; B after 1, 2 and 3
    to_target = measures["seconds to target"]
    assert (to_target.a, to_target.b) == (4, 2)
    assert to_target.change.effect.centre == pytest.approx((4 - 1 + 3 - 2 + 12 - 3) / 3)
    flops = measures["GFLOP to target"]
    assert flops.change.effect.centre == pytest.approx((4 - 2 + 2 - 4 + 6 - 6) / 3)
    held = measures["activations kB"]  # a peak, of the whole run
    assert (held.a, held.b, held.change.effect.centre) == (8, 5, 3)
    assert (held.change.effect.low, held.change.effect.high) == (3, 3)
    assert "activations kB to target" not in measures


def test_who_did_not_complete_or_has_no_partner_is_counted_and_left_out() -> None:
    records = [
        *A, *B[:2],
        run("tbptt(T=3)", 2, [90], status="diverged"),
        run("tbptt(T=3)", 7, [90]),
        run("bptt", 0, [90]),
    ]  # fmt: skip
    (found,) = contrasts(records, *trainers(records, "dni(T=3)", "tbptt(T=3)"))
    assert found.notes == (
        "2 pairs; target: T_task 4.5, reached by A 2, by B 1",  # the median of 4 and 5
        "in brackets: range of 2, which covers 50 %",
        "left out: 1 diverged, 2 without a partner",
    )
    assert [measure.change.effect.n for measure in found.measures] == [2, 2, 2, 2, 2, 1, 1]
    assert "90" not in said([found])


def test_no_run_stands_in_two_pairs() -> None:
    again = [run("dni(T=3)", record.spec.seed, [9], lr=0.5) for record in A]
    for a, b in (("dni(T=3)", "tbptt(T=3)"), ("tbptt(T=3)", "dni(T=3)")):
        with pytest.raises(ValueError, match=r"two runs of .* dni\(T=3\) seed 0 in one folder"):
            contrasts([*A, *again, *B], *trainers([*A, *B], a, b))
    beyond = [run("dni(T=3)", 7, [9], lr=lr) for lr in (0.01, 0.5)]
    (found,) = contrasts([*A, *beyond, *B], *trainers([*A, *B], "dni(T=3)", "tbptt(T=3)"))
    assert "left out: 2 without a partner" in found.notes


def test_a_stopped_run_with_probes_does_not_hide_the_complete_one() -> None:
    probed = [run("dni(T=3)", record.spec.seed, [4], status="incomplete", probe=10) for record in A]
    for record in probed:
        record.probes = [{"timesteps": 10}]
    assert distinct([*probed, *A]) == A
    ended = [run("dni(T=3)", record.spec.seed, [4], probe=10) for record in A]
    for record in ended:
        record.probes = [{"timesteps": 10}]
    assert distinct([*A, *ended]) == ended
    both = contrasts([*A, *probed, *ended, *B], *trainers([*A, *B], "dni(T=3)", "tbptt(T=3)"))
    assert [contrast.measures[0].change.effect.n for contrast in both] == [3]


def test_a_target_that_some_do_not_reach_is_compared_where_both_do() -> None:
    records = [*A, run("bptt", 0, [9, 9]), run("bptt", 1, [9, 9]), run("bptt", 2, [0, 0])]
    (found,) = contrasts(records, *trainers(records, "bptt", "dni(T=3)"))
    assert "T_task 6, reached by A 2, by B 3" in found.notes[0]
    measures = by_name(found.measures)
    assert measures["seconds to target"].change.effect.n == 2
    level = measures["T_task of the level solved, timesteps"]
    assert level.factor is None  # no ratio with nothing solved
    assert level.change.effect.centre == pytest.approx((3 + 3 - 8) / 3)


def test_scores_on_a_text_are_compared_by_their_bits() -> None:
    records = []
    for trainer, last in (("dni(T=3)", 2.0), ("tbptt(T=3)", 2.5)):
        for seed in (0, 1):
            record = run(trainer, seed, [0, 0], task="char_lm")
            for row, bits in zip(record.curve, (3.0, last + seed), strict=True):
                row["t_task"] = None
                record.validation.append({**row, "bits": bits})
            record.end["test_bits"] = last + seed + 0.25
            records.append(record)
    (found,) = contrasts(records, *trainers(records, "dni(T=3)", "tbptt(T=3)"))
    score = by_name(found.measures)["test, bits per output bit"]
    assert (score.a, score.b, score.digits) == (2.75, 3.25, 3)
    assert score.change.effect.centre == pytest.approx(-0.5)
    # best on validation: 2, 3 and 2.5, 3; the weaker's median is 2.75
    assert "target: validation 2.750 bits per output bit, reached by A 1, by B 1" in found.notes[0]


def test_a_profile_by_hand() -> None:
    other = {"task": "repeat_copy(bits=4)"}
    records = [
        # at T = 2 nothing is solved; at T = 3 level 4 after 2, 1 and 4 seconds
        *[run("tbptt(T=2)", seed, [0, 0, 0, 0]) for seed in range(3)],
        *[run("tbptt(T=3)", seed, [0] * n + [4] * 4) for seed, n in enumerate((1, 0, 3))],
        # after 1, 3 and 2 seconds
        *[run("bptt", seed, [0] * n + [4, 9]) for seed, n in enumerate((0, 2, 1))],
        # here bptt takes 1 second; tbptt takes 2 at one seed and fails at another
        *[run("bptt", seed, [4, 4], **other) for seed in range(2)],
        run("tbptt(T=3)", 0, [0, 4], **other),
        run("tbptt(T=3)", 1, [4], status="failed", **other),
    ]
    assert at_best(records, "seconds") == {"bptt": [1, 3, 1, 1, 1],
                                           "tbptt": [2, 1, 2, 2, math.inf]}  # fmt: skip
    assert at_best(records, "activation_bytes") == {"bptt": [1] * 5,
                                                    "tbptt": [1] * 4 + [math.inf]}  # fmt: skip
    (absent, *_) = at_best([*records, run("sg(T=3)", 0, [4], **other)], "seconds")["sg"]
    assert math.isnan(absent)  # not run there
    assert at_best([run("bptt", 0, [0, 0])], "seconds") == {}
    assert at_best([], "seconds") == {}


def test_each_method_is_shown_at_the_T_that_is_best_for_it_and_the_target_is_the_weakest_s() -> (
    None
):
    """dni gets to 6 at T = 3 alone, tbptt to 9 at T = 3 and to 5 at T = 2: the target is 6."""
    records = [
        run("dni(T=2)", 0, [4, 4, 5]), run("dni(T=3)", 0, [4, 6]),
        run("tbptt(T=2)", 0, [5]), run("tbptt(T=3)", 0, [4, 4, 4, 9]),
    ]  # fmt: skip
    assert at_best(records, "seconds") == {"tbptt": [2], "dni": [1]}
    # at T = 2 the target is 5
    assert at_equal_T(records, "seconds") == {
        2: {"tbptt": [1], "dni": [3]},
        3: {"tbptt": [2], "dni": [1]},
    }
    assert at_equal_T([r for r in records if r.spec.T == 2][:1], "seconds") == {}


def test_rates_that_most_runs_do_not_have_are_named() -> None:
    records = [run("dni(T=3)", 0, [4]), run("dni(T=3)", 1, [4]), run("bptt", 0, [4], clip=0.1)]
    assert set(arms(records)) == {"dni(T=3)", "bptt, clip 0.1"}
    assert set(arms([*records, run("bptt", 0, [4], lr=0.5)])) == {
        "dni(T=3)", "bptt, clip 0.1", "bptt, lr 0.5",
    }  # fmt: skip


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["compare", *arguments])
    code = stop.value.code
    assert isinstance(code, int)
    return code


def test_the_command_compares_trainers_and_draws_profiles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = keep(tmp_path / "mine", [*A, *B])
    out = tmp_path / "drawn"
    asked = ["dni( T=3 )", "tbptt(T=3)", "--results", str(folder), "--out", str(out)]
    assert call(*asked) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("A: dni(T=3)\nB: tbptt(T=3)\n")
    assert "3 pairs" in printed
    assert "A (median)  B (median)" in printed
    line = next(line for line in printed.splitlines() if line.startswith("activations kB"))
    assert line.split()[2:] == [
        "8.00", "5.00", "3.00", "[all", "equal]", "1.60", "[all", "equal]", "0.250", "3",
    ]  # fmt: skip
    assert {path.name for path in out.iterdir()} == {
        "profiles.svg", "profiles.png",
    }  # fmt: skip


def test_the_command_compares_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = keep(tmp_path / "before", [*A, *B]), tmp_path / "after"
    keep(after, [run(r.spec.trainer, r.spec.seed, [4, 4, 4, 4], pace=0.5) for r in [*A, *B][:5]])
    assert call(str(before), str(after)) == 0
    printed = capsys.readouterr().out
    first, second = printed.split("\n\n", 1)[1].split(f"tbptt(T=3), {TASK}: ")
    assert first.startswith(f"dni(T=3), {TASK}: lstm(hidden=64), batch 32, Adam 0.01 clipped at 1")
    assert "3 pairs" in first
    assert "left out" not in first
    assert "2 pairs" in second
    assert "left out: 1 without a partner" in second
    fewer = [*B, *(run("dni(T=3)", r.spec.seed, [4], status="failed") for r in A)]
    assert call(str(before), str(keep(tmp_path / "fewer", fewer))) == 0
    printed = capsys.readouterr().out
    assert printed.count(" pairs; target") == 1
    assert "left out of dni(T=3): 3 failed, 3 without a partner" in printed


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["dnii(T=3)", "tbptt(T=3)"], "no recorded trainer 'dnii(T=3)'; there are: dni(T=3), tb"),
        (["dni(T=3)", "dni(T=3)"], "cannot compare dni(T=3) with itself"),
        (["dni(T=3", "tbptt(T=3)"], "cannot read 'dni(T=3'"),
        (["mine", "nowhere"], "no folder 'nowhere' to compare with mine"),
        (["mine", "mine"], "cannot compare mine with itself"),
        (["mine", "empty"], "no records in empty"),
        (["mine", "apart"], "no two completed runs of A and B share a task, a setting and a seed"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], text: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    keep(tmp_path / "mine", [*A, *B])
    keep(tmp_path / "apart", [run("bptt", 0, [4, 4, 4, 4])])
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert call(*arguments, "--results", "mine") == 2
    out, err = capfd.readouterr()
    assert err.count("\n") == 1
    assert text in err
    assert out == ""
