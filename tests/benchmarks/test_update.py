"""One update of every trainer: `pytest tests/benchmarks --benchmark-enable`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.episode import Episode
from harness.registry import Registry
from harness.run import Run
from harness.spec import RunSpec


@pytest.mark.parametrize("trainer", ["bptt", "tbptt(T=4)", "sg(T=4)", "dni(T=4)"])
def test_an_episode_of_eight_timesteps(
    trainer: str, benchmark: BenchmarkFixture, registry: Registry
) -> None:
    run = Run(RunSpec(task="char_lm(length=8)", trainer=trainer), registry)
    supply: Iterator[Episode] = run.episodes()
    loss = benchmark(lambda: run.learn(next(supply)))
    assert 0 < loss < 20
