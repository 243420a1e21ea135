"""The same suite on a Ray cluster of two nodes, one of which dies in mid-run."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.test_survival import read

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'sgbench[ray]'")

COMMAND = [
    sys.executable, "-m", "harness", "run", "plain_copy(bits=2)", "tbptt(T=3)", "dni(T=3)",
    "--model", "lstm(hidden=16)", "--batch", "4", "--timesteps", "9000", "--seeds", "2",
]  # fmt: skip


@pytest.mark.long
def test_a_node_that_dies_takes_no_run_with_it(tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    store = {"object_store_memory": 80_000_000}
    quickly = {
        "health_check_initial_delay_ms": 0, "health_check_period_ms": 300,
        "health_check_timeout_ms": 2000, "health_check_failure_threshold": 3,
    }  # fmt: skip
    head = {"num_cpus": 0, "_system_config": quickly, **store}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        nodes = [cluster.add_node(num_cpus=1, **store) for _ in range(2)]
        with (tmp_path / "said.txt").open("wb") as said:
            suite = subprocess.Popen(
                [*COMMAND, "--results", str(tmp_path / "ray"), "--executor", "ray",
                 "--address", cluster.address],
                stdout=said, stderr=said,
            )  # fmt: skip
        first = tmp_path / "said.txt"
        until = time.monotonic() + 60
        while ": complete" not in first.read_text() and time.monotonic() < until:
            time.sleep(0.1)  # both nodes are at work, and more is to come
        cluster.remove_node(nodes[0], allow_graceful=False)
        assert suite.wait(240) == 0, first.read_text()
    finally:
        cluster.shutdown()
    alone = [*COMMAND, "--results", str(tmp_path / "local")]
    subprocess.run(alone, check=True, capture_output=True)
    for kind in ("table", "curve", "validation"):
        pd.testing.assert_frame_equal(read(tmp_path / "local", kind), read(tmp_path / "ray", kind))
