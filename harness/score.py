"""What the runs of a task are compared by, and which way is better."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A column of a run's rows, its unit, and whether more of it is better.

    column: in the recorded rows: "t_task", "bits", "accuracy"
    unit:   in words
    higher: whether more is better
    rows:   the rows that hold it. "curve": the last one is the result. "validation": the best one
            is, or the same column on the test set, with the weights that were best on validation
    digits: after the decimal point, in tables
    name:   in a few words [default: the column]
    said:   in headings and beside axes [default: the name]
    least:  the easiest target that is worth reaching; None: any is
    chance: of a task with levels, the loss in bits of an output that knows nothing. A run that
            ends there after it had solved a level has collapsed. None: nothing is called so
    """

    column: str
    unit: str
    higher: bool
    rows: Literal["curve", "validation"] = "validation"
    digits: int = 3
    name: str = ""
    said: str = ""
    least: float | None = None
    chance: float | None = None

    def best(self, values: Iterable[float]) -> float:
        """The best of some values; ValueError of none."""
        return max(values) if self.higher else min(values)

    def worst(self, values: Iterable[float]) -> float:
        """The worst of some values; ValueError of none."""
        return min(values) if self.higher else max(values)

    @property
    def nothing(self) -> float:
        """A value that every other is better than."""
        return -math.inf if self.higher else math.inf

    def better(self, value: float, than: float) -> bool:
        """Whether a value is better than another; NaN never is."""
        return value > than if self.higher else value < than

    @property
    def improvement(self) -> str:
        """What a better method scores: fewer bits, a higher accuracy.

        >>> bits("bits per character").improvement
        'fewer bits'
        """
        name = self.name or self.column
        if not self._words:  # the unit counts it
            return f"{'more' if self.higher else 'fewer'} {name}"
        return f"a {'higher' if self.higher else 'lower'} {name}"

    @property
    def side(self) -> Literal["above", "below"]:
        """Where the difference of a better score to a worse one lies, seen from 0."""
        return "above" if self.higher else "below"

    def reached(self, value: float, target: float) -> bool:
        """Whether a value is as good as the target; NaN never is."""
        return value >= target if self.higher else value <= target

    def heading(self, where: str = "") -> str:
        """The score in words with its unit, as tables and axes name it.

        >>> T_TASK.heading(), bits("bits per character").heading("test")
        ('T_task of the level solved, timesteps', 'test, bits per character')
        """
        return ", ".join(filter(None, (f"{where} {self._words}".strip(), self.unit)))

    def goal(self, target: float) -> str:
        """A target in words.

        >>> T_TASK.goal(4.0), bits("bits per character").goal(2.5)
        ('T_task 4', 'validation 2.500 bits per character')
        """
        if self.rows == "curve":
            return f"{self.name or self.column} {target:g}"
        words = f"validation {self._words}".strip()
        return f"{words} {target:.{self.digits}f}" + ("" if self._words else f" {self.unit}")

    @property
    def _words(self) -> str:
        """Nothing where the unit says what is counted: bits per character."""
        name = self.name or self.column
        return "" if self.unit.startswith(name) else self.said or name


T_TASK = Score(
    column="t_task", unit="timesteps", higher=True, rows="curve", digits=0, name="T_task",
    said="T_task of the level solved", least=4.0, chance=1.0,
)  # fmt: skip
"""The longest dependency learned, of tasks with levels; the first level is of 4 timesteps, and
outputs are bits, of which a coin guesses each at a loss of 1 bit."""


def bits(unit: str) -> Score:
    """The loss in bits, per whatever the unit says."""
    return Score(column="bits", unit=unit, higher=False)
