"""The interface of a claim: a statement about a method, and the records that decide it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.statistics import Interval, Paired
from harness.store import Record

FEWEST = 6
"""Pairs below which nothing is decided: the exact test of five cannot reach LEVEL."""

LEVEL = 0.05
"""Of the Holm-adjusted p-value."""

EQUIVALENT = "equivalent"
"""The verdict where no difference is found, and none as large as the margin can be there."""

NO_HEADROOM = "no headroom"
"""The verdict where the interval of what is to be gained touches 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One test of a claim.

    says:     the claim, as a sentence that may be true or false
    where:    what it was tried on
    paired:   the effect and its p-value, against `null`
    unit:     of the effect, and what was measured: "× T_task, dni / sg" for a ratio
    bound:    whether the effect is only a lower bound, because the measurement ends too early
    if_true:  the side of `null` on which the effect then lies
    headroom: what there is to gain, where the claim is of a gain; None: not known, or no such claim
    details:  further lines to print, not tested
    """

    says: str
    where: str
    paired: Paired
    null: float
    unit: str = "×"
    bound: bool = False
    if_true: Literal["above", "below"]
    digits: int = 2
    headroom: Interval | None = None
    details: tuple[str, ...] = ()

    def verdict(self, p: float, within: float = 1.0) -> str:
        """Supported or contradicted where the interval and the adjusted p agree on it.

        Where perhaps nothing is to be gained, no claim of a gain is judged.

        within: the adjusted p of the test whether the effect lies within its margin
        """
        if self.headroom is not None and self.headroom.low <= 0:
            return NO_HEADROOM
        effect = self.paired.effect
        above, below = effect.low > self.null, effect.high < self.null and not self.bound
        if effect.n < FEWEST or p >= LEVEL or not (above or below):
            return EQUIVALENT if effect.n >= FEWEST and within < LEVEL else "undecided"
        return "supported" if above == (self.if_true == "above") else "contradicted"

    @property
    def effect(self) -> str:
        """The effect as it is printed; a lower bound has no interval."""
        centre = self.paired.effect.centre
        said = f"≥ {round(centre, self.digits):g}" if self.bound else self.paired.said(self.digits)
        return f"{said} {self.unit}"


class Claim(ABC):
    """A statement about a method, to be tested on records.

    letter:   its place among the claims, its own: a to z, then aa
    question: what it answers
    suite:    whose runs decide it
    """

    letter: str
    question: str
    suite: str

    @property
    def name(self) -> str:
        """The name of its file, which is what `sgbench verdict` takes."""
        return type(self).__module__.rpartition(".")[2].removeprefix("sgbench_plugin_")

    @abstractmethod
    def findings(self, records: Sequence[Record]) -> list[Finding]:
        """Every test that the records allow; those that lack runs are left out.

        records: complete, collapsed or diverged: these, too, are results
        """


def in_order(claims: Iterable[Claim]) -> list[Claim]:
    """Claims by their letters; those of plug-ins may share one."""
    return sorted(claims, key=lambda each: (len(each.letter), each.letter, each.question))
