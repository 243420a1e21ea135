"""What the pages say is so: commands, files, links, rooms, tables, columns."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pandas as pd
import pytest

from harness.__main__ import main
from harness.analysis.table import COLUMNS, table
from harness.cli import sgbench
from harness.registry import Registry
from harness.store import Store
from harness.suites.controls import Controls
from tests.printed import BLOCKS, printed, records

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("results/**/*.md")])
}
README = PAGES["README.md"]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def blocks(page: str, language: str = "") -> list[str]:
    return [body for named, body in BLOCK.findall(PAGES[page]) if named == language]


def prose(page: str) -> str:
    """A page without its blocks."""
    return BLOCK.sub("", PAGES[page])


def words(line: str) -> list[str]:
    return [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]


def anchors(page: str) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_short_and_begins_with_the_result() -> None:
    lines = README.splitlines()
    assert len(lines) <= 200
    screen = "\n".join(lines[:75])
    for shown in ("](plots/", "make quick", "s to target", "## What was found"):
        assert shown in screen, shown


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_are_there(page: str) -> None:
    for link in LINK.findall(prose(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        there = (ROOT / page).parent / path if path else ROOT / page
        assert there.exists(), link
        if anchor:
            assert anchor in anchors(str(there.resolve().relative_to(ROOT))), link


@pytest.mark.parametrize("page", PAGES)
def test_files_named_in_prose_are_there(page: str) -> None:
    if page == "CHANGELOG.md":
        return
    named = re.findall(
        r"`((?:harness|tasks|plots|tests|docs|results|\.ci|\.github)/[\w./]*)`", prose(page)
    )
    for path in named:
        assert (ROOT / path).exists() or path.startswith("results/local"), path


def test_every_page_is_in_the_index_and_none_is_a_package() -> None:
    named = {link for link in LINK.findall(PAGES["docs/index.md"]) if "/" not in link}
    assert named | {"index.md"} == {path.name for path in (ROOT / "docs").iterdir()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "docs" not in project["tool"]["setuptools"]["packages"]


SHOWN = [
    (page, line.partition("   #")[0])
    for page in PAGES
    for language in ("", "sh")
    for block in blocks(page, language)
    for line in block.splitlines()
    if line.startswith("sgbench ") and not line.startswith("sgbench ...")
]


@pytest.mark.parametrize(("page", "line"), SHOWN)
def test_every_command_shown_is_one(page: str, line: str) -> None:
    _, name, *arguments = words(line)
    context = click.Context(sgbench)
    command = sgbench.get_command(context, name)
    assert command is not None
    command.make_context(name, arguments, parent=context)


@pytest.mark.parametrize("page", PAGES)
def test_commands_named_in_prose_have_the_options_named(page: str) -> None:
    for line in re.findall(r"`sgbench ([^`]*)`", prose(page)):
        name, *arguments = words(line)
        if name == "--help":
            continue
        command = sgbench.get_command(click.Context(sgbench), name)
        assert command is not None, line
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in arguments if word.startswith("--")} <= options, line


@pytest.mark.parametrize(
    ("page", "name", "budget"),
    [("README.md", "../patient", "60"), ("docs/extending.md", "../echo", "90")],
)
def test_the_files_shown_run_as_shown(
    page: str, name: str, budget: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = next(line for line in PAGES[page].splitlines() if f"--plugin {name}.py" in line)
    (tmp_path / "clone").mkdir()
    monkeypatch.chdir(tmp_path / "clone")
    file, name = Path(f"{name}.py"), Path(name).name
    (source,) = (block for block in blocks(page, "python") if f"class {name.title()}(" in block)
    file.write_text(source, encoding="utf-8")
    arguments = words(shown)[1:]
    arguments[arguments.index("--timesteps") + 1] = budget
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--jobs", "1"])
    assert stop.value.code == 0
    frame = table(Store("results/local").records())
    assert frame["trainer"].nunique() > 1
    assert (frame["status"] == "complete").all()
    assert name in {word.partition("(")[0] for word in (*frame["trainer"], *frame["task"])}


def test_every_python_block_is_run_by_a_test() -> None:
    found = [block for page in PAGES for block in blocks(page, "python")]
    assert [re.findall(r"^class (\w+)", block, re.MULTILINE) for block in found] == [
        ["Patient"],
        ["Echo"],
    ]


def test_the_trainer_shown_is_short() -> None:
    body = blocks("README.md", "python")[0].partition("import torch")[2]
    assert len([line for line in body.splitlines() if line.strip()]) <= 15


def test_the_architecture_names_every_room_and_no_other() -> None:
    named = set(re.findall(r"^\| `([\w/]+/)` \|", PAGES["docs/architecture.md"], re.MULTILINE))
    there = {
        f"{path.parent.relative_to(ROOT)}/"
        for package in ("harness", "tasks", "plots")
        for path in (ROOT / package).rglob("*.py")
    }
    assert named == there | {"tests/"}


@pytest.mark.parametrize("page", ["README.md", "docs/methods.md", "docs/tasks.md"])
def test_methods_and_tasks_are_all_in_the_tables(page: str, registry: Registry) -> None:
    kinds = {"README.md": ("trainer", "task"), "docs/methods.md": ("trainer",)}.get(page, ("task",))
    for kind in kinds:
        for name in registry.names(kind):
            row = "" if page == "README.md" else r"^\| "  # there in the text, for want of room
            assert re.search(rf"{row}`{name}[(`]", PAGES[page], flags=re.MULTILINE), name


def test_every_column_is_defined() -> None:
    for column in COLUMNS:
        assert f"`{column}`" in PAGES["results/README.md"], column


@pytest.mark.parametrize(
    ("page", "block"),
    [
        ("docs/running.md", "quick"),
        ("docs/verdicts.md", "gap"),
        ("docs/verdicts.md", "gap verdict"),
        ("docs/verdicts.md", "verdict"),
        ("docs/methods.md", "ablation"),
        ("docs/methods.md", "rivals"),
        ("docs/methods.md", "rivals_compiled"),
        ("docs/methods.md", "rivals_small"),
        ("docs/methods.md", "exact_trace"),
        ("docs/methods.md", "rivals_wide"),
        ("docs/speed.md", "updates"),
        ("docs/speed.md", "updates on Intel"),
        ("docs/speed.md", "commands"),
    ],
)
def test_what_is_shown_as_printed_comes_out_of_the_records_again(page: str, block: str) -> None:
    assert any(printed(block) in shown for shown in blocks(page)), (
        f"python -m tests.printed {block}"
    )


def test_the_table_in_the_readme_comes_out_of_the_records_again() -> None:
    (shown,) = (block for block in blocks("README.md") if "s to target" in block)
    assert shown.strip() in printed("quick")
    assert "dni(T=3)" in shown


def test_every_table_shown_is_held_to_the_records() -> None:
    """No block in any page prints numbers that the two tests above do not compare."""
    everything = "\n".join(printed(block) for block in BLOCKS)
    for page in PAGES:
        for block in blocks(page):
            for line in block.splitlines():
                if re.search(r"\d\.\d+ \[", line):
                    assert line in everything, f"{page}: {line}"


def test_the_command_prints_the_verdicts_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["verdict", "warm_up", "--results", str(ROOT / "results")])
    assert stop.value.code == 0
    assert capsys.readouterr().out.strip() in printed("verdict")


@pytest.mark.parametrize(
    ("folder", "runs"),
    [
        ("quick", 88),
        ("table1_desk", 350),
        ("claims", 192),
        ("gap", 20),
        ("ablation", 36),
        ("tuning", 240),
        ("rivals", 198),
        ("exact_trace", 36),
        ("rivals_wide", 6),
        ("rivals_sizes", 60),
        ("workers", 70),
    ],
)
def test_recorded_results_are_whole_and_of_one_clean_commit(folder: str, runs: int) -> None:
    frame = table(records(folder))
    assert len(frame) == runs
    broken = frame[frame["status"] != "complete"]
    assert set(broken["status"]) <= {"collapsed"}
    assert list(broken["trainer"]) == {"tuning": ["bptt"], "rivals": ["uoro(T=3)"]}.get(folder, [])
    assert not frame["dirty"].any()
    assert frame["commit"].nunique() <= 4  # see results/README.md


def test_the_controls_are_whole() -> None:
    frame = table(records("controls"))
    assert len(frame) == len(Controls().runs(Registry()))
    broken = frame[frame["status"] != "complete"]
    assert set(broken["status"]) == {"collapsed"}
    assert not frame["dirty"].any()


@pytest.mark.parametrize(
    ("folder", "runs", "engine", "diverged"),
    [
        ("rivals_tuning", 88, "eager", "uoro(T=3)"),
        ("rivals_compiled", 108, "compiled", "snap(T=3)"),
    ],
)
def test_runs_of_rivals_are_whole_but_for_one_method(
    folder: str, runs: int, engine: str, diverged: str
) -> None:
    frame = table(records(folder))
    assert len(frame) == runs
    broken = frame[frame["status"] != "complete"]
    assert set(broken[broken["status"] == "diverged"]["trainer"]) == {diverged}
    collapsed = broken[broken["status"] == "collapsed"]
    if folder == "rivals_tuning":
        assert set(collapsed["trainer"]) == {"artbp(T=3)", "tbptt(T=3, every=1)"}
        assert set(collapsed["lr"]) == {0.1}  # the highest that was tried
    assert set(frame["engine"]) == {engine}
    assert not frame["dirty"].any()


def test_recorded_results_stay_small() -> None:
    total = sum(path.stat().st_size for path in (ROOT / "results").rglob("*.jsonl*")
                if "local" not in path.parts)  # fmt: skip
    assert 0 < total < 12_000_000


def test_pandas_reads_a_record_as_it_stands() -> None:
    path = next((ROOT / "results" / "quick" / "runs").glob("*.jsonl*"))
    assert {"run", "curve", "end"} <= set(pd.read_json(path, lines=True)["kind"])
