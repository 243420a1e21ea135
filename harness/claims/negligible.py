"""Is the gradient from beyond the cut negligible beside the window's own?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from harness.analysis.pairs import by, name, where
from harness.analysis.setting import setting
from harness.claim import Claim, Finding
from harness.claims._gradients import learned
from harness.statistics import difference, interval
from harness.store import Record

NEGLIGIBLE = 0.1


class Negligible(Claim):
    """The norm of what truncation leaves out of the weights' gradient, over that of what it keeps.

    The median over the probes of a run, compared over seeds with a tenth, which would be
    negligible; one test per task.
    """

    letter = "c"
    question = "Is the gradient beyond the cut negligible?"
    suite = "claims"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        truncated = {(setting(r), r.spec.T) for r in records if name(r) == "tbptt" and r.probes}
        there = by(setting, records)
        found = []
        for column, trainer, unit, says in (
            (
                "missing_ratio",
                "tbptt",
                "× norm, left out / kept",
                "what truncation leaves out is under a tenth of what it keeps",
            ),
            (
                "added_ratio",
                "dni",
                "× norm, added / truncated",
                "what dni adds is under a tenth of truncation's gradient",
            ),
        ):
            probed = [
                r for r in records
                if name(r) == trainer and r.probes and (setting(r), r.spec.T) in truncated
            ]  # fmt: skip
            for (at, T), group in by(lambda r: (setting(r), r.spec.T), probed).items():
                values = [v for r in group if (v := _median(r, column)) is not None]
                if values:
                    found.append(
                        Finding(
                            says=says, where=f"{where(group)}, T={group[0].spec.T}",
                            paired=difference([(value, 0) for value in values], NEGLIGIBLE),
                            null=NEGLIGIBLE, unit=unit, if_true="below",
                            details=(_along(group, column), *learned(there[at], T or 0)),
                        )
                    )  # fmt: skip
        return found


def _median(record: Record, column: str, begin: float = 0, end: float = 1) -> float | None:
    """Over the probes of a share of the training."""
    values = [
        p[column]
        for p in record.probes
        if p.get(column) is not None and begin <= p["timesteps"] / record.spec.timesteps <= end
    ]
    return median(values) if values else None


def _along(group: Sequence[Record], column: str) -> str:
    thirds = [
        interval([v for r in group if (v := _median(r, column, k / 3, (k + 1) / 3)) is not None])
        for k in range(3)
    ]
    return "by thirds of the training: " + ", ".join(third.said(2) for third in thirds)
