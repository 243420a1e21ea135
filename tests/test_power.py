"""What a claim's tests can decide, by hand."""

from __future__ import annotations

import math

import pytest

from harness.analysis.power import CANNOT, decides, detectable, power, smallest
from harness.claim import Finding
from harness.registry import Registry
from harness.statistics import Interval, Paired, difference
from tests.test_verdict import run


def test_pairs_and_tests_of_the_claim_set_the_smallest_p(registry: Registry) -> None:
    """Three tests, at equal T, memory and seconds: 2 / 2^n each, three times the smallest."""

    def asked(seeds: int) -> list[str]:
        records = [run("dni(T=2)", s, 6 + s % 2) for s in range(seeds)]
        records += [run("tbptt(T=2)", s, 4) for s in range(seeds)]
        return power(registry.make("claim", "dependency"), records)

    head, *six = asked(6)
    assert head == "dependency (b): Does it learn longer dependencies?"
    assert [line.split()[:2] for line in six] == [["cannot", "decide"]] * 3
    assert all(
        f"least p {6 / 2**6:.3f}" in line and "  –  claim: dni solves" in line for line in six
    )
    _, *seven = asked(7)
    assert [line.split()[:2] for line in seven] == [["can", "decide"]] * 3
    assert all(f"least p {6 / 2**7:.3f}" in line for line in seven)


def finding(paired: Paired, null: float) -> Finding:
    return Finding(says="", where="", paired=paired, null=null, unit="× T_task", if_true="above")


def test_the_smallest_effect_is_the_detectable_one_in_the_recorded_spread() -> None:
    effect = Interval(1.2, 1.0, 1.4, 10)
    size = detectable(10, 0.05 / 4)
    spread = 0.2
    low, high = math.exp(-size * spread), math.exp(size * spread)
    told = smallest(finding(Paired(effect, 0.1, spread, factor=True), 1), 4)
    assert told == f"below {low:.2f} or above {high:.2f} × T_task"
    told = smallest(finding(Paired(effect, 0.1, spread), 3), 4)
    assert told == f"below {3 - size * spread:.2f} or above {3 + size * spread:.2f} × T_task"
    equal = difference([(2.0, 1.0)] * 10)
    assert smallest(finding(equal, 0), 4) == "all pairs equal: no spread to go by"


@pytest.mark.parametrize(("pairs", "least", "can"), [(6, 0.049, True), (6, 0.05, False),
                                                     (5, 0.01, False)])  # fmt: skip
def test_fewer_than_six_pairs_or_a_large_p_cannot(pairs: int, least: float, can: bool) -> None:
    assert decides(finding(Paired(Interval(1, 1, 1, pairs), 1.0, 0.1), 1), least) is can
    assert CANNOT == "cannot decide"


def test_a_claim_without_runs_says_what_makes_them(registry: Registry) -> None:
    assert "`sgbench suite table1_desk` makes them" in power(
        registry.make("claim", "dependency"), []
    )[1]  # fmt: skip


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    from harness.__main__ import main
    from tests.printed import RESULTS

    with pytest.raises(SystemExit) as stop:
        main(["verdict", "clipping", "--power", "--results", str(RESULTS)])
    assert stop.value.code == 0
    head, *rest = capsys.readouterr().out.splitlines()
    assert head.startswith("clipping (g): ")
    assert len(rest) == 2
    assert all(line.split()[:4] == ["can", "decide", "8", "pairs"] for line in rest)
