"""Updates under pytest-benchmark: `make bench`, or `pytest tests/benchmarks --benchmark-enable`.

`--benchmark-autosave` and `--benchmark-compare` set one revision beside another on one machine;
`tests.benchmarks.turns` sets the contestants side by side.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks import contestants
from tests.benchmarks.contestants import SIZES, Size


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("trainer", ["bptt", "tbptt", "sg", "dni", "dni_aux"])
def test_eager(trainer: str, size: Size, benchmark: BenchmarkFixture) -> None:
    benchmark(contestants.harness(trainer, size, "eager"))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("trainer", ["tbptt", "dni"])
@pytest.mark.parametrize("by", ["bare", "compiled"])
def test_others(by: str, trainer: str, size: Size, benchmark: BenchmarkFixture) -> None:
    if by == "compiled" and benchmark.disabled:
        pytest.skip(reason="compiling takes longer than a test may; make bench does")
    run: Callable[[], object] = (
        contestants.bare(trainer, size) if by == "bare" else contestants.harness(trainer, size, by)
    )
    benchmark(run)
