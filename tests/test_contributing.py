"""What contributors are told is so: the make targets, the hooks, the guide, the changelog."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.names.plugin import FOLDERS

ROOT = Path(__file__).resolve().parent.parent
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
TARGETS = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.M)[0].split()
HOOKS: list[dict[str, Any]] = [
    hook
    for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))[
        "repos"
    ]
    for hook in repo["hooks"]
]

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str) -> str:
    # apart from a make that runs the tests, and from what its user set
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "RESULTS")}
    done = subprocess.run(
        ["make", *arguments], cwd=ROOT, capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_make
def test_make_help_describes_every_target_in_a_line() -> None:
    lines = make("help").splitlines()
    assert [line.split()[1] for line in lines] == TARGETS
    for line in lines:
        assert re.fullmatch(r"make \w+ +[A-Z].*\.", line), line


@needs_make
@pytest.mark.parametrize(
    ("target", "recipe"),
    [
        ("quick", ["sgbench suite quick --results results/local"]),
        ("test", ["python -m pytest -n auto"]),
        ("lint", ["ruff check .", "ruff format --check .", "mypy"]),
        (
            "bench",
            [
                "python -m pytest tests/benchmarks --benchmark-enable",
                "python -m tests.benchmarks.turns --out results/local/speed",
                "python -m tests.benchmarks.commands --out results/local/speed",
            ],
        ),
    ],
)
def test_a_target_runs_what_it_says_in_the_environment(target: str, recipe: list[str]) -> None:
    # --assume-old: as if the environment were there
    said = make("--dry-run", "--assume-old", ".venv/.installed", target).splitlines()
    assert [line for line in said if line.startswith(".venv/bin/")][-len(recipe) :] == [
        f".venv/bin/{line}" for line in recipe
    ]


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: str(hook["id"]))
def test_a_hook_fetches_nothing_and_names_a_command_that_is_there(hook: dict[str, Any]) -> None:
    assert hook["language"] == "system"
    command, *arguments = str(hook["entry"]).split()
    assert command.startswith(".venv/bin/")
    here = Path(sys.executable).parent / Path(command).name  # wherever the tests run
    done = subprocess.run(
        [here, *arguments, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_hooks_are_what_make_lint_runs() -> None:
    linted = re.findall(r"^\t\$\(VENV\)/bin/((?:ruff|mypy)[a-z ]*)", MAKEFILE, re.M)
    assert [str(hook["name"]) for hook in HOOKS] == [each.strip() for each in linted]


def test_the_guide_names_what_is_there() -> None:
    assert len(GUIDE.splitlines()) <= 70
    for path in re.findall(r"`((?:harness|tasks|plots|tests|results|\.ci)/[\w./]*)`", GUIDE):
        assert (ROOT / path).exists(), path
    for target in re.findall(r"^make (\w+)$", GUIDE, re.M) + re.findall(r"`make (\w+)`", GUIDE):
        assert target in TARGETS
    for kind, (package, home, _) in FOLDERS.items():
        article = "an" if kind[0] in "aeiou" else "a"
        row = (
            f"| {article} {kind} | `{package.replace('.', '/')}/` | `{home.replace('.', '/')}.py` |"
        )
        assert row in GUIDE


def test_the_changelog_keeps_its_form() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "version"
    ]
    headings = re.findall(r"^## (.*)$", CHANGELOG, re.M)
    assert headings[0] == "[Unreleased]"
    for heading in headings[1:]:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading)
    assert headings[1].startswith(f"[{version}]")
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", CHANGELOG, re.M)) <= kinds


def test_the_tests_run_on_every_python_that_is_supported() -> None:
    path = ROOT / ".github" / "workflows" / "test.yml"
    job = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]["test"]
    pythons, project = job["strategy"]["matrix"]["python"], ROOT / "pyproject.toml"
    least = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["requires-python"]
    assert least == f">={pythons[0]}"
    assert pythons == ["3.11", "3.12", "3.13"], "text: a number would end in no 0"
    assert [step["run"] for step in job["steps"] if "run" in step] == [
        "make test PYTHON=python",
        "make quick PYTHON=python",
    ]
