"""The house rules: who imports whom, what stays free of torch, how large a file may grow."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("harness", "tasks", "plots")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LONGEST = 250
"""Lines; a module that passes it is asked whether it is still one noun."""

TOP_SHELF = (
    "__init__", "__main__", "check", "claim", "depth", "episode", "figure", "influence", "model",
    "optimiser", "registry", "score", "spec", "statistics", "store", "suite", "synthesiser",
    "task", "trainer", "worker",
)  # fmt: skip
"""What a plug-in imports, and the two files that every package has."""

FLOORS = (
    ("__init__", "compat", "names", "check", "episode", "score", "statistics"),
    ("model", "task", "optimiser", "spec", "registry"),
    (
        "records",
        "trainer",
        "store",
        "suite",
        "models",
        "optimisers",
        "influence",
        "synthesiser",
        "depth",
        "tasks",
    ),
    ("measure", "trainers", "worker", "figure", "claim", "suites"),
    ("engines", "analysis", "workers", "simulation"),
    ("runs", "report", "claims", "plots"),
    ("executors", "regression"),
    ("cli",),
    ("__main__",),
)
"""The rooms of harness/, the files of its top shelf, tasks/ and plots/; lowest first."""

WITHOUT_TORCH = (
    "__main__", "names", "check", "analysis", "executors/channel", "executors/server", "figure",
    "registry", "report", "records", "runs/scalars", "score", "simulation", "spec", "statistics",
    "store", "suite", "claim", "cli",
)  # fmt: skip
"""Files, and rooms whole."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path, *, everywhere: bool = True) -> set[str]:
    """The modules a file imports; everywhere=False: only those that importing it imports."""
    tree = parsed(path)
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    nodes = ast.walk(tree) if everywhere else iter(tree.body)
    found: set[str] = set()
    for node in nodes:
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def reaches(modules: set[str], package: str) -> bool:
    return any(module == package or module.startswith(package + ".") for module in modules)


def room(path: Path) -> str:
    """harness/runs/run.py -> runs; harness/trainer.py -> trainer; tasks/_copying.py -> tasks."""
    package, *rest = path.relative_to(ROOT).with_suffix("").parts
    return rest[0] if package == "harness" else package


def floor(path: Path) -> int:
    (found,) = (i for i, rooms in enumerate(FLOORS) if room(path) in rooms)
    return found


def imported(path: Path) -> set[Path]:
    """The files of ours that a file imports, wherever in it."""
    found = set()
    for module in imports(path):
        base = ROOT / module.replace(".", "/")
        found |= {file for file in (base.with_suffix(".py"), base / "__init__.py") if file in FILES}
    return found


def test_the_top_shelf_is_what_plug_ins_import() -> None:
    assert {path.stem for path in (ROOT / "harness").glob("*.py")} == set(TOP_SHELF)


def test_nothing_points_up_a_floor() -> None:
    up = [
        f"{name(path)} imports {name(other)}, a floor above"
        for path in FILES
        for other in imported(path)
        if floor(other) > floor(path)
    ]
    assert not up
    assert not [name(path) for path in FILES if reaches(imports(path), "tests")]


def test_no_imports_run_in_a_circle() -> None:
    graph = {path: imported(path) - {path} for path in FILES}
    while leaves := [path for path, others in graph.items() if not others & graph.keys()]:
        for path in leaves:
            del graph[path]
    # what is left holds a circle, or hangs on one
    assert not graph, sorted(map(name, graph))


def drawers() -> list[Path]:
    names = ("tasks", "harness/trainers", "harness/models", "harness/optimisers",
             "harness/optimisers/schedules")  # fmt: skip
    folders = [ROOT / each for each in names]
    return sorted(path for folder in folders for path in folder.glob("*.py"))


@pytest.mark.parametrize("path", drawers(), ids=name)
def test_methods_models_tasks_and_optimisers_import_the_top_shelf_alone(path: Path) -> None:
    for other in imported(path):
        on_the_shelf = other.parent == ROOT / "harness"
        private_sibling = other.parent == path.parent and other.stem.startswith("_")
        assert on_the_shelf or private_sibling, f"{name(path)} imports {name(other)}"
    for other in ("torch.optim", "harness.registry", "harness.store"):
        assert not reaches(imports(path), other), f"{name(path)} imports {other}"


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_what_needs_no_torch_imports_none(module: str) -> None:
    base = ROOT / "harness" / module
    queue = sorted(base.glob("*.py")) if base.is_dir() else [base.with_suffix(".py")]
    seen = set(queue)
    while queue:
        path = queue.pop()
        modules = imports(path, everywhere=False)
        assert not reaches(modules, "torch"), f"{name(path)} imports torch"
        for found in modules:
            inner = ROOT / (found.replace(".", "/") + ".py")
            if inner in FILES and inner not in seen:
                seen.add(inner)
                queue.append(inner)


def test_a_module_is_one_noun() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert not {file: lines for file, lines in lengths.items() if lines > LONGEST}


def test_no_attribute_is_guessed() -> None:
    called = [
        f"{name(path)} calls {node.func.id}"
        for path in FILES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        and node.func.id in ("hasattr", "eval", "exec")
    ]  # fmt: skip
    assert not called


@pytest.mark.parametrize("path", sorted((ROOT / "harness" / "trainers").glob("[!_]*.py")), ids=name)
def test_a_trainer_reads_like_its_paper(path: Path) -> None:
    """Equations numbered in the module docstring, cited in the body; differences stated last."""
    source = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(source)) or ""
    numbers = [f"({i})" for i in range(1, 9) if f"({i})" in docstring]
    assert numbers, f"{name(path)} numbers no equation"
    for number in numbers:
        assert re.search(rf"#.*{re.escape(number)}", source), (
            f"{name(path)} cites {number} at no line"
        )
    assert "Differences from" in docstring


def test_every_package_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    there = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for package in PACKAGES
        for path in (ROOT / package).rglob("__init__.py")
    }
    assert set(project["tool"]["setuptools"]["packages"]) == there
