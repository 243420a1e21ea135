"""Classes from modules, built in or plugged in: which one a module has, or why it has none."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from keyword import iskeyword
from pathlib import Path
from types import ModuleType

FOLDERS = {
    "task": ("tasks", "harness.task", "Task"),
    "model": ("harness.models", "harness.model", "Model"),
    "trainer": ("harness.trainers", "harness.trainer", "Trainer"),
    "optimiser": ("harness.optimisers", "harness.optimiser", "Rule"),
    "schedule": ("harness.optimisers.schedules", "harness.optimiser", "Schedule"),
    "figure": ("plots", "harness.figure", "Figure"),
    "suite": ("harness.suites", "harness.suite", "Suite"),
    "claim": ("harness.claims", "harness.claim", "Claim"),
    "mode": ("harness.workers", "harness.worker", "Mode"),
}
"""kind -> the built-in package, then module and name of the base class."""


def class_in(module: ModuleType, kind: str) -> type | None:
    """The last concrete class of a kind that the module itself defines."""
    _, home, base_name = FOLDERS[kind]
    base = getattr(importlib.import_module(home), base_name)
    own = [
        cls
        for cls in vars(module).values()
        if inspect.isclass(cls)
        and cls.__module__ == module.__name__
        and issubclass(cls, base)
        and not inspect.isabstract(cls)
    ]
    return own[-1] if own else None


def lacking(module: ModuleType) -> str:
    """Why the abstract classes of a module cannot be used, as the end of a message."""
    lacks = [
        f"{cls.__name__} does not define {', '.join(sorted(cls.__abstractmethods__))}"
        for cls in vars(module).values()
        if inspect.isabstract(cls) and cls.__module__ == module.__name__
    ]
    return f": {'; '.join(lacks)}" if lacks else ""


def imported(path: Path) -> ModuleType:
    """A plug-in file as a module; ValueError, one line, whatever is wrong with it."""
    if not path.is_file():
        raise ValueError(f"there is no plug-in file {path}")
    if not path.stem.isidentifier() or iskeyword(path.stem):  # its name could not be typed
        raise ValueError(
            f"plug-in {path.name}: rename the file, letters, digits and _ only: it is the name"
        )
    name = f"sgbench_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"plug-in {path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ValueError(f"plug-in {path.name}, line {error.lineno}: {error.msg}") from None
    except (Exception, SystemExit) as error:
        raise ValueError(f"plug-in {path.name}: {type(error).__name__}: {error}") from None
    return module
