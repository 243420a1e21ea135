"""What the claims about worker processes share: decoupled blocks beside another way, by pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.analysis.pairs import pairs
from harness.analysis.scoring import cost_to
from harness.analysis.setting import timed
from harness.analysis.sharing import examples_per_second, is_way
from harness.claim import Finding
from harness.claims._depth import reached
from harness.statistics import ratio
from harness.store import Record
from harness.suites.workers import DECOUPLED, GOAL, UNLOCKED, Way

OURS = {"decoupled blocks": DECOUPLED, "decoupled blocks on synthetic inputs": UNLOCKED}


def beside(records: Sequence[Record], theirs: Way, called: str) -> Iterator[Finding]:
    """Speed of decoupled blocks, and their time to GOAL, beside another way to use the workers."""
    for words, ours in OURS.items():
        found = pairs(
            records, is_way(ours), is_way(theirs), lambda r: None, within=timed, shared=True
        )
        if not found:
            continue
        where = f"{ours.mode}, {ours.trainer}"
        yield Finding(
            says=f"{words} see more examples a second than {called}", where=where,
            paired=ratio([(examples_per_second(a), examples_per_second(b)) for a, b in found]),
            null=1, unit="× examples a second", if_true="above",
        )  # fmt: skip
        yield Finding(
            says=f"{words} take fewer seconds to {GOAL:.0%} than {called}", where=where,
            paired=ratio(
                [(cost_to(a, GOAL, "seconds"), cost_to(b, GOAL, "seconds")) for a, b in found]
            ),
            null=1, unit=f"× seconds to {GOAL:.0%}", if_true="below", details=reached(found, GOAL),
        )  # fmt: skip
