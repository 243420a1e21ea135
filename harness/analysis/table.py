"""The tidy table: what the records say, one row per run or per point."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from statistics import fmean
from typing import TYPE_CHECKING

from harness.analysis.scoring import result, result_column, score
from harness.spec import RunSpec
from harness.statistics import LEAST
from harness.store import Record, Row

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "run_id", "task", "trainer", "T", "model", "seed", "status", "batch", "lr", "clip",
    "optimiser", "schedule", "device", "timesteps", "updates", "seconds", "throughput",
    "flops", "flops_per_timestep", "flops_per_update", "activation_bytes", "peak_memory_bytes",
    "trace_bytes", "parameters", "bits", "unit", "level_n", "level_r", "t_task",
    "validation_bits", "test_bits",
    "score", "score_unit", "score_value", "score_higher", "error",
    "workers", "examples_per_second", "bytes_per_example", "wait_share", "gradient_age_mean",
    "gradient_age_max",
    "corpus", "corpus_sha256", "data", "data_sha256", "convention", "options",
    "commit", "dirty", "python", "torch", "machine", "processor", "threads", "engine",
    "date", "plugins",
)  # fmt: skip
"""Of the tidy table, in order; results/README.md defines each, with its unit."""


def distinct(records: Sequence[Record]) -> list[Record]:
    """The records, but of runs that differ only in their probes just one.

    A complete one before others, then one with most probes.
    """
    found: dict[RunSpec, Record] = {}
    for record in sorted(records, key=lambda r: (r.status != "complete", -len(r.probes))):
        spec = replace(record.spec, probe=0) if record.spec.probe else record.spec
        found.setdefault(spec, record)
    kept = {id(record) for record in found.values()}
    return [record for record in records if id(record) in kept]


def summary(record: Record) -> Row:
    """One row of the tidy table."""
    last = record.curve[-1] if record.curve else {}
    known = {**asdict(record.spec), **record.header, **last, **record.end}
    timesteps, seconds = last.get("timesteps", 0), last.get("seconds", 0.0)
    waits = record.end.get("wait_seconds")
    best = min((r["bits"] for r in record.validation), default=None)
    known |= {
        "run_id": record.spec.id,
        "T": record.spec.T,
        "status": record.status,
        "engine": record.engine,
        "timesteps": timesteps,
        "bits": record.ending,
        "trace_bytes": known.get("trace_bytes", 0 if record.end else None),
        "throughput": timesteps * record.spec.batch / seconds if seconds else None,
        "flops_per_timestep": last["flops"] / timesteps if timesteps else None,
        "flops_per_update": last["flops"] / last["updates"] if timesteps else None,
        "validation_bits": None if best is None or math.isnan(best) else best,
        "score": result_column(record),
        "score_unit": score(record).unit,
        "score_value": result(record),
        "score_higher": score(record).higher,
        "workers": record.spec.workers or None,
        "wait_share": fmean(waits) / seconds if waits and seconds else None,
        "options": json.dumps(record.header.get("options", {}), sort_keys=True),
    }
    return {column: known.get(column) for column in COLUMNS}


def memory(record: Record) -> int:
    """Peak memory and trace, in bytes: a trace is held all the time, so it is not in the peak."""
    row = summary(record)
    return int(row["peak_memory_bytes"] + row["trace_bytes"])


def table(records: list[Record]) -> pd.DataFrame:
    """The tidy table: one row per run, whatever its status."""
    import pandas as pd

    frame = pd.DataFrame([summary(record) for record in records], columns=list(COLUMNS))
    whole = ["T", "timesteps", "updates", "flops", "activation_bytes", "peak_memory_bytes"]
    whole += ["trace_bytes", "parameters", "level_n", "level_r", "t_task", "threads"]
    whole += ["gradient_age_max"]
    return frame.astype(dict.fromkeys(whole, "Int64"))


def curves(records: list[Record], kind: str = "curve") -> pd.DataFrame:
    """Rows along training, one per recorded point, with the run's spec beside each.

    kind: "curve", "validation" or "probes"
    """
    import pandas as pd

    def rows() -> Iterator[Row]:
        for record in records:
            about = {"run_id": record.spec.id, **asdict(record.spec), "T": record.spec.T}
            del about["timesteps"]
            for row in getattr(record, kind):
                yield {**about, "status": record.status, **row}

    return pd.DataFrame(rows())


def brackets(*counts: int) -> str:
    """What the brackets of a table are, whose rows are of so many values each.

    >>> brackets(6, 8), brackets(5, 1)
    ('95 % interval', 'range of 5, which covers 93.75 %')
    """
    said = {n: 1 - 2.0 ** (1 - n) for n in sorted(counts, reverse=True) if n > 1}
    kinds = (
        "95 % interval" if covered >= LEAST else f"range of {n}, which covers {100 * covered:g} %"
        for n, covered in said.items()
    )
    return " or ".join(dict.fromkeys(kinds))
