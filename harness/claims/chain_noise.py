"""Are longer chains of synthesisers noisier?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from harness.analysis.layers import is_call, layers
from harness.claim import Claim, Finding
from harness.claims._depth import accuracy
from harness.statistics import difference
from harness.store import Record
from harness.suites import depth

KINDS = (
    ("DNI", depth.BLIND, depth.FAST),
    ("DNI", depth.BLIND, depth.SLOW),
    ("cDNI", "", depth.FAST),
)
"""What it is called, its option, and the rate of the model's Adam."""


LAYERS = 6


class ChainNoise(Claim):
    """Accuracy by the number of synthesisers, and their direction by the distance from the loss."""

    letter = "m"
    question = "The more synthesisers in a chain of layers, the noisier?"
    suite = "depth"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        found: list[Finding] = []
        for kind, options, lr in KINDS:
            one, *more = (_call(options, f"cuts={each}") for each in depth.CUTS)
            for n, call in zip((2, 3, 5, LAYERS), (*more, _call(options)), strict=True):
                deep = [record for record in records if layers(record) == LAYERS]
                found += accuracy(
                    deep, call, one,
                    f"at rate {lr:g} {n} synthesisers ({kind}) are less accurate than one",
                    f"{n} − 1", "below", lr,
                )  # fmt: skip
        for kind, options, lr in KINDS:
            chosen = is_call(_call(options), lr)
            ends = [
                pair
                for record in records
                if chosen(record) and layers(record) == LAYERS and (pair := _ends(record))
            ]
            if ends:
                found.append(
                    Finding(
                        says=f"at rate {lr:g} {kind} points worse at the first cut than the last",
                        where=f"{LAYERS} layers, cut after each", paired=difference(ends), null=0,
                        unit="cosine with the true gradient, last cut − first", if_true="above",
                    )
                )  # fmt: skip
        return found


def _call(*options: str) -> str:
    return f"dni_depth({', '.join(filter(None, options))})" if any(options) else "dni_depth"


def _ends(record: Record) -> tuple[float, float] | None:
    """The cosine at the last cut and at the first, over the probes of the second half."""
    probes = [
        p["cut_cosine"]
        for p in record.probes
        if p["timesteps"] >= record.spec.timesteps / 2 and p.get("cut_cosine")
    ]
    return (fmean(c[-1] for c in probes), fmean(c[0] for c in probes)) if probes else None
