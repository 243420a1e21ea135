"""The house rules: who imports whom, what stays free of torch, how large a file may grow."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("harness", "tasks", "plots")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LONGEST = 220
"""Lines; a module that passes it is asked whether it is still one noun."""

WITHOUT_TORCH = (
    "__main__", "call", "charts", "check", "compare", "comparison", "executors/reports", "figure",
    "performance", "plugin", "registry", "report", "scalars", "spec", "statistics", "store",
    "suite", "table", "verdict",
)  # fmt: skip


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path, *, everywhere: bool = True) -> set[str]:
    """The modules a file imports; everywhere=False: only those that importing it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
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


@pytest.mark.parametrize("path", FILES, ids=name)
def test_imports_point_one_way(path: Path) -> None:
    """tests -> plots -> harness <- tasks."""
    modules = imports(path)
    package = path.relative_to(ROOT).parts[0]
    forbidden = {"harness": ("tasks", "plots"), "tasks": ("plots",), "plots": ("tasks",)}
    for other in (*forbidden[package], "tests"):
        assert not reaches(modules, other), f"{name(path)} imports {other}"


@pytest.mark.parametrize("path", sorted((ROOT / "harness" / "trainers").glob("[!_]*.py")), ids=name)
def test_a_trainer_stands_alone(path: Path) -> None:
    modules = imports(path)
    for other in ("harness.trainers", "torch.optim", "harness.models", "harness.run"):
        assert not reaches(modules, other), f"{name(path)} imports {other}"


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_what_needs_no_torch_imports_none(module: str) -> None:
    seen: set[str] = set()
    queue = [ROOT / "harness" / f"{module}.py"]
    while queue:
        path = queue.pop()
        modules = imports(path, everywhere=False)
        assert not reaches(modules, "torch"), f"{name(path)} imports torch"
        for found in modules - seen:
            seen.add(found)
            inner = ROOT / (found.replace(".", "/") + ".py")
            if found.startswith("harness") and inner.exists():
                queue.append(inner)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_module_is_one_noun(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{name(path)} has {lines} lines"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_attribute_is_guessed(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {node.func.id for node in ast.walk(tree)
              if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}  # fmt: skip
    assert not called & {"hasattr", "eval", "exec"}, name(path)


@pytest.mark.parametrize("path", sorted((ROOT / "harness" / "trainers").glob("[!_]*.py")), ids=name)
def test_a_trainer_reads_like_its_paper(path: Path) -> None:
    """Equations numbered in the module docstring, cited in the body; differences stated last."""
    source = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(source)) or ""
    numbers = [f"({i})" for i in range(1, 9) if f"({i})" in docstring]
    assert numbers, f"{name(path)} numbers no equation"
    for number in numbers:
        assert f"# {number}" in source, f"{name(path)} cites {number} at no line"
    assert "Differences from" in docstring


def test_every_package_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    there = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for package in PACKAGES
        for path in (ROOT / package).rglob("__init__.py")
    }
    assert set(project["tool"]["setuptools"]["packages"]) == there
