"""What the claims about gradients share: what was learned where they were measured."""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis.pairs import levelled, of, pairs, spans, task, units
from harness.statistics import ratio
from harness.store import Record

STREAM = "stream"
"""The protocol of claim (b)."""


def learned(group: Sequence[Record], T: int) -> tuple[str, ...]:
    """What dni gains in the runs whose gradients are compared; another protocol's is not this one.

    group: runs of one setting; a line where they have levels and are not of the stream
    """
    beside = pairs(
        [r for r in group if r.probes and levelled(r) and STREAM not in task(r)],
        of("dni", T=T), of("tbptt", T=T), lambda r: None,
    )  # fmt: skip
    if not beside:
        return ()
    gain = ratio(units(beside, spans, "geometric")).said(2)
    return (
        f"in these runs dni solves {gain} × the T_task of tbptt: "
        "their gradients do not explain what it gains on the stream",
    )
