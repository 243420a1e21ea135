"""The table that answers what a method reaches and what it costs, beside the others."""

from __future__ import annotations

from itertools import groupby

from harness.figure import ordered
from harness.statistics import interval
from harness.store import Record, Row
from harness.table import summary

COLUMNS = ("trainer", "seeds", "score", "bits", "updates", "seconds", "GFLOP", "held kB", "peak kB")


def comparison(records: list[Record]) -> str:
    """One table a setting, one line a trainer: medians over seeds with 95 % intervals.

    The score is the level reached (T_task, in timesteps) where the task has levels, else the
    test score in bits. Runs that did not complete are counted and left out of the numbers; runs
    of one episode, made for what it costs to hold, are for figures.
    """
    trained = [record for record in records if record.spec.timesteps > 1]
    listed = sorted(trained or records, key=_setting)
    return "\n\n".join(
        _section(setting, list(group)) for setting, group in groupby(listed, key=_setting)
    )


def _setting(record: Record) -> str:
    s = record.spec
    return (
        f"{s.task}: {s.model}, batch {s.batch}, Adam {s.lr:g} clipped at {s.clip:g}, "
        f"{s.timesteps:,} timesteps, {s.device}"
    )


def _section(setting: str, records: list[Record]) -> str:
    trainers = ordered(record.spec.trainer for record in records)
    lines = [_line(t, [r for r in records if r.spec.trainer == t]) for t in trainers]
    first = summary(records[0])
    levels = first["t_task"] is not None
    score = "T_task of the level solved, timesteps" if levels else f"test, {first['unit']}"
    widths = [max(len(row[i]) for row in (COLUMNS, *lines)) for i in range(len(COLUMNS))]

    def ruled(row: tuple[str, ...]) -> str:
        first, *rest = (cell.ljust(w) if i == 0 else cell.rjust(w)
                        for i, (cell, w) in enumerate(zip(row, widths, strict=True)))  # fmt: skip
        return "  ".join((first, *rest)).rstrip()

    heading = f"{setting}\nscore: {score}; bits: {first['unit']}, training, last tenth"
    return "\n".join((heading, "", ruled(COLUMNS), *map(ruled, lines)))


def _line(trainer: str, records: list[Record]) -> tuple[str, ...]:
    done = [summary(r) for r in records if r.status == "complete"]
    seeds = str(len(done)) if len(done) == len(records) else f"{len(done)} of {len(records)}"
    if not done:
        return (trainer, seeds, *["–"] * (len(COLUMNS) - 2))
    levels = done[0]["t_task"] is not None
    return (
        trainer,
        seeds,
        _said(done, "t_task", 1, 0) if levels else _said(done, "test_bits", 1, 3),
        _said(done, "bits", 1, 3),
        f"{interval([r['updates'] for r in done]).median:,.0f}",
        _said(done, "seconds", 1, 1),
        f"{interval([r['flops'] for r in done]).median / 1e9:,.0f}",
        f"{interval([r['activation_bytes'] for r in done]).median / 1e3:,.0f}",
        f"{interval([r['peak_memory_bytes'] for r in done]).median / 1e3:,.0f}",
    )


def _said(rows: list[Row], column: str, unit: float, digits: int) -> str:
    values = [row[column] / unit for row in rows if row[column] is not None]
    return interval(values).said(digits) if values else "–"
