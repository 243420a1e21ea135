"""The regression check: every planted fault is caught, and nothing else is called one."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from torch import Tensor

from harness.__main__ import main
from harness.episode import Episode
from harness.measure.environment import describe
from harness.regression import learning, losses, speed
from harness.regression.baseline import Baseline, Recorded, read
from harness.regression.judgement import Status, judge
from harness.regression.reading import Reading
from harness.regression.report import Report
from harness.regression.subjects import GROUPS, TRAINERS
from harness.synthesiser import SyntheticGradientTrainer
from harness.trainer import Trainer
from harness.trainers.dni import Dni
from tasks._copying import Copying
from tasks.plain_copy import PlainCopy
from tests.conftest import Clock

RECORDED = Path(__file__).resolve().parent.parent / "results" / "check" / "baseline.json"


def call(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["check", *map(str, arguments)])
    code = stop.value.code
    assert isinstance(code, int)
    return code


def figures(*arguments: str, baseline: Path = RECORDED, folder: Path) -> tuple[int, dict[str, str]]:
    """The exit code of a check of some figures, and what is said of each."""
    out = folder / "report.json"
    only = [word for each in arguments for word in ("--only", each)]
    code = call("--baseline", baseline, *only, "--format", "json", "--out", out)
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["exit_code"] == code
    return code, {each["name"]: each["status"] for each in report["figures"]}


def fresh(path: Path, *only: str) -> Path:
    """A baseline made here: another torch or machine than the recorded one's may run this."""
    words = [word for each in only for word in ("--only", each)]
    assert call("--baseline", path, "--update", *words) == 0
    return path


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the planted faults are held to; few timesteps are enough to tell them."""
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        return fresh(tmp_path_factory.mktemp("own") / "base.json", "cost", "levels", "losses")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


def shorten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(losses, "TIMESTEPS", 180)


def off(found: dict[str, str]) -> set[str]:
    return {name for name, status in found.items() if status == "regression"}


def test_the_recorded_baseline_is_whole_and_unchanged_code_is_no_regression(tmp_path: Path) -> None:
    baseline = read(RECORDED)
    assert {name.partition("/")[0] for name in baseline.figures} == set(GROUPS)
    code, found = figures("cost", "levels", "losses", folder=tmp_path)
    assert not off(found)
    assert set(found) == {n for n in baseline.figures if not n.startswith(("learning", "speed"))}
    made = {baseline.made[group]["torch"].partition("+")[0] for group in ("cost", "losses")}
    if made == {torch.__version__.partition("+")[0]}:
        assert code == 0


# The planted faults.


def stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """dni's synthesiser is asked for what it says already."""
    regress = SyntheticGradientTrainer.regress

    def nothing(self: Dni, state: Tensor, target: Tensor) -> None:
        regress(self, state, self.synthesiser(state).detach())

    monkeypatch.setattr(Dni, "regress", nothing)


@pytest.mark.long
def test_a_synthesiser_that_stands_still_learns_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = read(RECORDED)  # as if here: no processor makes up for what is lost
    made = dict.fromkeys(recorded.made, describe(torch.device("cpu")))
    base = tmp_path / "base.json"
    replace(recorded, made=made).write(base)
    stand_still(monkeypatch)
    code, found = figures("learning/dni/bits", baseline=base, folder=tmp_path)
    assert (code, off(found)) == (1, {"learning/dni/bits"})


@pytest.mark.usefixtures("short")
def test_a_synthesiser_that_stands_still(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_still(monkeypatch)
    code, found = figures("losses/plain_copy", baseline=own, folder=tmp_path)
    assert (code, off(found)) == (1, {"losses/plain_copy/dni"})


def test_a_detach_that_is_missing(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def attached(self: SyntheticGradientTrainer, state: Tensor) -> Tensor:
        prediction: Tensor = self.synthesiser(state)
        return prediction

    monkeypatch.setattr(SyntheticGradientTrainer, "synthetic_gradient", attached)
    code, found = figures("cost/plain_copy", baseline=own, folder=tmp_path)
    assert code == 1
    assert {f"cost/plain_copy/{name}/activation_bytes" for name in ("sg", "dni")} <= off(found)
    assert "cost/plain_copy/tbptt/activation_bytes" not in off(found)


@pytest.mark.usefixtures("short")
def test_an_extra_forward_pass(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unroll = Trainer.unroll

    def twice(self: Trainer, window: Episode, h_0: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            self.model(window.x, h_0.detach())
        return unroll(self, window, h_0)

    monkeypatch.setattr(Trainer, "unroll", twice)
    code, found = figures("cost/char_lm", "losses/char_lm", baseline=own, folder=tmp_path)
    assert (code, off(found)) == (1, {f"cost/char_lm/{name}/flops" for name in TRAINERS})


@pytest.mark.usefixtures("short")
def test_an_end_of_an_episode_that_is_ignored(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        SyntheticGradientTrainer,
        "beyond",
        lambda self, window, h_T: self.synthetic_gradient(h_T),
    )
    task = "plain_copy_reset"
    code, found = figures(f"losses/{task}", "losses/plain_copy", baseline=own, folder=tmp_path)
    assert (code, off(found)) == (1, {f"losses/{task}/{each}" for each in ("sg", "dni", "dni_aux")})


@pytest.mark.usefixtures("short")
def test_a_state_that_outlives_its_episode(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boundary = Trainer.boundary
    monkeypatch.setattr(
        Trainer, "boundary", lambda self, window: boundary(self, replace(window, fresh=False))
    )
    code, found = figures("losses/plain_copy_reset", baseline=own, folder=tmp_path)
    assert (code, off(found)) == (1, set(found))


def laps(clock: Clock, make: Callable[..., speed.Lap]) -> Callable[..., speed.Lap]:
    """Of a millisecond each, give or take a tenth."""

    def made(*arguments: object) -> speed.Lap:
        lap = make(*arguments)

        def timed() -> object:
            clock.seconds += 1e-3 * random.uniform(0.9, 1.1)
            return lap()

        return timed

    return made


def test_a_sleep_of_a_fifth_of_an_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock of our own; on the machine's own clock it is tests/benchmarks/test_check.py."""
    clock = Clock()
    monkeypatch.setattr(speed, "time", clock)
    monkeypatch.setattr(speed, "_lap", laps(clock, speed._lap))
    monkeypatch.setattr(speed, "bare_tbptt", laps(clock, speed.bare_tbptt))
    monkeypatch.setattr(speed, "_taken_away", lambda: 0)
    monkeypatch.setattr(speed, "MOST", speed.FEWEST)
    base = fresh(tmp_path / "base.json", "speed/dni")
    assert figures("speed/dni", baseline=base, folder=tmp_path) == (0, {"speed/dni": "fine"})
    decoupled = Dni.decoupled

    def slow(self: Dni, episode: Episode) -> Iterator[Tensor]:
        for loss in decoupled(self, episode):
            clock.seconds += 0.2e-3
            yield loss

    monkeypatch.setattr(Dni, "decoupled", slow)
    code, found = figures("speed/dni", baseline=base, folder=tmp_path)
    assert (code, found) == (1, {"speed/dni": "regression"})


@pytest.mark.usefixtures("short")
def test_a_target_that_is_not_bootstrapped(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backpropagate = SyntheticGradientTrainer.backpropagate

    def without(
        self: SyntheticGradientTrainer, loss: Tensor, h_0: Tensor, h_T: Tensor, beyond: Tensor
    ) -> Tensor:
        target = backpropagate(self, loss, h_0, h_T, beyond)
        if isinstance(self, Dni):  # the very gradient of the window alone
            outputs, _ = self.model(self.window.x, h_0)
            (own,) = torch.autograd.grad(self.loss(outputs, self.window), h_0)
            return len(h_0) * own
        return target

    unroll = Trainer.unroll

    def remembered(self: Trainer, window: Episode, h_0: Tensor) -> tuple[Tensor, Tensor]:
        self.window = window
        return unroll(self, window, h_0)

    monkeypatch.setattr(Trainer, "unroll", remembered)
    monkeypatch.setattr(SyntheticGradientTrainer, "backpropagate", without)
    code, found = figures("losses", baseline=own, folder=tmp_path)
    tasks = ("plain_copy", "plain_copy_reset", "repeat_copy", "char_lm")
    assert (code, off(found)) == (1, {f"losses/{task}/dni" for task in tasks})


@pytest.mark.parametrize("threshold", [0.14, 0.16])
def test_a_threshold_that_is_off(
    threshold: float, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PlainCopy.__init__.__kwdefaults__, "threshold", threshold)
    code, found = figures("levels", baseline=own, folder=tmp_path)
    assert (code, off(found)) == (1, {"levels/plain_copy"})


def test_a_level_that_is_never_solved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a task whose first level comes soon
    monkeypatch.setattr(learning, "TASK", "plain_copy(bits=1, average=1)")
    monkeypatch.setattr(learning, "TEST", "plain_copy(bits=1, protocol='reset', start=2)")
    monkeypatch.setattr(learning, "TIMESTEPS", 600)
    monkeypatch.setattr(learning, "SEEDS", 4)
    base = fresh(tmp_path / "base.json", "levels", "learning/tbptt/solved")
    monkeypatch.setattr(Copying, "observe", lambda self, bits: None)
    code, found = figures("levels", "learning/tbptt/solved", baseline=base, folder=tmp_path)
    assert (code, off(found)) == (1, set(found))
    assert len(found) == 3


def test_a_trainer_that_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Dni, episode: Episode) -> Iterator[Tensor]:
        raise RuntimeError("shapes\x00 <do> not\nmatch")

    monkeypatch.setattr(Dni, "decoupled", broken)
    out = tmp_path / "deep" / "report.xml"
    only = ["--only", "cost/char_lm", "--only", "speed/dni"]
    assert call("--baseline", RECORDED, *only, "--format", "junit", "--out", out) == 1
    root = ElementTree.parse(out).getroot()
    failed = {
        case.get("name") for case in root.iter("testcase") if case.find("failure") is not None
    }
    parts = ("flops", "activation_bytes", "parameters")
    assert failed == {f"cost/char_lm/dni/{part}" for part in parts} | {"speed/dni"}
    said = [each.get("message") for each in root.iter("failure")]
    assert said[0] == "raised RuntimeError: shapes� <do> not match"


# The judgement, on numbers made up.

HERE: dict[str, str | int | bool] = {"torch": "2", "machine": "m", "processor": "p"}


def judged(
    name: str, now: Sequence[float], then: Sequence[float], threshold: float, **there: str
) -> Status:
    group = name.partition("/")[0]
    baseline = Baseline({group: {**HERE, **there}}, {name: Recorded(tuple(then), threshold)})
    return judge(Reading(name, tuple(now)), baseline, HERE).status


@pytest.mark.parametrize(
    ("name", "now", "then", "threshold", "status"),
    [
        ("cost/x", [10], [10], 0, "fine"),
        ("cost/x", [11], [10], 0, "regression"),
        ("cost/x", [9], [10], 0, "regression"),
        ("cost/x", [11], [10], 0.1, "fine"),
        ("losses/x", [0.5, 0.50004], [0.5, 0.5], 1e-4, "fine"),
        ("losses/x", [0.5, 0.5006], [0.5, 0.5], 1e-4, "regression"),
        ("losses/x", [0.5, float("nan")], [0.5, 0.5], 1e-4, "regression"),
        ("losses/x", [0.5], [0.5, 0.5], 1e-4, "could not tell"),
        ("learning/x/bits", [0.5] * 6, [0.5] * 6, 0.1, "fine"),
        ("learning/x/bits", [0.7, 0.8, 0.7, 0.8, 0.7, 0.8], [0.5] * 6, 0.1, "regression"),
        ("learning/x/bits", [0.2, 0.3, 0.2, 0.3, 0.2, 0.3], [0.5] * 6, 0.1, "better"),
        ("learning/x/bits", [0.2, 1.2, 0.2, 1.2, 0.5, 0.9], [0.5] * 6, 0.1, "could not tell"),
        ("learning/x/solved", [100] * 6, [300] * 6, 120, "regression"),
        ("speed/x", [1.5, 1.52, 1.49, 1.51, 1.5], [1.5], 0.1, "fine"),
        ("speed/x", [1.8, 1.82, 1.79, 1.81, 1.8], [1.5], 0.1, "regression"),
        ("speed/x", [1.1, 1.12, 1.09, 1.11, 1.1], [1.5], 0.1, "better"),
        ("speed/x", [1.2, 2.9, 1.3, 1.4, 2.8], [1.5], 0.1, "could not tell"),
    ],
)
def test_a_figure_is_judged(
    name: str, now: list[float], then: list[float], threshold: float, status: str
) -> None:
    assert judged(name, now, then, threshold) == status


def test_what_another_machine_may_explain_is_no_regression() -> None:
    assert judged("cost/x", [11], [10], 0, torch="1") == "could not tell"
    assert judged("cost/x", [11], [10], 0, torch="2+cpu") == "regression", "one release, two builds"
    assert judged("cost/x", [11], [10], 0, processor="q") == "regression"
    assert judged("speed/x", [2.0, 2.01, 1.99], [1.5], 0.1, processor="q") == "could not tell"
    assert judged("speed/x", [1.5, 1.51, 1.49], [1.5], 0.1, processor="q") == "fine"


def test_a_regression_outranks_what_could_not_be_told() -> None:
    baseline = Baseline({}, {"cost/a": Recorded((1,), 0)})
    found = [judge(Reading(name, (1,)), baseline, HERE) for name in ("cost/a", "cost/b")]
    assert Report(found, HERE, {"cost": 1.0}).code == 2
    found.append(judge(Reading("cost/c", error="X"), baseline, HERE))
    report = Report(found, HERE, {"cost": 1.0})
    assert report.code == 1
    assert "regression      cost/c  raised X" in report.text()
    suite = ElementTree.fromstring(report.junit()).find("testsuite")
    assert suite is not None
    assert [suite.get(key) for key in ("tests", "failures", "errors")] == ["3", "1", "1"]


def test_why_there_is_no_timing_is_said() -> None:
    (busy,) = speed._readings({"dni": [1.5]})
    (alone,) = speed._readings({"dni": []}, "tbptt raised")
    for reading, why in ((busy, "the machine is too busy"), (alone, "tbptt raised")):
        found = judge(reading, Baseline({}, {"speed/dni": Recorded((1.5,), 0.1)}), HERE)
        assert (found.status, found.said) == (Status.UNTOLD, f"no timing: {why}")


# The file.


def test_an_update_keeps_thresholds_and_what_is_not_asked_for(tmp_path: Path) -> None:
    path = fresh(tmp_path / "deep" / "base.json", "levels")
    text = path.read_text(encoding="utf-8")
    edited = text.replace(
        '"levels/plain_copy": {"threshold": 0.0', '"levels/plain_copy": {"threshold": 0.5'
    )
    assert edited != text
    path.write_text(edited, encoding="utf-8")
    fresh(path, "levels/plain_copy")
    assert path.read_text(encoding="utf-8").count('"threshold": 0.5') == 1
    assert set(read(path).figures) == {"levels/plain_copy", "levels/repeat_copy"}
    code, found = figures("levels", "cost/char_lm/bptt", baseline=path, folder=tmp_path)
    assert code == 2
    assert found["cost/char_lm/bptt/flops"] == "could not tell"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no baseline"),
        ("{", "is damaged"),
        ("[]", "is from version None of the check"),
        ('{"version": 0}', "is from version 0 of the check, this is version 1; remove it, and"),
        ('{"version": 1}', "is damaged: KeyError 'figures'"),
        ('{"version": 1, "made": {}, "figures": {"cost/x": {"threshold": -1, "values": [1]}}}',
         "in cost/x: a threshold must be at least 0, got -1"),
        ('{"version": 1, "made": {}, "figures": {"cost/x": {"threshold": 0, "values": ["a"]}}}',
         "in cost/x: 'a' is not a number"),
    ],
)  # fmt: skip
def test_a_baseline_that_cannot_be_compared_with_is_one_line(
    content: str | None, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "base.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert call("--baseline", path) == 2
    _, err = capfd.readouterr()
    assert err.count("\n") == 1
    assert said in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "sped"], "no figure whose name begins with 'sped'; there are: cost, learning"),
        (["--only", "levels", "--out", "/dev/null/x"], "cannot write /dev/null/x"),
        (["--update", "--out", "report.txt"], "--out report.txt: --update writes no report"),
        (["--out", RECORDED], "the report would replace the baseline"),
    ],
)
def test_what_was_mistyped_is_one_line(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before = RECORDED.read_bytes()
    assert call("--baseline", RECORDED, *arguments) == 2
    _, err = capfd.readouterr()
    assert err.count("\n") == 1
    assert said in err
    assert RECORDED.read_bytes() == before


def test_a_report_and_a_baseline_stay_what_they_were_until_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, baseline = tmp_path / "report.txt", tmp_path / "base.json"
    report.write_text("earlier", encoding="utf-8")
    asked = ("--baseline", RECORDED, "--only", "sped", "--out", report)
    assert call(*asked) == 2
    assert report.read_text(encoding="utf-8") == "earlier"
    read(RECORDED).write(baseline)
    before = baseline.read_bytes()

    def full(self: Path, *_: object, **__: object) -> None:
        with self.open("w", encoding="utf-8"):
            raise OSError(28, "No space left on device")

    recorded = read(RECORDED)
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(ValueError, match="cannot write baseline"):
        recorded.write(baseline)
    assert baseline.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [baseline, report]
