"""A task names its score: levels, bits and an accuracy follow one rule, through every command."""

from __future__ import annotations

import math
import re
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest
import torch

from harness.__main__ import main
from harness.analysis import scoring
from harness.analysis.comparison import sections
from harness.analysis.verdict import judged
from harness.registry import Registry
from harness.runs.evaluate import evaluate
from harness.runs.run import Run
from harness.score import T_TASK, Score, bits
from harness.spec import RunSpec
from harness.store import Record, Store

RECALL = Path(__file__).parent / "toys" / "recall.py"
ACCURACY = Score(column="accuracy", unit="share of answers", higher=True)
PER_CHARACTER = bits("bits per character")


def call(*arguments: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(each) for each in arguments])
    assert stop.value.code == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trainers on the toy task, at two seeds; one of them cannot look back."""
    path = tmp_path_factory.mktemp("recall")
    call("run", "recall", "tbptt(T=1)", "bptt", "--plugin", str(RECALL), "--results", str(path),
         "--seeds", "2", "--batch", "8", "--model", "rnn(hidden=8)", "--lr", "0.03",
         "--timesteps", "800", "--jobs", "1")  # fmt: skip
    return path


def test_which_way_is_better() -> None:
    for score, best, worst in ((T_TASK, 9, 4), (ACCURACY, 9, 4), (PER_CHARACTER, 4, 9)):
        assert (score.best([4, 9, 7]), score.worst([4, 9, 7])) == (best, worst)
        assert score.better(best, worst)
        assert not score.better(worst, best)
        assert score.better(worst, score.nothing)
        assert score.reached(best, 7)
        assert score.reached(7, 7)
        assert not score.reached(worst, 7)
        assert not score.better(math.nan, score.nothing)
        assert not score.reached(math.nan, 7)


def test_how_scores_are_said() -> None:
    assert T_TASK.heading() == "T_task of the level solved, timesteps"
    assert T_TASK.goal(4.5) == "T_task 4.5"
    assert PER_CHARACTER.heading("test") == "test, bits per character"
    assert PER_CHARACTER.goal(2.77) == "validation 2.770 bits per character"
    assert ACCURACY.heading("best validation") == "best validation accuracy, share of answers"
    assert ACCURACY.goal(0.75) == "validation accuracy 0.750"


def older(**last: float | None) -> Record:
    """A record without a score in its header."""
    record = Record(RunSpec(task="t", trainer="bptt"), {"unit": "bits per character"})
    record.curve = [{"timesteps": 1, "bits": 1.0, **last}]
    record.validation = [{"timesteps": 1, "bits": 2.0}, {"timesteps": 2, "bits": 3.0}]
    record.end = {"status": "complete", "test_bits": last.get("test_bits")}
    return record


def test_an_older_record_is_scored_by_what_it_holds() -> None:
    found = [(scoring.result_column(r), scoring.result(r))
             for r in (older(t_task=6, test_bits=1.5), older(test_bits=1.5), older())]  # fmt: skip
    assert found == [("t_task", 6), ("test_bits", 1.5), ("validation_bits", 2.0)]
    assert scoring.target([[older()], [older(test_bits=0.5)]]) == 2.0
    assert scoring.target([[older(t_task=0)], [older(t_task=6)]]) == 4.0  # the first level


def test_the_weights_that_are_tested_are_the_best_by_the_score() -> None:
    """More bits but more right answers: the score decides."""
    registry = Registry([RECALL])
    run = Run(RunSpec(task="recall", trainer="bptt", model="rnn(hidden=2)"), registry)
    rows = iter([{"bits": 1.0, "accuracy": 0.4}, {"bits": 3.0, "accuracy": 0.9},
                 {"bits": 0.5, "accuracy": 0.6}])  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.runs.best.evaluate", lambda *_: next(rows))
        for mark in range(3):
            torch.nn.init.constant_(next(run.model.parameters()), float(mark))
            run._validate()
    assert run.best.score == {"accuracy": 0.9}
    assert (next(iter(run.best.weights.values())) == 1.0).all()


def test_an_accuracy_is_a_share_of_the_whole_set() -> None:
    registry = Registry([RECALL])
    run = Run(RunSpec(task="recall", trainer="bptt", model="rnn(hidden=4)"), registry)
    found = evaluate(run.model, run.task, run.task.validation(8))
    answers = torch.cat([run.model(e.x, run.model.initial_state(8))[0].argmax(-1).flatten()
                         for e in run.task.validation(8)])  # fmt: skip
    truth = torch.cat([e.y.flatten() for e in run.task.validation(8)])
    assert found["accuracy"] == pytest.approx((answers == truth).float().mean().item(), abs=1e-5)


def test_a_task_that_does_not_grade_its_score_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry([RECALL])
    run = Run(RunSpec(task="recall", trainer="bptt", model="rnn(hidden=4)"), registry)
    monkeypatch.setattr(type(run.task), "grade", lambda *_: None)
    with pytest.raises(TypeError, match="the score is accuracy: grade"):
        evaluate(run.model, run.task, run.task.validation(8))


def graded(trainer: str, seed: int, accuracy: float) -> Record:
    record = Record(RunSpec(task="recall", trainer=trainer, seed=seed), {"unit": "bits per answer"})
    record.header["score"] = asdict(ACCURACY)
    record.curve = [{"timesteps": 10, "updates": 1, "seconds": 1.0, "flops": 1, "bits": 1.0}]
    record.validation = [{**record.curve[0], "accuracy": accuracy}]
    record.end = {"status": "complete", "test_accuracy": accuracy, "peak_memory_bytes": 1,
                  "test_bits": 1 / accuracy}  # fmt: skip
    return record


@pytest.mark.parametrize(("ours", "verdict"), [(0.9, "supported"), (0.2, "contradicted")])
@pytest.mark.parametrize(("claim", "other"), [("bootstrapping", "sg"), ("dependency", "tbptt")])
def test_a_claim_follows_the_direction_of_the_score(
    claim: str, other: str, ours: float, verdict: str, registry: Registry
) -> None:
    records = [graded(f"{other}(T=2)", seed, 0.5 + seed / 100) for seed in range(8)]
    records += [graded("dni(T=2)", seed, ours + seed / 200) for seed in range(8)]
    _, line, *_ = judged(registry.make("claim", claim), records)
    assert line.split()[0] == verdict
    assert f"dni scores a higher accuracy than {other} at equal T" in line


def test_headroom_is_what_the_best_longer_window_gains(registry: Registry) -> None:
    records = [graded(f"tbptt(T={T})", seed, {2: 0.5, 4: 0.75, 8: 0.25}[T]) for seed in range(6)
               for T in (2, 4, 8)]  # fmt: skip
    records += [graded("dni(T=2)", seed, 0.6) for seed in range(6)]
    said = "\n".join(judged(registry.make("claim", "dependency"), records))
    assert "headroom 0.2500 [all equal] accuracy, to tbptt(T=4); dni wins back 0.40 [" in said


def test_an_accuracy_is_recorded_and_judged_by_its_direction(folder: Path) -> None:
    records = Store(folder).records()
    assert len(records) == 4
    for record in records:
        assert record.header["score"]["column"] == "accuracy"
        assert all(0 <= row["accuracy"] <= 1 for row in record.validation)
        assert 0 <= record.end["test_accuracy"] <= 1
        assert record.end["test_bits"] > 0
        assert scoring.attained(record) == max(row["accuracy"] for row in record.validation)
    (section,) = sections(records)
    assert section.said[1].startswith("score: test accuracy, share of answers; target: validation")
    slow, quick = ([scoring.attained(r) for r in records if r.spec.trainer.startswith(t)]
                   for t in ("tbptt", "bptt"))  # fmt: skip
    assert sum(map(float, filter(None, slow))) < sum(map(float, filter(None, quick)))
    assert section.target == pytest.approx(sum(map(float, filter(None, slow))) / 2)


def test_an_accuracy_goes_through_every_command(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call("compare", "bptt", "tbptt(T=1)", "--results", str(folder))
    printed = capsys.readouterr().out
    assert "target: validation accuracy 0." in printed
    line = next(x for x in printed.splitlines() if x.startswith("test accuracy, share of answers"))
    values = [float(each) for each in re.findall(r"-?\d\.\d+", line)]
    assert 0.3 < values[1] < values[0] <= 1
    assert values[2] > 0  # A less B

    call("export", "--results", str(folder), "--out", str(tmp_path / "runs.csv"))
    frame = pd.read_csv(tmp_path / "runs.csv")
    assert set(frame["score"]) == {"test_accuracy"}
    assert set(frame["score_unit"]) == {"share of answers"}
    assert frame["score_higher"].all()
    assert frame["score_value"].between(0, 1).all()
    assert (frame["test_bits"] > 0).all()
    call("export", "--results", str(folder), "--rows", "validation", "--out",
         str(tmp_path / "v.csv"))  # fmt: skip
    assert {"bits", "accuracy"} <= set(pd.read_csv(tmp_path / "v.csv").columns)

    call("plot", "bits", "--results", str(folder), "--out", str(tmp_path))
    assert "validation accuracy," in (tmp_path / "bits.svg").read_text(encoding="utf-8")

    call("report", "--results", str(folder), "--out", str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "score: test accuracy, share of answers" in page
    assert "validation accuracy, share of answers" in page
