"""Tasks, models, trainers, optimisers, figures and suites, found by file name."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin

from harness.check import unknown
from harness.names.call import Call
from harness.names.options import declared_options, positional_options, written_options
from harness.names.plugin import FOLDERS, class_in, imported, lacking

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that can be named: its kind, its file, and how to load it."""

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

        Read from the source, as the summary is, without an import: torch would take a second.
        """
        return written_options(self._source())

    def _source(self) -> ast.Module:
        try:
            return ast.parse(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, SyntaxError):  # an installed package's, which is broken
            return ast.parse("")


def _installed(kind: str, point: EntryPoint) -> tuple[Path, Callable[[], type]]:
    """The file of an installed package's entry point, if it is found, and what loads its class.

    A package that is broken, or gone, is no error before its class is asked for.
    """

    def load() -> type:
        try:
            return cast(type, point.load())
        except (Exception, SystemExit) as error:
            raise ValueError(
                f"{kind} {point.name!r}, which an installed package adds, cannot be loaded: "
                f"{type(error).__name__}: {error}"
            ) from None

    try:
        origin = importlib.util.find_spec(point.module)
    except (Exception, SystemExit):
        origin = None
    return Path(origin.origin or "") if origin else Path(), load


class Registry:
    """Everything that a name on the command line can mean.

    plugins: files outside the project; of each kind (FOLDERS) the last class in a file is found
             under the file's name
    outside: these, and the files of installed packages' entry points
    """

    def __init__(self, plugins: Iterable[Path | str] = ()) -> None:
        self.plugins = tuple(Path(p).resolve() for p in plugins)
        self.outside = list(self.plugins)
        self._entries: dict[str, dict[str, Entry]] = {kind: {} for kind in FOLDERS}
        installed = entry_points()  # once: it reads about every package that is installed
        for kind, (package, *_) in FOLDERS.items():
            for path in sorted((ROOT / package.replace(".", "/")).glob("[!_]*.py")):
                self._add(Entry(kind, path.stem, path, _loader(kind, f"{package}.{path.stem}")))
            for point in installed.select(group=f"sgbench.{kind}s"):
                path, load = _installed(kind, point)
                if path.is_file() and path not in self.outside:
                    self.outside.append(path)
                self._add(Entry(kind, point.name, path, load))
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

    def load(self, kind: str, text: str) -> type:
        """The class that a call names."""
        return self.entry(kind, Call.parse(text).name).load()

    def options(self, kind: str, text: str) -> dict[str, Any]:
        """Every option of a call with its value, defaults included; ValueError on a bad one."""
        call = Call.parse(text)
        cls = self.entry(kind, call.name).load()
        keywords, types = declared_options(cls)
        if loose := positional_options(cls):
            raise ValueError(
                f"{kind} {call.name!r}: write a * before {loose[0]} in __init__: "
                "options are keyword-only"
            )
        for name, value in call.options.items():
            if name not in keywords:
                raise unknown(f"option for {kind} {call.name!r} named", name, keywords)
            if name in types and not _fits(value, types[name]):
                raise ValueError(
                    f"option {name} of {kind} {call.name!r} must be {_in_words(types[name])}, "
                    f"got {value!r}"
                )
        for name, parameter in keywords.items():
            if name not in call.options and parameter.default is inspect.Parameter.empty:
                raise ValueError(f"{kind} {call.name!r} needs {name}: {call.name}({name}=...)")
        given = deepcopy(dict(call.options))  # a call that is read again is the same one
        return {n: given.get(n, p.default) for n, p in keywords.items()}

    def make(self, kind: str, text: str, *arguments: Any) -> Any:
        """Build what a call names; ValueError, one line, for any mistake of the user's."""
        options = self.options(kind, text)
        call = Call.parse(text)
        cls = self.entry(kind, call.name).load()
        try:
            inspect.signature(cls).bind(*arguments, **options)
        except TypeError as error:
            raise ValueError(
                f"{kind} {call.name!r}: {error}; a class's own options must be keyword-only"
            ) from None
        try:
            return cls(*arguments, **options)
        except ValueError as error:
            raise ValueError(f"{kind} {call}: {error}") from None
        except TypeError as error:
            if "multiple values for keyword argument" not in str(error):
                raise
            raise ValueError(f"{kind} {call}: {error}; declare the option to fix it") from None

    def _add(self, entry: Entry) -> None:
        there = self._entries[entry.kind].get(entry.name)
        if there:
            raise ValueError(
                f"{entry.path.name}: there is already a {entry.kind} {entry.name!r}; "
                "rename the file"
            )
        self._entries[entry.kind][entry.name] = entry

    def _add_plugin(self, path: Path) -> None:
        module = imported(path)
        found = [
            Entry(kind, path.stem, path, lambda cls=cls: cls)  # type: ignore[misc]
            for kind in FOLDERS
            if (cls := class_in(module, kind)) is not None
        ]
        if not found:
            raise ValueError(
                f"plug-in {path.name} defines no {', '.join(FOLDERS)}{lacking(module)}"
            )
        for entry in found:
            self._add(entry)


def _loader(kind: str, module: str) -> Callable[[], type]:
    def load() -> type:
        cls = class_in(importlib.import_module(module), kind)
        assert cls is not None, f"{module} defines no {kind}"
        return cls

    return load


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


def _in_words(hint: Any) -> str:
    """A type as error messages name it."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return " or ".join(_in_words(each) for each in get_args(hint))
    if origin is Literal:
        return " or ".join(repr(choice) for choice in get_args(hint))
    plain = {int: "a whole number", float: "a number", str: "text in quotes", NoneType: "None"}
    return plain.get(hint, getattr(hint, "__name__", str(hint)))
