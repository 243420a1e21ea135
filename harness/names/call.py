"""What a user types to name a thing and its options: `dni(T=3, warmup=1000)`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """A name and its options, in one canonical spelling: sorted by name, one space after a comma.

    >>> str(Call.parse("dni( warmup=1000,T=3)"))
    'dni(T=3, warmup=1000)'
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    @lru_cache(maxsize=4096)  # a folder of records repeats few calls many times
    def parse(cls, text: str) -> Call:
        """Read "name" or "name(option=literal, ...)"; ValueError with one line on anything else."""
        malformed = ValueError(f"cannot read {text!r}; write name or name(option=value, ...)")
        try:
            node = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            raise malformed from None
        if isinstance(node, ast.Name):
            return cls(node.id, MappingProxyType({}))
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            raise malformed
        if node.args:
            raise ValueError(
                f"cannot read {text!r}: options need names, as in "
                f"{node.func.id}(option={ast.unparse(node.args[0])})"
            )
        options: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is None or keyword.arg in options:
                raise malformed
            try:
                options[keyword.arg] = ast.literal_eval(keyword.value)
            except (ValueError, TypeError, MemoryError, RecursionError):
                value = ast.unparse(keyword.value)
                raise ValueError(
                    f"cannot read {keyword.arg}={value} in {text!r}; put text in quotes"
                ) from None
        return cls(node.func.id, MappingProxyType(dict(sorted(options.items()))))

    def __str__(self) -> str:
        if not self.options:
            return self.name
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.options.items())})"


def canonical(text: str) -> str:
    """The canonical spelling of a call; ValueError where it cannot be read."""
    return str(Call.parse(text))
