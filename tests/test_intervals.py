"""How often intervals hold the truth, in simulated experiments; what they say where they cannot."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from harness.analysis.power import detectable, least_p
from harness.analysis.table import brackets
from harness.statistics import (
    LEAST,
    Interval,
    difference,
    interval,
    ratio,
    ratio_of_medians,
    share,
)

TRIALS = 600
SIZES = (5, 6, 8, 10, 12)
Draw = Callable[[np.random.Generator, int], list[tuple[float, float]]]


def normal(rng: np.random.Generator, n: int) -> list[tuple[float, float]]:
    return list(zip(*rng.normal(size=(2, n)), strict=True))


def skewed(rng: np.random.Generator, n: int) -> list[tuple[float, float]]:
    return list(zip(*rng.exponential(size=(2, n)), strict=True))


def one_sided(rng: np.random.Generator, n: int) -> list[tuple[float, float]]:
    """Differences that are skewed themselves; their mean is 1."""
    return [(v, 0.0) for v in rng.exponential(size=n)]


def bootstrap(pairs: list[tuple[float, float]]) -> Interval:
    """The percentile bootstrap of the mean difference: what was used before."""
    values = np.subtract(*zip(*pairs, strict=True))
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (400, len(values)))].mean(axis=1)
    low, high = np.quantile(means, ((1 - LEAST) / 2, (1 + LEAST) / 2))
    return Interval(float(values.mean()), low, high, len(values))


def median_of_first(pairs: list[tuple[float, float]]) -> Interval:
    return interval([a for a, _ in pairs])


def coverage(
    made: Callable[[list[tuple[float, float]]], Interval], draw: Draw, truth: float, n: int
) -> tuple[float, float]:
    """In what share of experiments an interval holds the truth; what it says of itself."""
    rng = np.random.default_rng(n)
    found = [made(draw(rng, n)) for _ in range(TRIALS)]
    return sum(f.low <= truth <= f.high for f in found) / TRIALS, found[0].coverage


def holds(covered: float, said: float) -> bool:
    """Within three standard errors of the simulation."""
    return abs(covered - said) <= 3 * math.sqrt(said * (1 - said) / TRIALS)


@pytest.mark.parametrize("n", SIZES)
def test_intervals_hold_the_truth_as_often_as_they_say(n: int) -> None:
    for made, draw, truth in (
        (lambda pairs: difference(pairs).effect, normal, 0.0),
        (lambda pairs: difference(pairs).effect, skewed, 0.0),
        (lambda pairs: ratio(pairs).effect, skewed, 1.0),
        (median_of_first, normal, 0.0),
        (median_of_first, skewed, math.log(2)),
    ):
        covered, said = coverage(made, draw, truth, n)
        assert holds(covered, said), (n, covered, said)
        assert (said >= LEAST) == (n >= 6)


@pytest.mark.parametrize("n", [5, 8, 10])
def test_the_percentile_bootstrap_does_not(n: int) -> None:
    covered, said = coverage(bootstrap, normal, 0.0, n)
    assert said == LEAST
    assert not holds(covered, said)
    assert covered < 0.92


@pytest.mark.parametrize("n", [6, 10])
def test_a_share_of_two_means_holds_the_truth_as_often(n: int) -> None:
    """A third of what is to be gained is won back; each pair has its own headroom."""

    def draw(rng: np.random.Generator, n: int) -> list[tuple[float, float]]:
        room = rng.normal(3, 1, n)
        return list(zip(room / 3 + rng.normal(0, 0.5, n), room, strict=True))

    covered, said = coverage(share, draw, 1 / 3, n)
    assert covered >= said - 0.03
    assert holds(*coverage(share, draw, 1 / 3, n)) or covered > said  # wider where b is near 0


def test_a_ratio_of_medians_holds_it_more_often() -> None:
    def draw(rng: np.random.Generator, n: int) -> list[tuple[float, float]]:
        both = rng.normal(10, 1, (2, n)) * rng.normal(1, 0.1, n)
        return list(zip(2 * both[0], both[1], strict=True))

    for n in (7, 9, 10):
        covered, said = coverage(ratio_of_medians, draw, 2.0, n)
        assert covered >= said >= LEAST
    assert ratio_of_medians([(2.0, 1.0)] * 5).coverage == pytest.approx(1 - 4 / 2**5)
    found = ratio_of_medians([(2.0, 1.0), (4.0, 2.0), (6.0, 3.0), (8.0, 4.0), (10.0, 5.0)])
    assert (found.centre, found.low, found.high) == (2, 2 / 5, 10)


def test_the_interval_of_a_median_lies_between_two_values() -> None:
    found = interval([7.0, 1, 9, 3, 5, 8, 2, 6, 4])
    assert (found.centre, found.low, found.high) == (5, 2, 8)
    assert found.coverage == pytest.approx(1 - 2 * 10 / 2**9)  # none, or one, on a side
    assert interval([1.0, 2, 3, 4, 5, 6]).coverage == pytest.approx(1 - 2 / 2**6)


def test_the_interval_of_a_mean_holds_what_its_test_does_not_reject() -> None:
    pairs = [(v, 0.0) for v in (1.0, 0.2, 3.1, 0.7, -0.4, 2.2, 1.9, 0.6)]
    effect = difference(pairs).effect
    step = 1e-6
    assert difference(pairs, effect.low - step).p <= 1 - LEAST < difference(pairs, effect.low).p
    assert difference(pairs, effect.high + step).p <= 1 - LEAST < difference(pairs, effect.high).p


def test_few_values_have_a_range_and_say_what_it_covers() -> None:
    assert interval([3.0, 1.0, 2.0]).said(0) == "2 [1 … 3]"
    assert interval([3.0, 1.0, 2.0]).coverage == 0.75
    assert difference([(v, 0.0) for v in (1.0, 2.0, 3.0, 4.0, 5.0)]).said(0) == "3 [1 … 5]"
    assert difference([(v, 0.0) for v in (1.0, 2.0, 3.0, 4.0, 5.0)]).effect.coverage == 0.9375
    assert interval([1.0, 2, 3, 4, 5, 6]).said(0) == "4 [1, 6]"
    assert interval([4.0]).said(1) == "4.0"
    assert Interval(-0.001, -0.02, 0.001, 9).said(2) == "0.00 [-0.02, 0.00]"
    assert brackets(3, 3) == "range of 3, which covers 75 %"
    assert brackets(1) == ""
    assert brackets(5, 6) == "95 % interval or range of 5, which covers 93.75 %"


def test_equal_pairs_have_no_interval() -> None:
    """Ten pairs without any spread do not tell the effect to the last digit."""
    assert ratio([(1.5, 1.0)] * 10).said(2) == "1.50 [all equal]"
    assert (
        ratio([(3 * v, 2 * v) for v in (0.1, 0.7, 1.1, 1.3, 1.7, 2.3)]).said(2).endswith("equal]")
    )
    assert difference([(1.0, 0.0)] * 9 + [(1.1, 0.0)]).said(2) == "1.01 [1.00, 1.03]"
    assert difference([(1.0, 0.0)]).said(2) == "1.00"


def test_many_pairs_are_flipped_at_random() -> None:
    rng = np.random.default_rng(0)
    pairs = [(v, 0.0) for v in rng.normal(0.5, 1, 40)]
    found = difference(pairs)
    assert found == difference(pairs)
    half = 2.02 * found.spread / math.sqrt(40)
    assert found.effect.low == pytest.approx(found.effect.centre - half, abs=0.05)
    assert found.effect.high == pytest.approx(found.effect.centre + half, abs=0.05)
    assert least_p(40) == 2 / 2**16


def test_a_share_is_unbounded_where_there_may_be_nothing_to_share() -> None:
    assert math.isnan(share([(1.0, v) for v in (-1.0, 1.0, -2.0, 2.0, 1.0, -1.0)]).centre)
    assert math.isnan(share([(1.0, v) for v in (-1.0, 1.0, -2.0, 2.0, 1.0, 1.0)]).low)
    found = share([(1.0, 2.0)] * 6)
    assert (found.centre, found.low, found.high) == (0.5, 0.5, 0.5)
    # one pair of ten without headroom takes the bounds further out, not away
    some = share([(1.0, 2.0)] * 9 + [(1.0, -1.0)])
    assert some.centre == pytest.approx(10 / 17)
    assert 0.5 <= some.low < some.centre < some.high


def test_what_a_test_can_find_grows_with_its_pairs() -> None:
    assert least_p(10) == 2 / 2**10
    assert detectable(5, 0.05) == math.inf
    assert detectable(6, 0.05 / 2) == math.inf
    found = [detectable(n, 0.05) for n in (6, 8, 10, 12)]
    assert found == sorted(found, reverse=True)
    # with 12 pairs the test is nearly as strong as the t-test: 0.89 standard deviations
    assert detectable(12, 0.05) == pytest.approx(0.89, abs=0.08)
    assert detectable(12, 0.05) < detectable(12, 0.01)


def test_what_is_found_in_four_of_five_experiments_is_detectable() -> None:
    rng = np.random.default_rng(3)
    size = detectable(8, 0.05)
    hits = [difference([(v + size, 0.0) for v in rng.normal(size=8)]).p <= 0.05 for _ in range(400)]
    assert np.mean(hits) == pytest.approx(0.8, abs=0.06)
