"""What a record, and a run of the tests, says of where it was made."""

from __future__ import annotations

import gc
import importlib
import os
import platform
import random
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import torch

from harness.measure.environment import describe
from harness.runs.parent import SLOW
from tests.conftest import SEED, pytest_report_header

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout: there is no commit to name")
def test_a_record_names_the_commit_that_is_checked_out() -> None:
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    head = subprocess.run(command, capture_output=True, text=True, check=False)
    if head.returncode:
        pytest.skip(reason="git does not read this checkout")
    assert describe(torch.device("cpu"))["commit"] == head.stdout.strip()


def test_a_run_of_the_tests_says_what_it_runs_on_and_from_which_seed() -> None:
    where, drawn = pytest_report_header()
    for said in (torch.__version__, platform.python_version(), "Python"):
        assert said in where
    assert f"--seed-of-tests {os.environ[SEED]} " in drawn


@pytest.mark.parametrize("case", [1, 2])
def test_a_test_draws_by_its_name_and_the_seed_of_the_run(case: int) -> None:
    name = f"test_environment.py test_a_test_draws_by_its_name_and_the_seed_of_the_run[{case}]"
    seed = zlib.crc32(f"{os.environ[SEED]} {name}".encode())
    assert torch.initial_seed() == seed
    assert random.random() == random.Random(seed).random()


def test_what_workers_are_forked_with_is_set_apart_from_what_is_collected() -> None:
    importlib.import_module(SLOW[0])
    assert gc.isenabled()
    assert gc.get_freeze_count() > 100_000
    assert "torch._dynamo" in sys.modules
