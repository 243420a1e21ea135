"""What the drawn figures of the recorded runs say."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.registry import Registry
from harness.store import Record, Store
from plots import table1

RESULTS = Path(__file__).resolve().parent.parent / "results"


@pytest.fixture(scope="module")
def desk() -> list[Record]:
    return Store(RESULTS / "table1_desk").records()


def test_table_1_shows_what_was_measured_above_what_was_published(
    desk: list[Record], registry: Registry
) -> None:
    (axes,) = registry.make("figure", "table1").draw(desk).axes
    said = [text.get_text() for text in axes.texts]
    assert [line for line in said if "(" in line.partition("\n")[2]] == [
        "Copy, 5 seeds\n(T_task, timesteps)", "Repeat copy, 5 seeds\n(T_task, timesteps)",
        "Text: ptb, 10 seeds\n(bits per character)",
    ]  # fmt: skip
    published = [f"{v:g}" for row in table1.ROWS.values()
                 for each in row.published.values() for v in each.values()]  # fmt: skip
    assert not set(published) - set(said)
    for measured in ("13", "19", "2.20", "12–14"):
        assert measured in said


def test_a_column_of_the_staircases_holds_the_methods_of_one_T(
    desk: list[Record], registry: Registry
) -> None:
    drawing = registry.make("figure", "task_progression").draw(desk)
    assert [axes.get_title() for axes in drawing.axes] == [f"T = {T}" for T in (2, 3, 4, 5)] * 2
    ends = {axes.get_title(): {line.get_label(): line.get_ydata()[-1] for line in axes.lines}
            for axes in drawing.axes[:4]}  # fmt: skip
    assert ends["T = 3"] == {"bptt": 13, "tbptt": 4, "dni": 6, "dni_aux": 6}
    assert ends["T = 4"]["tbptt"] == 5
