"""Tasks, models, trainers, figures and suites, found by file name."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from harness.call import Call
from harness.check import unknown

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    "task": ("tasks", "harness.task", "Task"),
    "model": ("harness.models", "harness.model", "Model"),
    "trainer": ("harness.trainers", "harness.trainer", "Trainer"),
    "figure": ("plots", "harness.figure", "Figure"),
    "suite": ("harness.suites", "harness.suite", "Suite"),
}
"""kind -> the package of ours that holds them, and the base class that makes one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A thing that can be named: what it is, where it is written, how it is loaded."""

    kind: str
    name: str
    path: Path
    load: Callable[[], type]

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (ast.get_docstring(self._source()) or "").partition("\n")[0].rstrip(".")

    def defaults(self) -> dict[str, str]:
        """Its options and their defaults, as written.

        Like the summary read from the source, not imported: torch would take a second.
        """
        inits = [
            item.args
            for node in self._source().body
            if isinstance(node, ast.ClassDef)
            for item in node.body
            if isinstance(item, ast.FunctionDef) and item.name == "__init__"
        ]
        if not inits:
            return {}
        pairs = zip(inits[-1].kwonlyargs, inits[-1].kw_defaults, strict=True)
        return {option.arg: ast.unparse(default) if default else "" for option, default in pairs}

    def _source(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"))


class Registry:
    """Everything that a name on the command line can mean.

    plugins: files outside the project; every class in them that is a task, a model, a trainer,
             a figure or a suite is found under the file's name.
    """

    def __init__(self, plugins: Iterable[Path | str] = ()) -> None:
        self.plugins = tuple(Path(p).resolve() for p in plugins)
        self._entries: dict[str, dict[str, Entry]] = {kind: {} for kind in FOLDERS}
        for kind, (package, *_) in FOLDERS.items():
            for path in sorted((ROOT / package.replace(".", "/")).glob("[!_]*.py")):
                self._add(Entry(kind, path.stem, path, _loader(kind, f"{package}.{path.stem}")))
            for point in entry_points(group=f"sgbench.{kind}s"):
                origin = importlib.util.find_spec(point.module)
                path = Path(origin.origin or "") if origin else Path()
                self._add(Entry(kind, point.name, path, point.load))
        for path in self.plugins:
            self._add_plugin(path)

    def names(self, kind: str) -> list[str]:
        """The names of a kind, sorted."""
        return sorted(self._entries[kind])

    def entry(self, kind: str, name: str) -> Entry:
        """The entry of that name; ValueError, with a suggestion, where there is none."""
        try:
            return self._entries[kind][name]
        except KeyError:
            raise unknown(kind, name, self._entries[kind]) from None

    def options(self, kind: str, text: str) -> dict[str, Any]:
        """Every option of a call with its value, defaults included; ValueError on a bad one."""
        call = Call.parse(text)
        cls = self.entry(kind, call.name).load()
        keywords = {
            name: parameter
            for name, parameter in inspect.signature(cls).parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }
        types = typing.get_type_hints(vars(cls).get("__init__", object.__init__))
        for name, value in call.options.items():
            if name not in keywords:
                raise unknown(f"option of {kind} {call.name!r}", name, keywords)
            if name in types and not _fits(value, types[name]):
                raise ValueError(
                    f"option {name} of {kind} {call.name!r} must be {_said(types[name])}, "
                    f"got {value!r}"
                )
        return {n: call.options.get(n, p.default) for n, p in keywords.items()}

    def make(self, kind: str, text: str, *arguments: Any) -> Any:
        """Build what a call names; ValueError, one line, on anything a user got wrong."""
        options = self.options(kind, text)
        call = Call.parse(text)
        try:
            return self.entry(kind, call.name).load()(*arguments, **options)
        except ValueError as error:
            raise ValueError(f"{kind} {call}: {error}") from None

    def _add(self, entry: Entry) -> None:
        there = self._entries[entry.kind].get(entry.name)
        if there:
            raise ValueError(
                f"{entry.path.name}: there is a {entry.kind} {entry.name!r} already; "
                "name the file otherwise"
            )
        self._entries[entry.kind][entry.name] = entry

    def _add_plugin(self, path: Path) -> None:
        module = _imported(path)
        found = [
            Entry(kind, path.stem, path, lambda cls=cls: cls)  # type: ignore[misc]
            for kind in FOLDERS
            if (cls := _class_in(module, kind)) is not None
        ]
        if not found:
            raise ValueError(f"plug-in {path.name} holds no {', '.join(FOLDERS)}")
        for entry in found:
            self._add(entry)


def _loader(kind: str, module: str) -> Callable[[], type]:
    def load() -> type:
        cls = _class_in(importlib.import_module(module), kind)
        assert cls is not None, f"{module} defines no {kind}"
        return cls

    return load


def _class_in(module: ModuleType, kind: str) -> type | None:
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


def _imported(path: Path) -> ModuleType:
    """A plug-in file as a module; whatever is wrong with it becomes one line."""
    if not path.is_file():
        raise ValueError(f"no plug-in file {path}")
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
    except Exception as error:
        raise ValueError(f"plug-in {path.name}: {type(error).__name__}: {error}") from None
    return module


def _fits(value: Any, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in get_args(hint))
    if origin is Literal:
        return value in get_args(hint)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint) if inspect.isclass(hint) else True


def _said(hint: Any) -> str:
    """A type as an error says it."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return " or ".join(_said(each) for each in get_args(hint))
    if origin is Literal:
        return " or ".join(repr(choice) for choice in get_args(hint))
    plain = {int: "a whole number", float: "a number", str: "text in quotes", NoneType: "None"}
    return plain.get(hint, getattr(hint, "__name__", str(hint)))
