"""Names, options and plug-ins: what is found, and what is said when it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.names.call import Call, canonical
from harness.names.plugin import FOLDERS
from harness.registry import Registry
from harness.spec import CALLS, RunSpec
from harness.statistics import interval

ROOT = Path(__file__).resolve().parent.parent


def test_every_file_in_the_folders_is_found_under_its_name(registry: Registry) -> None:
    for kind, (package, *_) in FOLDERS.items():
        files = {path.stem for path in (ROOT / package.replace(".", "/")).glob("[!_]*.py")}
        assert files == set(registry.names(kind))
        for name in files:
            entry = registry.entry(kind, name)
            assert entry.load().__module__.endswith(name)
            assert entry.summary, f"{name} has no docstring"


@pytest.mark.parametrize("kind", CALLS)
def test_options_read_from_the_source_are_those_of_the_class(kind: str, registry: Registry) -> None:
    for name in registry.names(kind):
        read = registry.entry(kind, name).defaults()
        real = registry.options(kind, name)
        assert set(read) == set(real)
        for option, default in read.items():
            assert eval(default) == real[option]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dni", "dni"),
        ("dni()", "dni"),
        (" dni( warmup=1000,T=3 ) ", "dni(T=3, warmup=1000)"),
        ('char_lm(corpus="a b")', "char_lm(corpus='a b')"),
        ("x(a=-1, b=1e-3, c=None)", "x(a=-1, b=0.001, c=None)"),
    ],
)
def test_a_call_has_one_spelling(text: str, expected: str) -> None:
    assert canonical(text) == expected
    assert canonical(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dni(",
        "dni(3)",
        "dni(T=3, T=4)",
        "dni(T={[]: 1})",
        "dni(**x)",
        "dni(T=os.getcwd())",
        "dni(T=3)(4)",
        "a b",
        "1",
    ],
)
def test_what_is_no_call_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"^cannot read [^\n]*$"):
        Call.parse(text)


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("trainer", "dnii", "uoro (did you mean 'dni'?)"),
        ("trainer", "lion", "no trainer 'lion'; there are: artbp, behind, behind_low, both_sides"),
        ("task", "copy", "no task 'copy'; there are: char_lm, images, plain_copy, repeat_copy"),
        ("trainer", "dni(scal=1.0)", "no option for trainer 'dni' named 'scal'; there are:"),
        ("trainer", "bptt(T=3)", "no option for trainer 'bptt' named 'T'; there are: none"),
        ("trainer", "dni(T=0)", "trainer dni(T=0): T must be at least 1, got 0"),
        ("trainer", "dni(T='3')", "option T of trainer 'dni' must be a whole number, got '3'"),
        ("trainer", "dni(T=True)", "option T of trainer 'dni' must be a whole number, got True"),
        ("trainer", "dni(optimiser='lion')", "must be 'sgd' or 'adam', got 'lion'"),
        ("trainer", "dni(scale=0, discount=1)", "scale must be above 0 if discount is, got 0"),
        ("model", "lstm(hidden=0)", "model lstm(hidden=0): hidden must be at least 1, got 0"),
        ("model", "lstm(hidden=1.5)", "option hidden of model 'lstm' must be a whole number"),
    ],
)  # fmt: skip
def test_errors_say_what_came_and_what_may_come(
    kind: str, text: str, said: str, registry: Registry
) -> None:
    arguments = {
        "trainer": (registry.make("model", "lstm(hidden=2)", 2, 2), None),
        "model": (2, 2),
        "task": (),
    }[kind]
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        registry.make(kind, text, *arguments)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("timesteps", 0, "timesteps must be at least 1, got 0"),
        ("timesteps", -5, "timesteps must be at least 1, got -5"),
        ("batch", 0, "batch must be at least 1, got 0"),
        ("lr", float("nan"), "lr must be a finite number of at least 0, got nan"),
        ("seed", -1, "seed must be at least 0, got -1"),
        ("trainer", "dni(", "cannot read 'dni('"),
    ],
)
def test_a_spec_checks_itself(field: str, value: object, said: str) -> None:
    fields = {"task": "plain_copy", "trainer": "bptt", field: value}
    with pytest.raises(ValueError, match=r"must be|cannot") as caught:
        RunSpec(**fields)  # type: ignore[arg-type]
    assert said in str(caught.value)


def test_the_id_of_a_run_follows_what_it_computes_not_how_it_is_typed() -> None:
    one = RunSpec(task="plain_copy", trainer="dni(T=3, warmup=5)")
    assert one.id == RunSpec(task="plain_copy()", trainer="dni( warmup=5, T=3)").id
    assert one.id != RunSpec(task="plain_copy", trainer="dni(T=3, warmup=6)").id
    assert one.id != RunSpec(task="plain_copy", trainer="dni(T=3, warmup=5)", seed=1).id
    assert RunSpec.from_dict(json.loads(one.to_json())) == one


def plugin(folder: Path, text: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def broken(:", "plug-in mine.py, line 1: invalid syntax"),
        ("import nowhere_to_be_found", "plug-in mine.py: ModuleNotFoundError"),
        ("raise SystemExit(0)", "plug-in mine.py: SystemExit: 0"),
        (
            "x = 1",
            "plug-in mine.py defines no task, model, trainer, optimiser, schedule, figure, suite",
        ),
    ],
)
def test_a_bad_plug_in_is_refused_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        Registry([plugin(tmp_path, text)])
    assert said in str(caught.value)


def test_a_plug_in_may_not_take_a_name_that_is_taken(tmp_path: Path) -> None:
    text = "from harness.trainers.tbptt import Tbptt\nclass Mine(Tbptt):\n    '''Mine.'''\n"
    assert "mine" in Registry([plugin(tmp_path, text)]).names("trainer")
    with pytest.raises(ValueError, match="there is already a trainer 'tbptt'"):
        Registry([plugin(tmp_path, text, "tbptt.py")])


def test_an_interval_holds_its_median_and_narrows_with_seeds() -> None:
    few, many = interval([1, 2, 3]), interval([1, 2, 3] * 20)
    assert few.low <= few.centre == 2 <= few.high
    assert many.high - many.low < few.high - few.low
    assert interval([4.0]).said(1) == "4.0"
    assert interval([4.0, 4.0]).said(0) == "4 [4 … 4]"
    assert interval([1, 2, 3]) == interval([1, 2, 3])
    assert interval([float("nan"), 3.0]).centre == 3


def test_an_installed_package_joins_in_by_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.metadata import EntryPoint, EntryPoints

    text = '"""Mine, from afar."""\nfrom harness.trainers.tbptt import Tbptt\n'
    text += "class Mine(Tbptt):\n    '''Mine.'''\n"
    plugin(tmp_path, text, "some_package.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    point = EntryPoint("afar", "some_package:Mine", "sgbench.trainers")

    monkeypatch.setattr("harness.registry.entry_points", lambda: EntryPoints([point]))
    registry = Registry()
    assert registry.entry("trainer", "afar").summary == "Mine, from afar"
    assert registry.entry("trainer", "afar").load().__name__ == "Mine"


@pytest.mark.parametrize("text", [None, "import nothing_of_the_kind", "raise SystemExit(0)", "def"])
def test_an_installed_package_that_is_broken_or_gone_is_an_error_where_it_is_asked_for(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.metadata import EntryPoint, EntryPoints

    if text:
        plugin(tmp_path, text, "broken_package.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [EntryPoint("lost", f"broken_package{end}:Mine", "sgbench.trainers")
              for end in ("", ".inner")]  # fmt: skip
    for point in points:
        monkeypatch.setattr("harness.registry.entry_points", lambda p=point: EntryPoints([p]))
        registry = Registry()
        assert registry.entry("trainer", "lost").summary == ""
        assert registry.entry("trainer", "lost").defaults() == {}
        registry.load("trainer", "bptt")
        with pytest.raises(ValueError, match="which an installed package adds, cannot be loaded"):
            registry.load("trainer", "lost")


GREEDY = """
from harness.trainers.tbptt import Tbptt

class Greedy(Tbptt):
    def __init__(self, model, loss, *, sizes: list = ()):
        super().__init__(model, loss)
"""


def test_what_a_plug_in_does_to_its_options_does_not_reach_the_call(tmp_path: Path) -> None:
    path = tmp_path / "greedy.py"
    path.write_text(GREEDY, encoding="utf-8")
    registry, text = Registry([path]), "greedy(sizes=[1])"
    for _ in range(2):
        assert registry.options("trainer", text) == {"sizes": [1]}
        registry.options("trainer", text)["sizes"].append(2)
        with pytest.raises(TypeError):
            Call.parse("greedy").options["sizes"] = [2]  # type: ignore[index]
    assert str(Call.parse(text)) == text
