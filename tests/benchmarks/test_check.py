"""The check on the machine's own clock: it needs an idle one, so `make bench` runs it alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from harness.__main__ import main
from harness.episode import Episode
from harness.regression import speed
from harness.regression.subjects import TRAINERS
from harness.trainers.dni import Dni


def check(*words: str | Path) -> int | str | None:
    with pytest.raises(SystemExit) as stop:
        main(["check", "--only", "speed/dni", *map(str, words)])
    return stop.value.code


def test_a_sleep_of_a_fifth_of_an_update_is_a_regression(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, benchmark: BenchmarkFixture
) -> None:
    if benchmark.disabled:
        pytest.skip(reason="a busy machine cannot tell; make bench does it")
    base, out = tmp_path / "base.json", tmp_path / "report.json"
    assert check("--baseline", base, "--update") == 0
    lap = speed._lap(TRAINERS["dni"])
    benchmark.pedantic(lap, rounds=100, warmup_rounds=10)
    pause = 0.2 * benchmark.stats.stats.q1
    decoupled = Dni.decoupled

    def slow(self: Dni, episode: Episode) -> Iterator[Tensor]:
        for loss in decoupled(self, episode):
            time.sleep(pause)
            yield loss

    monkeypatch.setattr(Dni, "decoupled", slow)
    code = check("--baseline", base, "--format", "json", "--out", out)
    (found,) = json.loads(out.read_text(encoding="utf-8"))["figures"]
    assert (code, found["status"]) == (1, "regression")
