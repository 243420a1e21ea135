"""The same suite on a Ray cluster of two nodes, one of which dies in mid-run."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.executors.ray import _processes, _work
from harness.registry import Registry
from harness.spec import Conditions, RunSpec
from tests.test_survival import hold_equal

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
        with (tmp_path / "said.txt").open("wb") as said:
            suite = subprocess.Popen(
                [sys.executable, "-m", "harness", *COMMAND, "--results", str(tmp_path / "ray"),
                 "--executor", "ray", "--address", cluster.address],
                stdout=said, stderr=said,
            )  # fmt: skip
        first = tmp_path / "said.txt"
        until = time.monotonic() + 240
        while ": complete" not in first.read_text() and suite.poll() is None:
            assert time.monotonic() < until, first.read_text()
            time.sleep(0.1)  # both nodes are at work, and more is to come
        assert suite.poll() is None, first.read_text()
        cluster.remove_node(other, allow_graceful=False)
        assert suite.wait(240) == 0, first.read_text()
    finally:
        if suite:
            suite.kill()
            suite.wait()
        cluster.shutdown()
    with pytest.raises(SystemExit) as ended:
        main([*COMMAND, "--results", str(tmp_path / "local")])
    assert ended.value.code == 0
    hold_equal(tmp_path / "local", tmp_path / "ray")


def test_a_node_has_the_workers_of_its_run() -> None:
    """What a Ray task does, without Ray: on a cluster it was tried by hand, and takes a minute."""
    spec = RunSpec(task="images", trainer="bptt", model="mlp(hidden=4, layers=1)",
                   workers="ddp(processes=2)", batch=10, timesteps=20)  # fmt: skip
    assert _processes(spec, Registry()) == 2, "cores of a node"
    *_, end = _work(asdict(spec), asdict(Conditions()), {}, {})
    assert (end["status"], len(end["wait_seconds"])) == ("complete", 2), end
