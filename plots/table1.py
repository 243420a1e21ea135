"""The paper's Table 1: what was measured, with intervals, above what was published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from harness.analysis.comparison import left_out
from harness.analysis.pairs import by, name, task, tuned
from harness.analysis.scoring import result
from harness.analysis.table import brackets
from harness.figure import Figure
from harness.names.call import Call
from harness.registry import Registry
from harness.spec import RunSpec
from harness.statistics import interval
from harness.store import Record
from harness.suites import table1_desk
from plots import _shared


class Row(NamedTuple):
    """A task of the table, and the paper's numbers by trainer and T."""

    said: str
    digits: int
    published: dict[str, dict[int, float]]


ROWS = {
    "plain_copy": Row("Copy\n(T_task, timesteps)", 0, {
        "tbptt": {2: 7, 3: 8, 4: 10, 5: 8},
        "dni": {2: 16, 3: 14, 4: 18, 5: 18},
        "dni_aux": {2: 16, 3: 17, 4: 19, 5: 18},
    }),
    "repeat_copy": Row("Repeat copy\n(T_task, timesteps)", 0, {
        "tbptt": {2: 7, 3: 5, 4: 19, 5: 23},
        "dni": {2: 39, 3: 33, 4: 39, 5: 59},
        "dni_aux": {2: 39, 3: 59, 4: 67, 5: 59},
    }),
    "char_lm": Row("Characters\n(bits per character)", 2, {
        "tbptt": {2: 1.39, 3: 1.38, 4: 1.37, 5: 1.37, 8: 1.35, 20: 1.35, 40: 1.34},
        "dni": {2: 1.37, 3: 1.36, 4: 1.35, 5: 1.35, 8: 1.34},
        "dni_aux": {2: 1.37, 3: 1.36, 4: 1.35, 5: 1.35, 8: 1.33},
    }),
}  # fmt: skip
"""Jaderberg et al. (2017), Table 1: single runs, LSTM 256 (text: 1024), 2.5 million updates."""

GROUPS = (
    ("tbptt", "BPTT truncated to T", (2, 3, 4, 5, 8, 20, 40)),
    ("dni", "DNI", (2, 3, 4, 5, 8)),
    ("dni_aux", "DNI + auxiliary task", (2, 3, 4, 5, 8)),
    ("sg", "SG, no bootstrap (ours)", (2, 3, 4, 5, 8)),
)
WIDTH, HEIGHT = 0.8, 0.78  # of a cell, inches
MARGIN = 0.35
"""Width of the column of row names beyond two cells, in cells."""


class Table1(Figure):
    """Rows and columns are the paper's, and `sg` and full BPTT beside them."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [*table1_desk.copying(registry), *table1_desk.language(registry)]

    def draw(self, records: Sequence[Record]) -> Drawing:
        done = tuned([r for r in records if r.status == "complete" and _shared.trained(r)])
        rows = [group for group in by(task, done).values() if _kind(group[0]) in ROWS]
        if not any(name(r) == "dni_aux" for r in done):
            raise LookupError("no completed runs of dni_aux to put into the table")
        rows.sort(key=lambda group: list(ROWS).index(_kind(group[0])))
        columns = sum(len(Ts) for *_, Ts in GROUPS) + 3
        drawing = Drawing(figsize=(WIDTH * (columns + MARGIN), HEIGHT * (len(rows) + 1.8)))
        axes = drawing.add_axes((0, 0, 1, 1))
        axes.set(xlim=(-2 - MARGIN, columns - 2), ylim=(len(rows) + 0.4, -1.4))
        axes.axis("off")
        for y, group in enumerate(rows):
            _row(axes, y + 0.5, group)
        x = 0
        for _, said, Ts in (*GROUPS, ("bptt", "full", (None,))):
            axes.text(x + len(Ts) / 2, -0.65, said, ha="center", va="center", weight="bold")
            for i, T in enumerate(Ts):
                axes.text(x + i + 0.5, -0.25, f"T={T}" if T else "BPTT", ha="center", va="center")
            if x:
                axes.plot([x, x], [-0.9, len(rows)], color="0.8", linewidth=0.8)
            x += len(Ts)
        for y in range(len(rows) + 1):
            axes.plot(
                [-2 - MARGIN, x],
                [y, y],
                color="0.3" if y in (0, len(rows)) else "0.85",
                linewidth=1,
            )
        axes.text(-1.9 - MARGIN, -1.15, "Table 1 of the paper: measured here, and as published",
                  va="center", fontsize=12)  # fmt: skip
        gone = left_out([r for r in records if _shared.trained(r)])
        axes.text(
            -1.9 - MARGIN, len(rows) + 0.2,
            f"bold: measured, median; under it the {brackets(*map(_seeds, rows))}.   "
            "grey: as published (single runs, much larger networks, 2.5 million updates)"
            + (f".   {gone}" if gone else ""),
            va="center", fontsize=10,
        )  # fmt: skip
        return drawing


def _kind(record: Record) -> str:
    """The name of the task."""
    return Call.parse(record.spec.task).name


def _seeds(group: Sequence[Record]) -> int:
    return len({record.spec.seed for record in group})


def _row(axes: Axes, y: float, group: Sequence[Record]) -> None:
    row, text = ROWS[_kind(group[0])], group[0].header.get("corpus")
    label = row.said.replace("Characters", f"Text: {text}") if text else row.said
    label = label.replace("\n", f", {_seeds(group)} seeds\n", 1)
    axes.text(-1.9 - MARGIN, y, label, va="center", weight="bold")
    x = 0.5
    for trainer, _, Ts in (*GROUPS, ("bptt", "", (None,))):
        for T in Ts:
            own = [r for r in group if name(r) == trainer and r.spec.T == T]
            values = [value for r in own if (value := result(r)) is not None]
            published = row.published.get(trainer, {}).get(T or 0)
            if values:
                found = interval(values)
                axes.text(x, y - 0.24, f"{found.centre:.{row.digits}f}", ha="center", va="center",
                          weight="bold", fontsize=12)  # fmt: skip
                spread = f"{found.low:.{row.digits}f}–{found.high:.{row.digits}f}"
                axes.text(x, y + 0.02, spread if found.n > 1 else "1 seed", ha="center",
                          va="center", fontsize=8.5)  # fmt: skip
            elif trainer == "bptt" and text:  # a stretch of text is 40 characters: tbptt(T=40)
                axes.text(x, y, "as T=40", ha="center", va="center", color="0.35", fontsize=9)
            if published is not None and text in (None, "ptb"):
                axes.text(x, y + 0.28, f"{published:g}", ha="center", va="center", color="0.5",
                          style="italic", fontsize=9.5)  # fmt: skip
            x += 1
