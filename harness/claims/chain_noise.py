"""Are longer chains of synthesisers noisier?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from harness.analysis.layers import cuts, is_call, layers
from harness.claim import Claim, Finding
from harness.claims._depth import accuracy
from harness.statistics import difference
from harness.store import Record
from harness.suites import depth

KINDS = {"DNI": f"{depth.BLIND}", "cDNI": ""}


class ChainNoise(Claim):
    """Accuracy by the number of synthesisers, and their direction by the distance from the loss."""

    letter = "l"
    question = "The more synthesisers in a chain of layers, the noisier?"
    suite = "depth"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        found: list[Finding] = []
        for kind, options in KINDS.items():
            one, *more = (_call(options, f"cuts={each}") for each in depth.CUTS)
            for call in (*more, _call(options)):
                theirs = [record for record in records if is_call(call)(record)]
                numbers = {cuts(record) for record in theirs if layers(record) == 6}
                for n in numbers:
                    found += accuracy(
                        records, call, one, f"{n} synthesisers ({kind}) are less accurate than one",
                        f"{n} − 1", "below",
                    )  # fmt: skip
        for kind, options in KINDS.items():
            chain = [r for r in records if is_call(_call(options))(r) and layers(r) == 6]
            ends = [pair for record in chain if (pair := _ends(record))]
            if ends:
                found.append(
                    Finding(
                        says=f"{kind} points worse at the first cut than at the last",
                        where="6 layers, cut after each", paired=difference(ends), null=0,
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
