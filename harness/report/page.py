"""One page with everything recorded: verdicts, tables, curves, costs, and every run."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.analysis.comparison import Section, sections
from harness.analysis.setting import APART
from harness.analysis.verdict import Ruling, heading, rulings, unrecorded
from harness.claim import Claim
from harness.report.charts import as_json, charts, costs
from harness.store import Record, Store

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("vendor/uPlot.iife.min.js", "canvas.js", "curves.js", "report.js")
STYLES = ("vendor/uPlot.min.css", "report.css")
LOG_POINTS = 5
"""How many of a run's last points are shown with it."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A results folder: its name, and the records in it."""

    name: str
    records: list[Record]


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim, decided: what `sgbench verdict` prints."""

    heading: str
    rulings: list[Ruling]
    unrecorded: str


def folders(paths: Sequence[str]) -> list[Folder]:
    """Folders of records, or folders that hold such; ValueError where there is no record."""
    found: dict[Path, Folder] = {}
    for path in map(Path, paths):
        if not path.is_dir():
            raise ValueError(f"no folder {str(path)!r} for --results")
        inside = [path] if (path / "runs").is_dir() else sorted(path.glob("*/"))
        stores = [(each, records) for each in inside if (records := Store(each).records())]
        if not stores:
            raise ValueError(f"no records in {path}")
        found |= {p.resolve(): Folder(p.resolve().name, records) for p, records in stores}
    return list(found.values())


def render(found: Sequence[Folder], claims: Sequence[Claim]) -> str:
    """The whole page: nothing in it is loaded from elsewhere.

    A claim reads the folder named after its suite; if only one folder is given, that one.
    Text from records is escaped, and only the page's own scripts may run, by their hashes.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    scripts = [_template(name) for name in SCRIPTS]
    scripts[0] = f"/*\n{_template('vendor/uPlot.LICENSE')}*/\n{scripts[0]}"
    chapters = [_chapter(folder, f"f{i}") for i, folder in enumerate(found)]
    everything = [record for folder in found for record in folder.records]
    shown = [section["chart"] for chapter in chapters for section in chapter["sections"]]
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("report.html").render(
        claims=[_judged(claim, found) for claim in claims],
        chapters=chapters,
        statuses=Counter(record.status for record in everything),
        made_on=sorted({
            f"{r.header.get('processor')}, torch {r.header.get('torch')}" for r in everything
        }),
        charts=Markup(as_json(shown)),
        scripts=[Markup(text) for text in scripts],
        hashes=" ".join(map(_hash, scripts)),
        style=Markup("".join(map(_template, STYLES))),
    )  # fmt: skip


def save(page: str, path: Path) -> None:
    """Write the page; ValueError where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}") from None


def _template(name: str) -> str:
    """A part of the page; its line ends are \\n, as the parser's are when it hashes a script."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _judged(claim: Claim, found: Sequence[Folder]) -> Judged:
    named = [folder for folder in found if folder.name == claim.suite] or found
    records = named[0].records if len(named) == 1 else []
    try:
        decided = rulings(claim, records)
    except ValueError as error:  # runs that cannot be told apart
        return Judged(heading(claim, records), [], f"undecided: {error}")
    return Judged(heading(claim, records), decided, unrecorded(claim))


def _chapter(folder: Folder, anchor: str) -> dict[str, Any]:
    found = sections(folder.records)
    placed = {id(record) for section in found for record in section.records}
    rest = [record for record in folder.records if id(record) not in placed]
    return {
        "name": folder.name,
        "anchor": anchor,
        "sections": [_section(s, f"{anchor}s{i}", anchor) for i, s in enumerate(found)],
        "others": [_run(record, anchor) for record in rest],
        "trouble": [_run(r, anchor) for r in folder.records if r.status != "complete"],
        "runs": len(folder.records),
    }


def _section(section: Section, anchor: str, chapter: str) -> dict[str, Any]:
    seeds = {record.spec.seed for record in section.records}
    lines = []
    for trainer, group, cells in section.lines:
        lacking = Counter(record.status for record in group if record.status != "complete")
        # runs of one seed with other options are not several seeds
        absent = len(seeds) - len({record.spec.seed for record in group})
        marks = [(status, f"{n} {status}") for status, n in sorted(lacking.items())]
        marks += [("absent", f"{absent} not run")] if absent else []
        lines.append({"trainer": trainer, "cells": cells, "marks": marks})
    return {
        "anchor": anchor,
        "task": section.said[0].partition(": ")[0],
        "setting": section.said[0].partition(": ")[2],
        "score": section.said[1] if len(section.said) > 1 else "no run completed",
        "apart": APART if section.apart else "",
        "columns": section.header,
        "lines": lines,
        "runs": [_run(record, chapter) for record in section.records],
        "chart": (chart := charts(section)),
        "drawn": any(trainer["runs"] for trainer in chart["trainers"]),
        "costs": costs(section),
    }


def _run(record: Record, anchor: str) -> dict[str, Any]:
    made = {key: value for key, value in record.header.items() if key not in ("id", "options")}
    rows = sorted(
        [{"kind": kind, **row}
         for kind in ("curve", "validation")
         for row in getattr(record, kind)[-LOG_POINTS:]],
        key=lambda row: row.get("timesteps", 0),
    )  # fmt: skip
    return {
        "anchor": f"{anchor}-{record.spec.id}",
        "label": record.spec.label,
        "trainer": record.spec.trainer,
        "seed": record.spec.seed,
        "status": record.status,
        "error": record.end.get("error"),
        "spec": _shown(asdict(record.spec)),
        "environment": _shown(made),
        "options": json.dumps(record.header.get("options", {}), indent=1),
        "end": _shown(record.end),
        "points": len(record.curve),
        "log": "\n".join(json.dumps({k: _rounded(v) for k, v in row.items()}) for row in rows),
        "file": f"runs/{record.spec.id}.jsonl",
    }


def _shown(values: Mapping[str, Any]) -> dict[str, str]:
    """Values of a record as the page lists them: rounded, a dash where there is none."""
    return {key: _said(value) for key, value in values.items()}


def _said(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_said(each)}" for key, each in value.items())
    if isinstance(value, list):
        return "".join(map(_said, value))  # the lines of a traceback
    return str(_rounded(value))


def _rounded(value: Any) -> Any:
    """A number with a fraction to six digits; the record holds all of them."""
    return float(f"{value:.6g}") if isinstance(value, float) else value
