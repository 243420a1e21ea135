"""The recorded figures and their thresholds: a JSON file, one figure per line, editable by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from harness.regression.reading import Reading
from harness.regression.subjects import VERSION

Made: TypeAlias = dict[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A figure of the baseline.

    threshold: how far a figure may be off: cost, levels and losses relative to the recorded
               value; learning in the figure's own unit; speed relative to the recorded ratio
    """

    values: tuple[float, ...]
    threshold: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was measured before.

    made: by group, where and when: the keys of a run's record
    """

    made: Mapping[str, Made] = field(default_factory=dict)
    figures: Mapping[str, Recorded] = field(default_factory=dict)

    def updated(self, readings: Iterable[Reading], made: Made) -> Baseline:
        """The baseline with these readings instead of the old; edited thresholds are kept."""
        fresh = {
            reading.name: Recorded(
                reading.values,
                self.figures[reading.name].threshold
                if reading.name in self.figures
                else threshold(reading.name),
            )
            for reading in readings
        }
        groups = {reading.partition("/")[0]: made for reading in fresh}
        return Baseline({**self.made, **groups}, {**self.figures, **fresh})

    def write(self, path: Path) -> None:
        """Replace the file as a whole; ValueError where it cannot be written."""
        made = ",\n".join(f"    {json.dumps(k)}: {json.dumps(v)}" for k, v in self.made.items())
        figures = ",\n".join(
            f"    {json.dumps(name)}: "
            + json.dumps({"threshold": each.threshold, "values": list(each.values)})
            for name, each in self.figures.items()
        )
        text = (
            f'{{\n  "version": {VERSION},\n  "made": {{\n{made}\n  }},\n'
            f'  "figures": {{\n{figures}\n  }}\n}}\n'
        )
        path = path.resolve()  # what a link leads to, not the link
        new = path.with_name(f"{path.name}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(text, encoding="utf-8")
            new.replace(path)
        except OSError as error:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise ValueError(f"cannot write baseline {path}: {error.strerror}") from None


def threshold(name: str) -> float:
    """How far a figure may be off by default; the reasons are given where it is measured."""
    from harness.regression import learning, losses, speed

    group = name.partition("/")[0]
    if group == "learning":
        return next(t for end, t in learning.TOLERANCES.items() if name.endswith(end))
    return {"losses": losses.TOLERANCE, "speed": speed.TOLERANCE}.get(group, 0.0)


def read(path: Path) -> Baseline:
    """The baseline in a file; ValueError, one line, where it cannot be used."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"no baseline {path}; --update creates it") from None
    except OSError as error:
        raise ValueError(f"cannot read baseline {path}: {error.strerror}") from None
    except ValueError as error:  # not JSON, or not UTF-8
        raise ValueError(f"baseline {path} is damaged: {error}") from None
    version = found.get("version") if isinstance(found, dict) else None
    if version != VERSION:
        raise ValueError(
            f"baseline {path} is from version {version} of the check, this is version {VERSION}; "
            "remove it, and --update creates a new one"
        )
    try:
        figures = {name: _recorded(name, entry) for name, entry in found["figures"].items()}
        made = {group: dict(where) for group, where in found["made"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"baseline {path} is damaged: {type(error).__name__} {error}") from None
    return Baseline(made, figures)


def _recorded(name: str, entry: dict[str, Any]) -> Recorded:
    limit = entry["threshold"]
    for number in (limit, *entry["values"]):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise TypeError(f"in {name}: {number!r} is not a number")
    if not 0 <= limit < math.inf:
        raise TypeError(f"in {name}: a threshold must be at least 0, got {limit!r}")
    return Recorded(tuple(entry["values"]), limit)
