"""Runs of different engines: what of them is compared, and which suites may be made by either."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.analysis.comparison import Section, comparison, sections
from harness.analysis.paired import contrasts, trainers
from harness.analysis.pairs import of, pairs
from harness.analysis.performance import at_best
from harness.analysis.setting import APART, described, timed
from harness.cli import _running
from harness.figure import write_svg
from harness.report.charts import charts, costs
from harness.report.page import Folder, render
from harness.spec import Conditions
from harness.store import Record
from plots._shared import completed
from tests.conftest import REGISTRY
from tests.printed import RESULTS, records
from tests.test_cli import call
from tests.test_compare import by_name, run
from tests.test_docs import PAGES


def made(engine: str, trainer: str, seed: int, levels: list[int], **more: Any) -> Record:
    found = run(trainer, seed, levels, **more)
    found.end["engine"] = engine
    return found


def mixed(theirs: str = "eager") -> list[Record]:
    """`dni` compiled, and truncation by another engine."""
    return [
        record
        for seed in range(2)
        for record in (
            made("compiled", "dni(T=3)", seed, [4, 6]),
            made(theirs, "tbptt(T=3)", seed, [0, 4], pace=3.0),
        )
    ]


def test_scores_of_different_engines_are_paired_and_seconds_are_not() -> None:
    found = mixed()
    sides = of("dni"), of("tbptt")
    assert len(pairs(found, *sides, lambda r: None)) == 2
    assert not pairs(found, *sides, lambda r: None, within=timed)
    assert len(pairs(mixed("compiled"), *sides, lambda r: None, within=timed)) == 2
    assert len(completed(found, lambda r: True)) == 1
    assert len(completed(found, lambda r: True, timed)) == 2
    assert at_best(found, "flops") == {"tbptt": [2, 2], "dni": [1, 1]}
    assert at_best(mixed("compiled"), "seconds") == {"tbptt": [6, 6], "dni": [1, 1]}
    alone = at_best(found, "seconds")  # each the only one there
    assert {name: [x for x in each if x == 1] for name, each in alone.items()} == {
        "tbptt": [1, 1], "dni": [1, 1],
    }  # fmt: skip


def test_two_trainers_of_different_engines_are_compared_without_seconds() -> None:
    (found,) = contrasts(mixed(), *trainers(mixed(), "dni(T=3)", "tbptt(T=3)"))
    assert found.where.endswith(", cpu, compiled and eager")
    assert found.notes[-1] == APART
    measures = by_name(found.measures)
    assert measures["T_task of the level solved, timesteps"].change.effect.centre == 2
    assert {"GFLOP", "GFLOP to target", "peak kB"} < set(measures)
    assert not [name for name in measures if name.startswith("seconds")]
    (alike,) = contrasts(mixed("compiled"), *trainers(mixed(), "dni(T=3)", "tbptt(T=3)"))
    assert APART not in alike.notes
    assert {"seconds", "seconds to target"} < set(by_name(alike.measures))


def cells(section: Section) -> list[dict[str, str]]:
    return [
        dict(zip(section.header[1:], (cell.said for cell in line.cells), strict=True))
        for line in section.lines
    ]


def test_a_table_of_several_engines_leaves_seconds_blank_and_says_why() -> None:
    (section,) = sections(mixed())
    for row in cells(section):
        assert (row["seconds"], row["s to target"]) == ("–", "–")
        assert "–" not in (row["score"], row["GFLOP"], row["GFLOP to target"], row["peak kB"])
    heading, _, why, *_ = comparison(mixed()).splitlines()
    assert heading.endswith(", cpu, compiled and eager")
    assert why == APART
    (section,) = sections(mixed("compiled"))
    assert section.said[0].endswith(", cpu, compiled")
    assert APART not in section.said
    assert [row["seconds"] for row in cells(section)] == ["6.0 [6.0 … 6.0]", "2.0 [2.0 … 2.0]"]


def test_an_engine_of_a_run_that_was_stopped_does_not_count() -> None:
    """It has not said which it is."""
    stopped = run("tbptt(T=3)", 2, [4], status="incomplete")
    assert described([stopped, *mixed("compiled")]).endswith(", cpu, compiled")


def test_a_report_of_several_engines_draws_no_seconds() -> None:
    for theirs, axes in (("eager", ["timesteps", "flops"]),
                         ("compiled", ["timesteps", "seconds", "flops"])):  # fmt: skip
        (section,) = sections(mixed(theirs))
        chart = charts(section)
        assert chart["axes"] == axes
        assert set(chart["trainers"][0]["medians"]) == set(axes)
        assert any("Seconds" in said for said, _ in costs(section)) == ("seconds" in axes)
        assert (APART in render([Folder("mine", mixed(theirs))], [])) != ("seconds" in axes)


def test_a_claim_compares_seconds_within_an_engine_alone() -> None:
    claim = REGISTRY.make("claim", "dependency")
    for theirs, there in (("eager", False), ("compiled", True)):
        said = [finding.says for finding in claim.findings(mixed(theirs))]
        assert any(each.endswith("at equal T") for each in said)
        assert any(each.endswith("at equal T and seconds") for each in said) == there
    for name in ("speed", "same_seconds", "same_seconds_eager"):
        claim = REGISTRY.make("claim", name)
        assert not claim.findings(mixed())
        assert claim.findings(mixed("compiled"))


def slowed(records: Sequence[Record]) -> list[Record]:
    """The same runs; each took seconds of its own."""
    found = []
    for number, record in enumerate(records):
        pace = 0.2 + number % 7
        curve, validation = (
            [{**row, "seconds": pace * row["seconds"]} for row in rows]
            for rows in (record.curve, record.validation)
        )
        found.append(
            Record(record.spec, record.header, curve, validation, record.probes, record.end)
        )
    return found


AUTO = [
    name for name in REGISTRY.names("suite")
    if REGISTRY.make("suite", name).engine == "auto" and (RESULTS / name).is_dir()
]  # fmt: skip


@pytest.mark.parametrize("name", AUTO)
def test_where_seconds_are_compared_a_suite_names_one_engine(name: str, tmp_path: Path) -> None:
    """Three seeds of its records: what its claims say and its figures show owes them nothing."""
    suite = REGISTRY.make("suite", name)
    every = records(name)
    seeds = sorted({record.spec.seed for record in every})[:3]
    few = [record for record in every if record.finished and record.spec.seed in seeds]
    claims = [REGISTRY.make("claim", each) for each in REGISTRY.names("claim")]
    for claim in claims:
        if claim.suite == name or claim.name in suite.claims:
            assert repr(claim.findings(few)) == repr(claim.findings(slowed(few))), claim.name
    for each in suite.figures:
        figure = REGISTRY.make("figure", each)
        for number, runs in enumerate((few, slowed(few))):
            write_svg(figure.draw(runs), tmp_path / f"{each}{number}.svg")
        drawn = [(tmp_path / f"{each}{number}.svg").read_bytes() for number in range(2)]
        assert drawn[0] == drawn[1], each


MINE = """
from harness.spec import RunSpec
from harness.suite import Suite

class Mine(Suite):
    def runs(self, registry):
        return [RunSpec(task="plain_copy(bits=2)", trainer="tbptt(T=3)", model="lstm(hidden=4)",
                        batch=2, timesteps=30)]
"""


@pytest.mark.parametrize(
    ("suite", "typed", "used"),
    [
        ("mine", [], "auto"),
        ("mine", ["--engine", "eager"], "eager"),
        ("mine", ["--engine", "compiled"], "compiled"),
        ("gap", [], "eager"),
        ("rivals_compiled", [], "compiled"),
        ("rivals_compiled", ["--engine", "auto"], "auto"),
        ("levels", [], "eager"),
        ("levels", ["--engine", "auto"], "auto"),
    ],
)
def test_a_suite_is_made_by_its_own_engine_unless_one_is_typed(
    suite: str, typed: list[str], used: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin, asked = tmp_path / "mine.py", []
    plugin.write_text(MINE, encoding="utf-8")

    def run_all(specs: Any, store: Any, registry: Any, conditions: Conditions, *_: Any, **__: Any):  # type: ignore[no-untyped-def]
        asked.append(conditions)
        raise SystemExit(0)

    monkeypatch.setattr(_running, "run_all", run_all)
    assert call("suite", suite, *typed, "--limit", "9", "--plugin", str(plugin)) == 0
    assert asked == [replace(Conditions(), engine=used, limit=9)]


def test_a_suite_says_its_engine_beside_its_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(MINE, encoding="utf-8")
    asked = ["suite", "mine", "--plugin", str(plugin), "--results", str(tmp_path / "r")]
    assert call(*asked) == 0
    assert " an hour, engine auto); " in capsys.readouterr().out
    assert call(*asked, "--engine", "eager", "--again") == 0
    assert " an hour); " in capsys.readouterr().out


def test_the_page_on_speed_names_the_suites_that_have_an_engine_of_their_own() -> None:
    (said,) = re.findall(
        r"A suite names an engine.*?all figures", PAGES["docs/speed.md"], re.DOTALL
    )
    compiled, eager = (set(re.findall(r"`(\w+)`", part)) for part in said.split("`eager`"))
    engines = {name: REGISTRY.make("suite", name).engine for name in REGISTRY.names("suite")}
    assert compiled - {"compiled"} == {name for name, e in engines.items() if e == "compiled"}
    assert eager == {name for name, engine in engines.items() if engine == "eager"}
