"""Intervals over seeds, and comparisons of pairs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Interval:
    """A centre and its 95 % interval; NaN bounds where a single value says nothing about it.

    n: how many values, or pairs, it was computed from
    """

    centre: float
    low: float
    high: float
    n: int

    def said(self, digits: int) -> str:
        """The interval as tables print it: `3 [2, 4]`."""
        middle = f"{self.centre:.{digits}f}"
        if math.isnan(self.low):
            return middle
        return f"{middle} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def interval(values: Sequence[float]) -> Interval:
    """The median over seeds with its 95 % percentile-bootstrap interval.

    With fewer than five values the interval is little more than their range. The resampling is
    seeded: the same values give the same interval.
    """
    return _bootstrap(np.median, [v for v in values if v is not None and math.isfinite(v)])


@dataclass(frozen=True, slots=True)
class Paired:
    """The mean effect over pairs, or its ratio, with a 95 % interval.

    p: two-sided: how often an effect as large arises if a coin is tossed for the sign of each
       pair. This is the sign-flip permutation test, exact up to 13 pairs
    """

    effect: Interval
    p: float


def difference(pairs: Sequence[tuple[float, float]], null: float = 0.0) -> Paired:
    """The mean of a - b, tested against `null`."""
    values = [a - b for a, b in pairs]
    return Paired(_bootstrap(np.mean, values), _sign_flip([value - null for value in values]))


def ratio(pairs: Sequence[tuple[float, float]], null: float = 1.0) -> Paired:
    """The geometric mean of a / b, tested against `null`; all values above 0."""
    logs = [math.log(a / b) for a, b in pairs]
    found = _bootstrap(np.mean, logs)
    effect = Interval(math.exp(found.centre), math.exp(found.low), math.exp(found.high), found.n)
    return Paired(effect, _sign_flip([value - math.log(null) for value in logs]))


def ratio_of_medians(pairs: Sequence[tuple[float, float]]) -> Interval:
    """median(a) / median(b) with its 95 % interval, resampled by pairs; every b above 0."""

    def statistic(a: Any, b: Any, axis: int = -1) -> Any:
        return np.median(a, axis=axis) / np.median(b, axis=axis)

    return _bootstrap(statistic, *zip(*pairs, strict=True))


def holm(ps: Sequence[float]) -> list[float]:
    """The p-values of a family of tests, adjusted (Holm, 1979), in the order given."""
    adjusted, running = [0.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        running = max(running, min(1.0, (len(ps) - rank) * ps[i]))
        adjusted[i] = running
    return adjusted


def _bootstrap(statistic: Callable[..., Any], *samples: Sequence[float]) -> Interval:
    n = len(samples[0])
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    arrays = tuple(np.asarray(sample, dtype=float) for sample in samples)
    centre = float(statistic(*arrays))
    if n == 1:
        return Interval(centre, math.nan, math.nan, 1)
    from scipy.stats import bootstrap

    found = bootstrap(
        arrays, statistic, method="percentile", n_resamples=9999, paired=len(arrays) > 1,
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    return Interval(centre, float(found.low), float(found.high), n)


def _sign_flip(values: Sequence[float]) -> float:
    """The p-value; 1 for fewer than two pairs, which say nothing."""
    if len(values) < 2:
        return 1.0
    from scipy.stats import permutation_test

    found = permutation_test(
        (np.asarray(values, dtype=float),), np.mean, permutation_type="samples",
        n_resamples=9999, vectorized=True, rng=np.random.default_rng(0),
    )  # fmt: skip
    return float(found.pvalue)
