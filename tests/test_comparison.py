"""The table that a suite prints: whose numbers enter it, and what counts as the target."""

from __future__ import annotations

from harness.analysis.comparison import comparison
from harness.spec import RunSpec
from harness.store import Record


def record(
    trainer: str, seed: int, levels: list[int], *, status: str = "complete", pace: float = 1.0
) -> Record:
    """A run of ten points that solves `levels` (T_task), one a point, then stays."""
    spec = RunSpec(task="plain_copy", trainer=trainer, seed=seed, timesteps=100)
    path = levels + [levels[-1]] * (10 - len(levels))
    found = Record(spec, {"unit": "bits per output bit", "parameters": 1})
    found.curve = [
        {"timesteps": 10 * i, "updates": i, "seconds": pace * i, "flops": 10**9 * i, "bits": 0.5,
         "t_task": level, "level_n": 1, "level_r": 1}
        for i, level in enumerate(path, start=1)
    ]  # fmt: skip
    if status != "incomplete":
        found.end = {
            "status": status, "activation_bytes": 5000, "peak_memory_bytes": 6000,
            "test_bits": None,
        }  # fmt: skip
    return found


def cells(printed: str) -> dict[str, list[str]]:
    """Cells by trainer; an interval takes three words."""
    rows = [line.replace(" [", "[").replace(" … ", "…") for line in printed.splitlines()]
    return {row.split()[0]: row.split()[1:] for row in rows if "(T=" in row.split(" ")[0]}


def test_the_target_is_what_the_weakest_trainer_reaches() -> None:
    printed = comparison(
        [record("tbptt(T=2)", seed, [0, 0, 4, 4]) for seed in range(3)]
        + [record("dni(T=2)", seed, [0, 4, 4, 5, 6], pace=2) for seed in range(3)]
    )
    assert "target: T_task 4" in printed
    table = cells(printed)
    #                       seeds, score, updates, seconds, GFLOP, s and GFLOP to target, bytes
    assert table["tbptt(T=2)"] == ["3", "4[4…4]", "10", "10.0[10.0…10.0]", "10", "3", "3", "5", "6"]
    assert table["dni(T=2)"] == ["3", "6[6…6]", "10", "20.0[20.0…20.0]", "10", "4", "2", "5", "6"]


def test_a_target_that_is_not_reached_is_a_dash_and_no_target_is_below_the_first_level() -> None:
    table = cells(comparison([record("tbptt(T=2)", 0, [0]), record("dni(T=2)", 0, [0, 4])]))
    assert table["tbptt(T=2)"][5:7] == ["–", "–"]
    assert table["dni(T=2)"][5:7] == ["2", "2"]


def test_runs_that_did_not_complete_are_counted_and_left_out() -> None:
    printed = comparison(
        [
            record("tbptt(T=2)", 0, [4]),
            record("tbptt(T=2)", 1, [9], status="diverged"),
            record("tbptt(T=2)", 2, [9], status="failed"),
            record("tbptt(T=2)", 3, [9], status="incomplete"),
            record("dni(T=2)", 0, [9], status="failed"),
        ]
    )
    assert "tbptt(T=2)  1 of 4      4" in printed
    assert "dni(T=2)    0 of 1      –" in printed
    assert "9" not in printed.split("peak kB")[1]


def test_nothing_completed_is_said_not_raised() -> None:
    assert "0 of 1" in comparison([record("dni(T=2)", 0, [4], status="failed")])


def test_a_run_that_differs_in_its_probes_alone_is_no_second_seed() -> None:
    from dataclasses import replace

    plain, probed = record("dni(T=2)", 0, [4]), record("dni(T=2)", 0, [4])
    probed.spec = replace(probed.spec, probe=50)
    assert cells(comparison([plain, probed]))["dni(T=2)"][0] == "1"
