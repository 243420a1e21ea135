"""Intervals over seeds, and comparisons of pairs: exact ones, that assume no distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

Values = Sequence[float] | np.ndarray[Any, Any]

LEAST = 0.95
"""Of the coverage of an interval. Below it `Interval` holds the range, and its coverage says so."""

WHOLE, DRAWN = 20, 16
"""Pairs up to which all signs are flipped in all ways; for more, 2^16 ways drawn at random."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A centre and its 95 % interval, or, of fewer than six values, their range.

    n:        how many values, or pairs, it was computed from; bounds are NaN where one is too few
    coverage: in what share of experiments it holds what it estimates, at the least
    """

    centre: float
    low: float
    high: float
    n: int
    coverage: float = LEAST

    def said(self, digits: int) -> str:
        """As tables print it: the interval `3 [2, 4]`, the range `3 [2 … 4]`."""
        # 0 is added for what rounds to zero from below: 0.00, not -0.00
        middle, low, high = (
            f"{round(value, digits) + 0.0:.{digits}f}"
            for value in (self.centre, self.low, self.high)
        )
        if math.isnan(self.low):
            return middle
        return f"{middle} [{low}{', ' if self.coverage >= LEAST else ' … '}{high}]"


def interval(values: Sequence[float]) -> Interval:
    """The median over seeds with its exact interval, between two of the values.

    A median lies between the k-th smallest and the k-th largest of n values unless fewer than k
    lie on one side of it, which coins decide: whatever the distribution.
    """
    found = np.sort([v for v in values if v is not None and math.isfinite(v)])
    n = len(found)
    if n < 2:
        return _single(found)
    k, missed = _rank(n, 1 - LEAST)
    return Interval(float(np.median(found)), float(found[k - 1]), float(found[-k]), n, 1 - missed)


@dataclass(frozen=True, slots=True)
class Paired:
    """The mean effect over pairs, or its ratio, with a 95 % interval.

    p:      two-sided: how often an effect as large arises if a coin is tossed for the sign of each
            pair. This is the sign-flip permutation test, exact up to 20 pairs; the interval holds
            every effect that it does not reject
    spread: standard deviation of the pairs; of their logarithms where the effect is a ratio
    factor: whether the effect is a ratio
    margin: of a ratio: what is tested, too, is whether it lies between 1 / margin and margin
    within: p-value of that: the larger of two one-sided tests (Schuirmann, 1987)
    """

    effect: Interval
    p: float
    spread: float = math.nan
    factor: bool = False
    margin: float | None = None
    within: float = math.nan

    def said(self, digits: int) -> str:
        """The effect as it is printed; equal pairs have no interval, and say so."""
        if self.spread == 0 and self.effect.n > 1:
            return f"{self.effect.centre:.{digits}f} [all equal]"
        return self.effect.said(digits)


def difference(pairs: Sequence[tuple[float, float]], null: float = 0.0) -> Paired:
    """The mean of a - b, tested against `null`."""
    values = [a - b for a, b in pairs]
    return Paired(_mean(values), _sign_flip([v - null for v in values]), _spread(values))


def ratio(
    pairs: Sequence[tuple[float, float]], null: float = 1.0, margin: float | None = None
) -> Paired:
    """The geometric mean of a / b > 0, tested against `null`, and `margin` either way."""
    logs = [math.log(a / b) for a, b in pairs]
    found = _mean(logs)
    effect = Interval(
        math.exp(found.centre), math.exp(found.low), math.exp(found.high), found.n, found.coverage
    )
    p = _sign_flip([value - math.log(null) for value in logs])
    if margin is None:
        return Paired(effect, p, _spread(logs), factor=True)
    bound = math.log(margin)
    within = max(_sign_flip([bound + side * v for v in logs], above=True) for side in (1, -1))
    return Paired(effect, p, _spread(logs), factor=True, margin=margin, within=within)


def share(pairs: Sequence[tuple[float, float]]) -> Interval:
    """The mean of a over the mean of b: which share of b is a.

    The interval holds every s for which the sign-flip test does not reject that a - s·b is 0 in
    the mean. NaN where b may be 0 in the mean.
    """
    return _mean([a for a, _ in pairs], [b for _, b in pairs])


def ratio_of_medians(pairs: Sequence[tuple[float, float]]) -> Interval:
    """median(a) / median(b) with an interval at least 95 % wide; all values above 0.

    It goes from the lowest that median(a) may be over the highest that median(b) may be to the
    reverse. Each lies in an interval of 97.5 %, so that both do in 95 %, related or not.
    """
    a, b = (np.sort(side) for side in zip(*pairs, strict=True))
    n = len(a)
    centre = float(np.median(a) / np.median(b))
    if n < 2:
        return _single([centre])
    k, missed = _rank(n, (1 - LEAST) / 2)
    return Interval(centre, float(a[k - 1] / b[-k]), float(a[-k] / b[k - 1]), n, 1 - 2 * missed)


def holm(ps: Sequence[float]) -> list[float]:
    """The p-values of a family of tests, adjusted (Holm, 1979), in the order given."""
    adjusted, running = [0.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        running = max(running, min(1.0, (len(ps) - rank) * ps[i]))
        adjusted[i] = running
    return adjusted


@cache
def _rank(n: int, missed: float) -> tuple[int, float]:
    """k, at least 1, so that a median is missed at most so often between the k-th smallest and the
    k-th largest of n values; and how often it is."""
    ways, k = 1, 1  # in which fewer than k of n values are below the median
    while (more := ways + math.comb(n, k)) / 2**n < missed / 2:
        ways, k = more, k + 1
    return k, 2 * ways / 2**n


def _single(values: Values) -> Interval:
    """Of one value, or of none."""
    centre = float(values[0]) if len(values) else math.nan
    return Interval(centre, math.nan, math.nan, len(values), 0.0)


def _spread(values: Sequence[float]) -> float:
    """The standard deviation; 0 where all values are equal but for rounding."""
    if len(values) < 2:
        return math.nan
    equal = np.allclose(values, values[0], rtol=1e-12, atol=1e-15)
    return 0.0 if equal else float(np.std(values, ddof=1))


def ways(n: int) -> int:
    """How many ways to flip signs are looked at."""
    return 1 << (n if n <= WHOLE else DRAWN)


def _sums(values: Values) -> np.ndarray[Any, Any]:
    """The sum of the chosen pairs, for every way to choose among them; the first chooses none."""
    values = np.asarray(values, dtype=float)
    if len(values) > WHOLE:
        return np.asarray(_drawn(len(values)) @ values)
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums


@cache
def _drawn(n: int) -> np.ndarray[Any, Any]:
    """0 or 1 for each pair, a row a way: none, some drawn at random, all."""
    drawn = np.random.default_rng(0).integers(0, 2, (2**DRAWN, n)).astype(float)
    drawn[drawn.sum(axis=1) == 0] = 1.0
    drawn[0], drawn[-1] = 0.0, 1.0
    return drawn


def rejected(n: int, level: float) -> int:
    """How many flips on either side the test may count as far out."""
    return int(level * ways(n) / 2 + 1e-9)


def typical(values: Values, over: Values | None = None) -> np.ndarray[Any, Any]:
    """Means over every choice of the pairs but the empty one, or ratios of two means.

    Under the sign-flip test the true mean falls between two neighbours among them as often as
    between any other two (Hartigan, 1969).
    """
    chosen = _how_many(len(values)) if over is None else _sums(over)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(_sums(values)[1:] / chosen[1:])


@cache
def _how_many(n: int) -> np.ndarray[Any, Any]:
    """How many of n pairs each choice takes."""
    return _sums(np.ones(n))


def _mean(values: Sequence[float], over: Sequence[float] | None = None) -> Interval:
    """The mean, or the ratio of two, with the interval that inverts the sign-flip test."""
    n = len(values)
    below = n if over is None else float(np.sum(over))
    if n < 2 or below <= 0:
        return _single([float(np.sum(values)) / below] if below > 0 else [])
    centre = float(np.sum(values)) / below
    k = max(1, rejected(n, 1 - LEAST))
    coverage = 1 - 2 * k / ways(n)
    found = typical(values, over)
    if over is not None:
        # a choice whose sum below is not above 0 bounds no share: it may lie beyond either end
        bounded = _sums(over)[1:] > 0
        k -= int(np.count_nonzero(~bounded))
        found = found[bounded]
        if k < 1:
            return Interval(centre, math.nan, math.nan, n, coverage)
    found = np.partition(found, (k - 1, len(found) - k))
    low, high = float(found[k - 1]), float(found[-k])
    return Interval(centre, min(low, centre), max(high, centre), n, coverage)  # but for rounding


def _sign_flip(values: Sequence[float], above: bool = False) -> float:
    """The p-value, two-sided, or against a mean of 0 or less; 1 for fewer than two pairs."""
    if len(values) < 2:
        return 1.0
    whole = float(np.sum(values))
    sums = 2 * _sums(values) - whole
    if above:
        return float(np.mean(sums >= whole - 1e-12))
    far = abs(whole) * (1 - 1e-12) - 1e-14
    return float(np.mean(np.abs(sums) >= far))
