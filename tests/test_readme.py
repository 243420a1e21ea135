"""What the documents say is so: the tree, the columns, the example, the commands."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pandas as pd
import pytest

from harness.__main__ import main
from harness.analysis.table import COLUMNS, table
from harness.cli import sgbench
from harness.registry import Registry
from harness.store import Store

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COLUMN_GUIDE = (ROOT / "results" / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    return [body for named, body in found if named == language]


def test_the_tree_names_every_file_and_no_other() -> None:
    tree = next(block for block in blocks("") if block.startswith("harness/ "))
    named = set(re.findall(r"\w+\.py", tree))
    there = {
        path.name
        for package in ("harness", "tasks", "plots")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
    }
    assert named == there


def test_every_column_is_defined() -> None:
    for column in COLUMNS:
        assert f"`{column}`" in COLUMN_GUIDE, column


def test_methods_and_tasks_are_all_in_the_tables(registry: Registry) -> None:
    for kind in ("trainer", "task"):
        for name in registry.names(kind):
            assert re.search(rf"^\| `{name}[(`]", README, flags=re.MULTILINE), name


@pytest.mark.parametrize(("name", "budget"), [("patient", "60"), ("echo", "90")])
def test_the_files_shown_run_as_shown(
    name: str, budget: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,) = (block for block in blocks("python") if f"class {name.title()}(" in block)
    (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    shown = next(line for line in README.splitlines() if f"--plugin {name}.py" in line)
    arguments = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', shown)][1:]
    arguments[arguments.index("--timesteps") + 1] = budget
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--jobs", "1"])
    assert stop.value.code == 0
    frame = table(Store(tmp_path / "results" / "local").records())
    assert frame["trainer"].nunique() > 1
    assert (frame["status"] == "complete").all()
    assert name in {word.partition("(")[0] for word in (*frame["trainer"], *frame["task"])}


def test_the_trainer_shown_is_short() -> None:
    body = blocks("python")[0].partition("import torch")[2]
    assert len([line for line in body.splitlines() if line.strip()]) <= 15


@pytest.mark.parametrize(
    "line", [line for line in README.splitlines() if line.startswith("sgbench ")]
)
def test_every_command_shown_is_one(line: str) -> None:
    _, name, *arguments = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]
    context = click.Context(sgbench)
    command = sgbench.get_command(context, name)
    assert command is not None
    command.make_context(name, arguments, parent=context)


@pytest.mark.parametrize(
    ("folder", "runs"),
    [
        ("quick", 70),
        ("table1_desk", 260),
        ("claims", 192),
        ("gap", 20),
        ("ablation", 36),
        ("tuning", 240),
    ],
)
def test_recorded_results_are_whole_and_of_one_clean_commit(folder: str, runs: int) -> None:
    frame = table(Store(ROOT / "results" / folder).records())
    assert len(frame) == runs
    assert (frame["status"] == "complete").all()
    assert not frame["dirty"].any()
    assert frame["commit"].nunique() <= 3  # see results/README.md


def test_the_verdicts_in_the_readme_are_those_of_the_recorded_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["verdict", "--results", str(ROOT / "results")])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert said.count(" pairs  ") > 20
    for line in said.splitlines():
        assert line in README, line


@pytest.mark.parametrize(
    ("folder", "page"),
    [("quick", README), ("gap", README), ("ablation", COLUMN_GUIDE)],
)
def test_tables_in_the_documents_are_those_of_the_recorded_runs(folder: str, page: str) -> None:
    """Every cell comes out of the records again."""
    from harness.analysis.comparison import comparison

    printed = comparison(Store(ROOT / "results" / folder).records())
    for line in printed.splitlines():
        assert line in page, line


def test_recorded_results_stay_small() -> None:
    total = sum(path.stat().st_size for path in (ROOT / "results").rglob("*.jsonl*")
                if "local" not in path.parts)  # fmt: skip
    assert 0 < total < 5_000_000


def test_pandas_reads_a_record_as_it_stands() -> None:
    path = next((ROOT / "results" / "quick" / "runs").glob("*.jsonl*"))
    assert {"run", "curve", "end"} <= set(pd.read_json(path, lines=True)["kind"])
