"""Intervals over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Interval:
    """A median and its 95 % interval; NaN bounds where one value says nothing of the spread."""

    median: float
    low: float
    high: float
    n: int

    def said(self, digits: int) -> str:
        """The interval as tables print it: `3 [2, 4]`."""
        middle = f"{self.median:.{digits}f}"
        if math.isnan(self.low):
            return middle
        return f"{middle} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def interval(values: Sequence[float]) -> Interval:
    """The median over seeds with its 95 % percentile-bootstrap interval.

    With fewer than five values this is little more than their range, and says so by its width.
    The resampling is seeded: the same values give the same interval.
    """
    finite = np.asarray([v for v in values if v is not None and math.isfinite(v)], dtype=float)
    if len(finite) == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    if len(finite) == 1:
        return Interval(float(finite[0]), math.nan, math.nan, 1)
    from scipy.stats import bootstrap

    found = bootstrap(
        (finite,), np.median, method="percentile", n_resamples=9999, rng=np.random.default_rng(0)
    ).confidence_interval
    return Interval(float(np.median(finite)), float(found.low), float(found.high), len(finite))
