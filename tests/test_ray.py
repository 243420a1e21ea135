"""The same suite on a Ray cluster of two nodes, one of which dies in mid-run."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.__main__ import main
from tests.forked import begun
from tests.test_survival import ended, hold_equal

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'sgbench[ray]'")

COMMAND = [
    "run", "plain_copy(bits=2)", "tbptt(T=3)", "dni(T=3)",
    "--model", "lstm(hidden=8)", "--batch", "4", "--timesteps", "3000", "--seeds", "2",
]  # fmt: skip


@pytest.mark.long
def test_a_node_that_dies_takes_no_run_with_it(tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    store = {"object_store_memory": 80_000_000}
    quickly = {
        "health_check_initial_delay_ms": 0, "health_check_period_ms": 300,
        "health_check_timeout_ms": 2000, "health_check_failure_threshold": 3,
    }  # fmt: skip
    head = {"num_cpus": 1, "include_dashboard": False, "_system_config": quickly, **store}
    cluster, suite = Cluster(initialize_head=True, head_node_args=head), None
    try:
        other = cluster.add_node(num_cpus=1, **store)
        first = tmp_path / "said.txt"
        first.touch()
        suite = begun(*COMMAND, "--results", str(tmp_path / "ray"), "--executor", "ray",
                      "--address", cluster.address, said=first)  # fmt: skip
        until = time.monotonic() + 240
        while ": complete" not in first.read_text() and suite.exitcode is None:
            assert time.monotonic() < until, first.read_text()
            time.sleep(0.1)  # both nodes are at work, and more is to come
        assert suite.exitcode is None, first.read_text()
        cluster.remove_node(other, allow_graceful=False)
        assert ended(suite) == 0, first.read_text()
    finally:
        if suite:
            suite.kill()
            suite.join()
        cluster.shutdown()
    with pytest.raises(SystemExit) as stop:
        main([*COMMAND, "--results", str(tmp_path / "local")])
    assert stop.value.code == 0
    hold_equal(tmp_path / "local", tmp_path / "ray")
