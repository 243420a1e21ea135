"""The command line as a user meets it: the issue's commands, and every way to get them wrong."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from harness.__main__ import main
from harness.registry import Registry
from harness.spec import RunSpec
from plots.activation_bytes import ActivationBytes

TINY = ["--model", "lstm(hidden=4)", "--batch", "2", "--timesteps", "40"]


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    code = stop.value.code
    assert isinstance(code, int)
    return code


def exported(results: Path, out: Path) -> pd.DataFrame:
    assert call("export", "--results", str(results), "--out", str(out)) == 0
    return pd.read_csv(out) if out.suffix == ".csv" else pd.read_parquet(out)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.mark.parametrize(
    "command",
    ["list", "run", "suite", "verdict", "profile", "plot", "export", "report", "compare", "check"],
)
def test_every_command_has_help_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(command, "--help") == 0
    assert f"Example:  sgbench {command}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["list"], ["--help"], ["run", "--help"]])
def test_help_and_list_answer_without_what_is_slow_to_import(arguments: list[str]) -> None:
    """How long they take is in tests/benchmarks/commands.py."""
    program = (
        "import sys; sys.argv = ['sgbench', *sys.argv[1:]]\n"
        "from harness.__main__ import main\n"
        "slow = {'torch', 'numpy', 'pandas', 'scipy', 'matplotlib', 'pebble', 'ray'}\n"
        "try: main()\n"
        "finally: assert not slow & set(sys.modules)"
    )
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_list_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    from tests.conftest import REGISTRY

    assert call("list") == 0
    said = capsys.readouterr().out
    for kind in ("task", "model", "trainer", "figure", "suite", "claim"):
        for name in REGISTRY.names(kind):
            assert f"  {name} " in said
    assert call("list", "trainer") == 0
    assert "plain_copy" not in capsys.readouterr().out


def test_the_issues_command_gives_eight_complete_rows(results: Path, tmp_path: Path) -> None:
    trainers = ["bptt", "tbptt(T=3)", "sg(T=3)", "dni(T=3)"]
    asked = ["run", "plain_copy(bits=4)", *trainers, "--timesteps", "120", "--seeds", "2"]
    assert call(*asked, "--results", str(results), "--jobs", "1") == 0
    frame = exported(results, tmp_path / "t.csv")
    assert frame["status"].tolist() == ["complete"] * 8
    assert frame.groupby("trainer")["seed"].agg(set).tolist() == [{0, 1}] * 4
    needed = ["run_id", "task", "trainer", "model", "seed", "timesteps", "updates", "seconds"]
    needed += ["flops", "flops_per_timestep", "activation_bytes", "peak_memory_bytes", "bits"]
    needed += ["level_n", "level_r", "t_task"]
    assert frame[needed].notna().all().all()
    per_timestep = frame.groupby("trainer")["flops_per_timestep"].median()
    # LSTM 64 on 5 inputs, read-out of 4, batch 32: forward once, backward twice
    tbptt = 3 * 2 * 32 * (4 * 64 * (5 + 64) + 64 * 4)
    assert per_timestep["tbptt(T=3)"] == pytest.approx(tbptt, rel=0.01)
    # a linear synthesiser of the state, 128: predicts beyond (1 forward), regresses (1 forward,
    # 1 backward without the gradient of its input), once a window
    synthesiser = 2 * 32 * 128 * 128 * (1 + 1 + 1) / 3
    assert per_timestep["dni(T=3)"] == pytest.approx(tbptt + synthesiser, rel=0.01)


def test_the_same_command_twice_gives_the_same_losses(tmp_path: Path) -> None:
    curves = []
    for name, jobs in (("one", "1"), ("two", "2")):
        results = str(tmp_path / name)
        asked = ["run", "plain_copy(bits=2)", "tbptt(T=3)", "dni(T=3)", *TINY]
        assert call(*asked, "--results", results, "--jobs", jobs) == 0
        out = tmp_path / f"{name}.csv"
        assert call("export", "--rows", "curve", "--results", results, "--out", str(out)) == 0
        curves.append(pd.read_csv(out).drop(columns="seconds"))
    pd.testing.assert_frame_equal(*curves, check_exact=True)


def test_finished_runs_are_found_and_not_made_again(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["run", "plain_copy(bits=2)", "tbptt(T=3)", *TINY, "--results", str(results)]
    assert call(*asked) == 0
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*.jsonl")}
    assert "were measured earlier" not in capsys.readouterr().out
    assert call(*asked) == 0
    said = capsys.readouterr().out
    assert "1 run: 0 new, 1 already recorded; records in " in said
    assert "were measured earlier" not in said
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*.jsonl")} == before
    assert call(*asked, "--seeds", "2") == 0
    assert "The seconds of runs already recorded were measured earlier" in capsys.readouterr().out


def test_export_writes_parquet_and_one_row_a_point(results: Path, tmp_path: Path) -> None:
    asked = ["run", "plain_copy(bits=2)", "dni(T=3)", *TINY, "--probe", "5"]
    assert call(*asked, "--results", str(results)) == 0
    frame = exported(results, tmp_path / "t.parquet")
    assert frame["T"].tolist() == [3]
    for rows in ("curve", "validation", "probes"):
        out = tmp_path / f"{rows}.csv"
        assert call("export", "--rows", rows, "--results", str(results), "--out", str(out)) == 0
        assert len(pd.read_csv(out)) > 2


def test_profile_prints_ratios_and_writes_its_table(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["profile", "plain_copy(bits=2)", "tbptt(T=3)", "dni(T=3)", *TINY]
    assert call(*asked, "--results", str(results)) == 0
    said = capsys.readouterr().out
    assert "time ratio" in said
    assert re.search(r"^matrix product, compiled +whose +tbptt\(T=3\) +dni\(T=3\)$", said, re.M)
    assert re.search(r"^2 × 8 × 16 +(own|torch) +3 +3$", said, re.M)
    frame = pd.read_csv(results / "profile.csv")
    assert frame["time_ratio"][0] == 1
    assert frame["flops_per_update"][0] < frame["flops_per_update"][1]


def test_a_profile_whose_training_diverges_says_so_in_one_line(
    results: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["profile", "plain_copy", "tbptt", *TINY, "--lr", "1e38", "--clip", "0"]
    assert call(*asked, "--results", str(results)) == 2
    out, err = capfd.readouterr()
    assert re.fullmatch(r"sgbench: plain_copy tbptt seed 0 cannot be measured: the loss .*\n", err)
    assert out == ""


@pytest.mark.parametrize(
    "asked",
    [["profile", "plain_copy", "raises"], ["suite", "raises", "--estimate"]],
    ids=lambda v: v[0],
)
def test_a_trainer_that_raises_as_it_is_measured_is_one_line(
    asked: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "raises.py"
    path.write_text(RAISES, encoding="utf-8")
    assert call(*asked, "--plugin", str(path), "--results", str(tmp_path)) == 2
    out, err = capfd.readouterr()
    assert re.fullmatch(r"sgbench: plain_copy.* cannot be (measured|tried): at once\n", err)
    assert out == ""


RAISES = """
from harness.spec import RunSpec
from harness.suite import Suite
from harness.trainer import Trainer


class Raises(Suite):
    figures = ("profiles", "costs")

    def runs(self, registry):
        part = {"task": "plain_copy(bits=2)", "model": "rnn(hidden=4)", "batch": 2}
        return [RunSpec(trainer="raises(T=3)", timesteps=60, **part)]


class Method(Trainer):
    def __init__(self, model, loss, *, T: int = 3):
        super().__init__(model, loss)
        self.T = T

    def gradients(self, episode):
        raise RuntimeError("at once")
        yield
"""


def test_a_suite_whose_runs_fail_tells_which_figures_are_not_drawn(
    results: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "raises.py"
    path.write_text(RAISES, encoding="utf-8")
    asked = ["suite", "raises", "--plugin", str(path), "--jobs", "1"]
    assert call(*asked, "--results", str(results)) == 1
    err = capfd.readouterr().err
    assert "failed: plain_copy(bits=2) raises(T=3) seed 0: RuntimeError: at once" in err
    assert [re.findall("'(.*?)'", line) for line in err.splitlines() if "not drawn" in line] == [
        ["profiles"], ["costs"],
    ]  # fmt: skip


MINE = '''
"""Half the gradient of tbptt."""

import torch

from harness.trainers.tbptt import Tbptt


class Half(Tbptt):
    """tbptt, a little slower."""

    def gradients(self, episode):
        for loss in super().gradients(episode):
            for parameter in self.model.parameters():
                parameter.grad *= 0.5
            yield loss
        assert torch.full((), 1e-38) / 100 == 0, "subnormal numbers are slow"
'''


def test_a_suite_with_a_claim_prints_its_verdict_and_verdict_prints_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "table1_desk"  # where the claim looks
    asked = ["--seeds", "1", "--timesteps", "60", "--jobs", "1", "--results", str(folder)]
    assert call("suite", "gap", *asked) == 0
    said = capsys.readouterr().out
    assert re.search(r"core-seconds: training \d+ %, starting \d+ %, .*data \d+ %", said)
    assert "tbptt(T=3)" in said
    assert "dependency (b): Does it learn longer dependencies?" in said
    assert "dni solves longer dependencies than truncation at equal T: plain_copy" in said
    assert call("verdict", "dependency", "--results", str(tmp_path)) == 0
    again = capsys.readouterr().out
    assert again in said
    assert call("verdict", "--results", str(tmp_path)) == 0
    every = capsys.readouterr().out
    assert [f"({letter})" in every for letter in "abcdefgk"] == [True] * 8
    assert "not tested: no runs recorded; `sgbench suite claims` makes them, with" in every
    for wrong, said in (
        (folder, f"mean --results {tmp_path}?"),
        (folder / "runs", "holds no folder of records named backward_cost or claims"),
    ):
        assert call("verdict", "--results", str(wrong)) == 2
        _, err = capsys.readouterr()
        assert err.count("\n") == 1
        assert said in err


def test_an_estimate_makes_nothing(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--seeds", "2", "--estimate", "--results", str(results)]
    assert call("suite", "gap", *asked) == 0
    said = capsys.readouterr().out
    assert "2 × " in said
    assert "4 runs: " in said
    assert not results.exists()


@pytest.mark.parametrize("beside", [[], ["tbptt(T=3)"]])  # in this process; in others
def test_a_trainer_from_outside_stands_in_the_table(
    beside: list[str], results: Path, tmp_path: Path
) -> None:
    torch.set_flush_denormal(False)  # a run sees to that itself
    path = tmp_path / "half.py"
    path.write_text(MINE, encoding="utf-8")
    asked = ["run", "plain_copy(bits=2)", *beside, "half(T=3)", *TINY, "--jobs", "2"]
    assert call(*asked, "--plugin", str(path), "--results", str(results)) == 0
    frame = exported(results, tmp_path / "t.csv").set_index("trainer")
    assert frame.loc["half(T=3)", "status"] == "complete"
    assert str(frame.loc["half(T=3)", "plugins"]).startswith("half.py:")


BROKEN = "class Mine(:\n"
RUN = ["run", "plain_copy(bits=4)"]
BAD = [
    (["run", "plain_copi", "bptt"], "no task 'plain_copi'", "did you mean 'plain_copy'?"),
    ([*RUN, "dnii"], "no trainer 'dnii'", "did you mean 'dni'?"),
    ([*RUN, "bptt", "dni(warmupp=3)"], "no option for trainer 'dni' named 'warmupp'", "'warmup'?"),
    ([*RUN, "tbptt(3)"], "cannot read 'tbptt(3)': options need names", "tbptt(option=3)"),
    ([*RUN, "dni(T=0)"], "T must be at least 1", "got 0"),
    ([*RUN, "tbptt(T=41)", "--timesteps", "40"], "T must not exceed --timesteps (40)", "got 41"),
    ([*RUN, f"tbptt(T={2**31})", "--timesteps", "1"], "T must be under 2**31, got 2147483648", ""),
    ([*RUN, "snap(n=0)"], "trainer snap(n=0): n must be 1", "got 0"),
    ([*RUN, "artbp(T=0)"], "trainer artbp(T=0): T must be at least 2", "got 0"),
    ([*RUN, "rtrl", "--model", "lstm(hidden=512)"], "would hold 139.3 GB", "4 GB is refused"),
    ([*RUN, "kf_rtrl"], "trainer kf_rtrl does not suit model lstm(hidden=64)", "without gates"),
    ([*RUN, "bptt", "--timesteps", "-5"], "timesteps must be at least 1", "got -5"),
    ([*RUN, "bptt", "--timesteps", "many"], "--timesteps", "'many' is not a valid integer"),
    ([*RUN, "bptt", "--batch", "0"], "batch must be at least 1", "got 0"),
    ([*RUN, "bptt", "--seed", "1", "--seeds", "2"], "--seed or --seeds", ""),
    ([*RUN, "bptt", "--model", "lstn"], "no model 'lstn'", "did you mean 'lstm'?"),
    ([*RUN, "bptt", "--device", "tpu9"], "device 'tpu9'", ""),
    ([*RUN, "bptt", "--timestep", "3"], "--timestep", ""),
    ([*RUN, "bptt", "--engine", "compilde"], "no engine 'compilde'", "did you mean 'compiled'?"),
    ([*RUN, "bptt", "--stack", "0"], "--stack", "x>=1"),
    ([*RUN, "bptt", "--stack", "2", "--executor", "ray"], "--stack is for --executor local", ""),
    ([*RUN, "bptt", "--limit", "0"], "--limit", "x>0"),
    ([*RUN, "bptt", "--executor", "slurm"], "--executor", "'local', 'ray'"),
    ([*RUN, "bptt", "--address", "auto"], "--address is for --executor ray", ""),
    (RUN, "TRAINER", ""),
    (["run", "char_lm(corpus='nowhere.txt')", "bptt"], "no corpus 'nowhere.txt'", "pydoc"),
    (["run", "char_lm", "bptt", "--corpus", "nowhere.txt"], "no corpus 'nowhere.txt'", "ptb"),
    (["run", "plain_copy(protocol='both')", "bptt"], "'carried' or 'reset'", "got 'both'"),
    ([*RUN, "bptt", "--plugin", "broken.py"], "plug-in broken.py, line 1", "invalid syntax"),
    ([*RUN, "bptt", "--corpus", "half\udcff.txt"], "--corpus is for char_lm", ""),
    (["run", "char_lm", "bptt", "--corpus", "half\udcff.txt"], "its path is not UTF-8", "rename"),
    ([*RUN, "bptt", "--plugin", "absent.py"], "no plug-in file", "absent.py"),
    (["suite", "quik"], "no suite or figure 'quik'", "ablation, activation_bytes, alignment"),
    (["suite", "quik"], "no suite or figure 'quik'", "did you mean 'quick'?"),
    (["suite", "quick(seeds=3)"], "a suite or figure takes no options, got quick(seeds=3)", ""),
    (["verdict", "speeed"], "no claim 'speeed'", "did you mean 'speed'?"),
    (["verdict", "--results", "nowhere"], "no folder 'nowhere' for --results", ""),
    (["suite", "quick", "--timesteps", "0"], "timesteps must be at least 1", "got 0"),
    (["plot", "level"], "no figure 'level'", "did you mean 'levels'?"),
    (["plot", "levels"], "no folder 'results/local' for --results", ""),
    (["plot"], "no folder 'results/local' for --results", ""),
    (["list", "run"], "no folder 'results/local' for --results", ""),
    ([*RUN, "bptt", "--data", "nowhere"], "no folder 'nowhere' for --data", ""),
    ([*RUN, "bptt", "--lr", "inf"], "lr must be a finite number of at least 0", "inf"),
    ([*RUN, "bptt", "--lr", "nan"], "lr must be a finite number of at least 0", "got nan"),
    ([*RUN, "bptt", "--seed", "9223372036854775807"], "seed must be under 2**32", ""),
    ([*RUN, "bptt", "--batch", "100000000000000"], "cannot be built", ""),
    ([*RUN, "bptt", "--model", "lstm(hidden=100000000)"], "cannot be built", ""),
    (["run", "char_lm(corpus='~nobody/x')", "bptt"], "no corpus '~nobody/x'", ""),
    (["profile", "plain_copy", "bptt", "--timesteps", "0"], "timesteps must be at least 1", ""),
    (["list", "trainerz"], "no kind 'trainerz'", "did you mean 'trainer'?"),
    ([*RUN, "bptt", "--corpus", "ptb"], "--corpus is for char_lm, not for plain_copy", ""),
    (["profile", "plain_copy", "dnii"], "no trainer 'dnii'", ""),
    (["export", "--out", "t.xlsx"], "--out must end in .csv or .parquet", ""),
    (["export", "--out", "t.csv"], "no folder 'results/local' for --results", ""),
    (["report"], "no folder 'results/local' for --results", ""),
    (["compare", "bptt", "sg"], "no folder 'results/local' for --results", ""),
    (["rnu"], "no command 'rnu'", "did you mean 'run'?"),
]


@pytest.mark.parametrize(("arguments", "said", "besides"), BAD, ids=lambda v: " ".join(v)[:40])
def test_bad_input_is_one_line_and_exit_code_2_and_nothing_is_written(
    arguments: list[str], said: str, besides: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "broken.py").write_text(BROKEN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert call(*arguments) == 2
    out, err = capfd.readouterr()
    assert err.count("\n") == 1, err
    assert said in err
    assert besides in err
    assert out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["broken.py"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA GPU here")
def test_cuda_without_a_gpu_is_one_line(results: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(*RUN, "bptt", "--device", "cuda", "--results", str(results)) == 2
    _, err = capfd.readouterr()
    assert err.count("\n") == 1
    assert "'cuda' is not available" in err
    assert not results.exists()


def test_a_results_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way", encoding="utf-8")
    assert call(*RUN, "bptt", *TINY, "--results", str(blocked / "results")) == 2
    _, err = capfd.readouterr()
    assert err.count("\n") == 1
    assert "cannot write to the results folder" in err
    assert blocked.read_text(encoding="utf-8") == "in the way"


def test_an_absent_named_corpus_offline_says_which_file_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import pooch

    def offline(*args: object, **kwargs: object) -> None:
        raise ConnectionError("offline")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pooch.core.Pooch, "fetch", offline)
    assert call("run", "char_lm(corpus='tinyshakespeare')", "bptt") == 2
    _, err = capfd.readouterr()
    assert err.count("\n") == 1
    assert "input.txt (sha256 86c4e6aa" in err
    assert "--data or SGBENCH_DATA" in err
    assert not list(tmp_path.iterdir())


def test_results_made_with_other_defaults_are_not_passed_off(
    results: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = [*RUN, "dni(T=3)", *TINY, "--results", str(results)]
    assert call(*asked) == 0
    (path,) = (results / "runs").glob("*.jsonl")
    path.write_text(path.read_text(encoding="utf-8").replace('"lr": 0.03', '"lr": 0.5'))
    capfd.readouterr()
    assert call(*asked) == 2
    _, err = capfd.readouterr()
    assert "recorded with lr=0.5, which is now 0.03" in err


def mine(folder: Path, body: str, init: str = "") -> str:
    """A plug-in trainer with a `gradients` of these lines."""
    text = f"""
from harness.trainer import Trainer
class Own(Trainer):
    {init}
    def gradients(self, episode):
        loss, _ = self.unroll(episode, self.boundary(episode))
        {body}
"""
    (folder / "own.py").write_text(text, encoding="utf-8")
    return str(folder / "own.py")


def test_an_edited_plug_in_does_not_get_its_old_result(
    results: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = [*RUN, "own", *TINY, "--results", str(results), "--plugin"]
    assert call(*asked, mine(tmp_path, "loss.backward(); yield loss.detach()")) == 0
    edited = mine(tmp_path, "(2 * loss).backward(); yield loss.detach()")
    capfd.readouterr()
    assert call(*asked, edited) == 2
    assert "recorded with another own.py; give --again" in capfd.readouterr().err
    before = exported(results, tmp_path / "t.csv")
    assert call(*asked, edited, "--again") == 0
    after = exported(results, tmp_path / "t.csv")
    assert len(after) == 1
    assert after["plugins"][0] != before["plugins"][0]
    assert call(*asked, edited) == 0


@pytest.mark.parametrize(
    ("body", "init", "code", "said"),
    [
        ("raise MemoryError('too much')", "", 1, "MemoryError: too much (own.py, line 7)"),
        (
            "loss.backward()",
            "",
            1,
            "Own.gradients() must yield losses, but it returned None (own.py; noticed in cost.py",
        ),
        ("self.unroll(episode, 3)", "", 1, "(own.py, line 7)"),
        ("return iter(())", "", 1, "gradients() yielded no loss for an episode"),
        (
            "loss.backward(); yield loss.item()",
            "",
            1,
            "Own.gradients() must yield the loss as a tensor",
        ),
        ("yield loss.detach()", "", 1, "without filling any .grad of the model"),
        ("yield loss", "def __init__(self, model, loss, T): ...", 2, "missing a required argument"),
        ("yield loss", "def __init__(self, model, loss, *, T): ...", 2, "needs T: own(T=...)"),
        ("yield loss", "def __init__(self, model, loss, T=4): ...", 2, "write a * before T in"),
    ],
)
def test_a_trainer_that_breaks_its_promise_is_told_how(
    body: str, init: str, code: int, said: str,
    results: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    asked = [*RUN, "tbptt(T=3)", "own", *TINY, "--plugin", mine(tmp_path, body, init)]
    assert call(*asked, "--results", str(results), "--jobs", "1") == code
    out, err = capfd.readouterr()
    assert said in err
    assert "Traceback" not in err
    if code == 1:  # the run ended alone, marked; the other one is whole
        assert "0 of 1" in out
        frame = exported(results, tmp_path / "t.csv").set_index("trainer")
        assert frame["status"].to_dict() == {"own": "failed", "tbptt(T=3)": "complete"}
    else:
        assert err.count("\n") == 1
        assert not results.exists()


def test_a_plug_in_that_lacks_a_method_is_told_which(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "typo.py"
    path.write_text("from harness.trainer import Trainer\nclass Own(Trainer):\n    x = 1\n")
    assert call(*RUN, "typo", "--plugin", str(path)) == 2
    assert "Own does not define gradients" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["my-bad", "my trainer", "2nd", "class"])
def test_a_plug_in_whose_name_could_not_be_typed_is_refused(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"{name}.py"
    path.write_text(MINE, encoding="utf-8")
    assert call(*RUN, "bptt", "--plugin", str(path)) == 2
    _, err = capfd.readouterr()
    assert err.count("\n") == 1
    assert f"plug-in {name}.py: rename the file, letters, digits and _ only" in err


def test_one_figure_is_a_suite_and_draws_its_own_runs_not_all_that_lies_in_the_folder(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one method: every figure is drawn with every method in test_conformance.py."""
    everything = ActivationBytes.runs

    def of_one(figure: ActivationBytes, registry: Registry) -> list[RunSpec]:
        return [spec for spec in everything(figure, registry) if spec.trainer == "tbptt(T=3)"]

    monkeypatch.setattr(ActivationBytes, "runs", of_one)
    asked = ["run", "plain_copy(bits=2, protocol='reset', start=50)", "bptt", *TINY[:4]]
    assert call(*asked, "--timesteps", "1", "--results", str(results)) == 0
    assert call("suite", "activation_bytes", "--results", str(results), "--jobs", "1") == 0
    assert "drawn:" in capsys.readouterr().out
    drawn = (results / "figures" / "activation_bytes.svg").read_text(encoding="utf-8")
    assert ">129<" in drawn
    assert ">101<" not in drawn, "the tick of a run that is not the suite's"


def test_python_m_harness_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "rnu"], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("sgbench: no command 'rnu'")


def test_workers_end_with_a_parent_that_is_killed(results: Path) -> None:
    asked = ["run", "plain_copy(bits=2)", "tbptt(T=2)", "dni(T=2)", "--timesteps", "10000000"]
    command = [sys.executable, "-m", "harness", *asked, "--jobs", "2", "--results", str(results)]
    parent = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)

    try:
        deadline = time.monotonic() + 120
        while len(list(results.glob("runs/*.jsonl"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.2)
        parent.kill()
        parent.wait()
        pids = _members(parent.pid)
        deadline = time.monotonic() + 120
        while pids and time.monotonic() < deadline:
            time.sleep(0.2)
            pids = _members(parent.pid)
        assert not pids
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(parent.pid, 9)


def _members(session: int) -> list[int]:
    """The processes of a session that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            after_name = path.read_text(encoding="utf-8").rpartition(")")[2].split()
            if after_name[0] != "Z" and int(after_name[3]) == session:
                found.append(int(path.parent.name))
    return found
