"""Does the synthetic gradient get noisier the more windows lie between state and loss?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from harness.analysis.pairs import by, name, where
from harness.analysis.setting import setting
from harness.claim import Claim, Finding
from harness.statistics import difference
from harness.store import Record


class Noise(Claim):
    """The cosine of synthetic with true where the next scored timestep is near, less where far.

    Near: in the window that follows. Far: at least a whole window lies between, so that the signal
    came through the bootstrap. Compared within probes that have both; means over the probes of the
    second half of a run, one pair per run.
    """

    letter = "k"
    question = "Does the signal get noisier the more windows lie between loss and state?"
    suite = "claims"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        found = []
        for trainer in ("dni", "sg"):
            predicting = [r for r in records if name(r) == trainer and r.probes]
            for group in by(lambda r: (setting(r), r.spec.T), predicting).values():
                sides = [pair for r in group if (pair := _near_and_far(r))]
                if sides:
                    found.append(
                        Finding(
                            says=f"far from the loss {trainer} predicts a worse direction",
                            where=f"{where(group)}, T={group[0].spec.T}", paired=difference(sides),
                            null=0, unit="cosine, near minus far", if_true="above", digits=3,
                        )
                    )  # fmt: skip
        return found


def _near_and_far(record: Record) -> tuple[float, float] | None:
    T = record.spec.T or 1
    found: list[tuple[float, float]] = []
    for p in record.probes:
        if p["timesteps"] >= record.spec.timesteps / 2:
            sides: tuple[list[float], list[float]] = ([], [])
            for distance, cosine in zip(p["distances"], p["distance_cosine"], strict=True):
                sides[distance >= T].append(cosine)
            if all(sides):
                found.append((fmean(sides[0]), fmean(sides[1])))
    return (fmean(a for a, _ in found), fmean(b for _, b in found)) if found else None
