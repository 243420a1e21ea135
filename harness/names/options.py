"""The options of a class: keyword-only parameters of its constructor, inherited ones included.

A constructor that takes `**shared` passes them on to its base class, whose options are then also
its own. Options are read in two ways: from the class, with types and values, and from the source,
without importing it.

To change the default of an inherited option a class declares it anew, as `sg` does with its scale.
"""

from __future__ import annotations

import ast
import inspect
import typing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent


def declared_options(cls: type) -> tuple[dict[str, inspect.Parameter], dict[str, Any]]:
    """The options of a class with their defaults, and their types as annotated."""
    options: dict[str, inspect.Parameter] = {}
    types: dict[str, Any] = {}
    for each in cls.__mro__:
        init = vars(each).get("__init__")
        if init is None or each is object:
            continue
        parameters = inspect.signature(init).parameters.values()
        hints = typing.get_type_hints(init)
        for parameter in parameters:
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.name not in options:
                options[parameter.name] = parameter
                types |= {k: v for k, v in hints.items() if k == parameter.name}
        if all(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in parameters):
            break
    return options, types


def positional_options(cls: type) -> list[str]:
    """What a class declares with a default but not keyword-only, so that no call could set it."""
    init = next(vars(each)["__init__"] for each in cls.__mro__ if "__init__" in vars(each))
    if init is object.__init__:
        return []
    return [
        parameter.name
        for parameter in inspect.signature(init).parameters.values()
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        and parameter.default is not inspect.Parameter.empty
    ]


def written_options(module: ast.Module) -> dict[str, str]:
    """The options of the last class in a source that has any, with their defaults as written."""
    classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
    found = (_options(cls, module) for cls in reversed(classes))
    return next(filter(None, found), {})


def _options(cls: ast.ClassDef, module: ast.Module) -> dict[str, str]:
    init = next(
        (node.args for node in cls.body
         if isinstance(node, ast.FunctionDef) and node.name == "__init__"),
        None,
    )  # fmt: skip
    own = {}
    if init is not None:
        pairs = zip(init.kwonlyargs, init.kw_defaults, strict=True)
        own = {option.arg: ast.unparse(value) if value else "" for option, value in pairs}
        if init.kwarg is None:
            return own
    for base in cls.bases:
        if isinstance(base, ast.Name) and (found := _class(base.id, module)):
            return {**_options(*found), **own}
    return own


def _class(name: str, module: ast.Module) -> tuple[ast.ClassDef, ast.Module] | None:
    """A class of a source by its name: defined there, or imported from another project file."""
    for node in module.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node, module
        if isinstance(node, ast.ImportFrom) and name in {each.name for each in node.names}:
            path = ROOT / f"{(node.module or '').replace('.', '/')}.py"
            if path.is_file():
                return _class(name, ast.parse(path.read_text(encoding="utf-8")))
    return None
