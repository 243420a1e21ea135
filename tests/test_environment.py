"""What a record says of where it was made."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import torch

from harness.measure.environment import describe

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout: there is no commit to name")
def test_a_record_names_the_commit_that_is_checked_out() -> None:
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    head = subprocess.run(command, capture_output=True, text=True, check=False)
    if head.returncode:
        pytest.skip(reason="git does not read this checkout")
    assert describe(torch.device("cpu"))["commit"] == head.stdout.strip()
