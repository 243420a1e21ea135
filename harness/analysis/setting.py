"""What runs that are compared must share, in tables, figures and claims; and it in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.store import Record

Rates = tuple[float, float]
Setting = tuple[str, str, int, int, str, str, str]

APART = "no seconds: those of different engines are not compared"
"""What a table says that leaves them out."""


def setting(record: Record) -> Setting:
    """What runs share whose scores, timesteps, FLOPs or bytes are compared.

    The trainer and its rates are not part of it: each method is run at its own. Nor is the engine,
    which changes the rounding alone.
    """
    s = record.spec
    return s.task, s.model, s.batch, s.timesteps, s.device, s.optimiser, s.schedule


def timed(record: Record) -> tuple[Setting, str]:
    """What runs share whose seconds are compared: the setting, and the engine."""
    return setting(record), record.engine


def engines(records: Iterable[Record]) -> list[str]:
    """The engines of the completed runs; of all of them, where none is complete."""
    listed = list(records)
    done = [record for record in listed if record.status == "complete"]
    return sorted({record.engine for record in done or listed})


def described(records: Sequence[Record], at: Rates | None = None) -> str:
    """The setting of runs in words, and their engines but for eager alone.

    at: learning rate and clipping norm, to be named, too
    """
    s, used = records[0].spec, engines(records)
    rule = "Adam" if s.optimiser == "adam" else s.optimiser
    schedule = "" if s.schedule == "constant" else f", {s.schedule},"
    optimiser = f", {rule} {at[0]:g}{schedule} clipped at {at[1]:g}" if at else s.suffix
    engine = "" if used == ["eager"] else f", {' and '.join(used)}"
    return (
        f"{s.task}: {s.model}, batch {s.batch}{optimiser}, {s.timesteps:,} timesteps, "
        f"{s.device}{engine}"
    )
