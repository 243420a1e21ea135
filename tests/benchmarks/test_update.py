"""Updates under pytest-benchmark: `make bench`, or `pytest tests/benchmarks --benchmark-enable`.

`--benchmark-autosave` and `--benchmark-compare` set one revision beside another on one machine;
`tests.benchmarks.turns` sets the contestants side by side.
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks import contestants
from tests.benchmarks.contestants import SIZES, TRAINERS, Size


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize("by", ["bare", "eager", "compiled"])
def test_update(by: str, trainer: str, size: Size, benchmark: BenchmarkFixture) -> None:
    if by == "compiled" and benchmark.disabled:
        pytest.skip(reason="compiling takes longer than a test may; make bench does")
    episode = contestants.data(size)
    run = contestants.run_of(trainer, size, "eager" if by == "bare" else by)
    make = contestants.bare if by == "bare" else contestants.harness
    contestant = make(run, episode)
    if by == "compiled":
        contestant()  # built here, untimed
    benchmark(contestant)
