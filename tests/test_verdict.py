"""Statistics of pairs, and the verdicts drawn from them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.analysis.verdict import judged
from harness.claim import Finding
from harness.registry import Registry
from harness.spec import RunSpec
from harness.statistics import Paired, difference, holm, interval, ratio
from harness.store import Record


def run(
    trainer: str, seed: int, level: int, *, task: str = "plain_copy", pace: float = 1.0,
    peak: int = 1000, clip: float = 1.0,
) -> Record:  # fmt: skip
    """A run of ten points that solves T_task = `level` at its fifth."""
    spec = RunSpec(task=task, trainer=trainer, seed=seed, timesteps=100, clip=clip)
    record = Record(spec, {"unit": "bits per output bit", "parameters": 1})
    record.curve = [
        {"timesteps": 10 * i, "updates": i, "seconds": pace * i, "flops": 10 * i, "bits": 0.5,
         "t_task": level if i >= 5 else 0, "level_n": max(level - 3, 0) if i >= 5 else 0}
        for i in range(1, 11)
    ]  # fmt: skip
    record.end = {"status": "complete", "activation_bytes": 1, "peak_memory_bytes": peak}
    return record


def lines(claim: str, records: list[Record], registry: Registry) -> list[str]:
    return judged(registry.make("claim", claim), records)


def test_a_sign_flip_test_is_exact_for_few_pairs() -> None:
    found = difference([(2.0, 1.0), (3.0, 1.5), (1.2, 1.0), (4.0, 1.0), (2.5, 2.0)])
    assert found.p == pytest.approx(2 / 2**5)
    assert found.effect.centre == pytest.approx((1 + 1.5 + 0.2 + 3 + 0.5) / 5)
    assert found.effect.low > 0
    assert ratio([(2.0, 1.0)] * 6).p == pytest.approx(2 / 2**6)
    assert ratio([(2.0, 1.0)] * 6).effect.centre == pytest.approx(2)
    assert difference([(1.0, 2.0)]).p == 1  # one pair says nothing


def test_pairs_without_an_effect_are_seldom_significant_and_covered_by_their_interval() -> None:
    rng = np.random.default_rng(5)
    trials = [difference(list(zip(*rng.normal(size=(2, 12)), strict=True))) for _ in range(200)]
    assert 2 <= sum(t.p < 0.05 for t in trials) <= 22  # of 10 expected
    for t in trials:  # the interval excludes what the test rejects, and nothing else
        assert (t.p < 0.05) == (not t.effect.low <= 0 <= t.effect.high)


def test_a_null_other_than_none_is_what_is_tested() -> None:
    above = difference([(3.1, 0), (3.2, 0), (3.3, 0), (3.4, 0), (3.5, 0)], null=3)
    assert above.p == pytest.approx(2 / 2**5)
    assert above.effect.centre == pytest.approx(3.3)
    assert ratio([(0.2, 1), (0.05, 1)] * 3, null=0.1).p > 0.5


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("values", "p", "said"),
    [
        ([1.2, 1.3, 1.4, 1.2, 1.5, 1.3], 0.01, "supported"),
        ([0.2, 0.3, 0.4, 0.2, 0.5, 0.3], 0.01, "contradicted"),
        ([1.2, 1.3, 1.4, 1.2, 1.5, 1.3], 0.06, "undecided"),  # the test does not agree
        ([0.2, 1.3, 1.9, 0.3, 1.5, 0.9], 0.01, "undecided"),  # the interval does not
        ([1.2, 1.3, 1.4, 1.2, 1.5], 0.01, "undecided"),  # too few
    ],
)
def test_a_verdict_needs_pairs_an_interval_and_a_test(
    values: list[float], p: float, said: str
) -> None:
    finding = Finding(
        says="", where="", paired=Paired(interval(values), p), null=1, if_true="above"
    )
    assert finding.verdict(p) == said


def test_methods_are_equivalent_where_no_difference_as_large_as_the_margin_can_be_there() -> None:
    def found(logs: list[float], within: float | None = None) -> str:
        paired = ratio([(math.exp(v), 1.0) for v in logs], margin=1.25)
        finding = Finding(says="", where="", paired=paired, null=1, if_true="above")
        return finding.verdict(paired.p, paired.within if within is None else within)

    near = [0.05, -0.05] * 4
    assert found(near) == "equivalent"
    assert found(near, 0.05) == "undecided"  # adjusted
    assert found([v + 0.2 for v in near]) == "supported"  # a difference is said first
    assert found([v * 8 for v in near]) == "undecided"
    assert found([*near[:4], 0.05], 0.04) == "undecided"  # too few pairs
    assert found(near[:6], 0.04) == "equivalent"
    for sign in (1, -1):  # each side is tested: 1.25 times is 0.22 in logarithms
        assert ratio([(math.exp(sign * (v + 0.3)), 1) for v in near], margin=1.25).within > 0.9


def test_methods_that_differ_by_the_margin_are_seldom_called_equivalent() -> None:
    rng = np.random.default_rng(6)
    for effect in (1.25, 1 / 1.25):
        trials = effect * np.exp(rng.normal(scale=0.1, size=(200, 10)))
        called = sum(ratio([(v, 1) for v in t], margin=1.25).within < 0.05 for t in trials)
        assert 2 <= called <= 22  # of 10 expected


def test_a_margin_is_a_test_of_its_own_among_those_that_p_is_adjusted_for(
    registry: Registry,
) -> None:
    records = [
        run(f"{trainer}(T={T})", seed, level)
        for seed in range(10)
        for T in (2, 3)
        for trainer, level in (("dni", 8), ("sg", 8))
    ]
    found = lines("bootstrapping", records, registry)
    assert [x.split()[0] for x in found if " p " in x] == ["equivalent"] * 2
    assert "p 0.004" in found[1]  # the first of four tests, one-sided: 4 / 2^10
    assert "no difference of 1.25 times or more, either way" in found[2]


def test_every_claim_has_a_letter_of_its_own_and_is_printed_with_its_name(
    registry: Registry,
) -> None:
    claims = {name: registry.make("claim", name) for name in registry.names("claim")}
    assert len({claim.letter for claim in claims.values()}) == len(claims)
    for name, claim in claims.items():
        assert judged(claim, [])[0] == f"{name} ({claim.letter}): {claim.question}"


def test_a_planted_effect_is_found_its_reverse_too_and_none_is_undecided(
    registry: Registry,
) -> None:
    def verdicts(ours: int, theirs: int) -> str:
        records = [run("dni(T=2)", s, ours + s % 2) for s in range(10)]
        records += [run("tbptt(T=2)", s, theirs + s % 2) for s in range(10)]
        return next(
            line
            for line in lines("dependency", records, registry)
            if "truncation at equal T:" in line
        )

    # one T: the family has two lines, at equal T and at equal seconds
    assert verdicts(9, 5).split()[0] == "supported"
    assert verdicts(5, 9).split()[0] == "contradicted"
    assert verdicts(6, 6).split()[0] == "undecided"


def test_equal_seconds_cut_the_slower_run_short(registry: Registry) -> None:
    """At twice the pace dni has made five points when tbptt ends, and solved nothing at four."""
    records = [run("dni(T=2)", s, 9, pace=2.6) for s in range(10)]
    records += [run("tbptt(T=2)", s, 5) for s in range(10)]
    found = lines("dependency", records, registry)
    at_equal_seconds = next(line for line in found if "equal T and seconds" in line)
    assert at_equal_seconds.split()[0] == "contradicted"
    assert "0.60 [all equal]" in at_equal_seconds  # none solved is 3, against 5


def test_equal_memory_gives_truncation_the_next_window(registry: Registry) -> None:
    records = [run("dni(T=2)", s, 6, peak=1200) for s in range(10)]
    records += [run("tbptt(T=2)", s, 4, peak=1000) for s in range(10)]
    records += [run("tbptt(T=3)", s, 8, peak=1300) for s in range(10)]
    records += [run("tbptt(T=4)", s, 12, peak=1600) for s in range(10)]
    found = next(x for x in lines("dependency", records, registry) if "equal memory" in x)
    assert found.split()[0] == "contradicted"
    assert "0.75 [all equal]" in found


def test_full_backpropagation_counts_where_each_method_is_at_its_best(registry: Registry) -> None:
    records = [run("dni(T=2)", s, 6, pace=4) for s in range(10)]
    records += [run("tbptt(T=2)", s, 4) for s in range(10)]
    assert not any("each at the best T" in x for x in lines("dependency", records, registry))
    records += [run("tbptt(T=3)", s, 4) for s in range(10)]
    (ours,) = (x for x in lines("dependency", records, registry) if "each at the best T" in x)
    assert ours.split()[0] == "supported"
    records += [run("bptt", s, 9) for s in range(10)]
    (ours,) = (x for x in lines("dependency", records, registry) if "each at the best T" in x)
    assert ours.split()[0] == "contradicted"


def test_a_diverged_run_has_solved_nothing_and_an_incomplete_one_is_no_pair(
    registry: Registry,
) -> None:
    records = [run("dni(T=2)", s, 6) for s in range(8)] + [
        run("tbptt(T=2)", s, 5) for s in range(8)
    ]
    for record in records[:4]:
        record.end["status"] = "diverged"
    records[7].end = {}
    said, found, *_ = lines("dependency", records, registry)
    assert "; of 15 runs 4 diverged" in said
    assert "  7 pairs  " in found
    assert found.split()[0] == "undecided"
    assert f"{((3 / 5) ** 4 * (6 / 5) ** 3) ** (1 / 7):.2f} [" in found


def test_runs_of_one_seed_at_several_T_are_one_unit(registry: Registry) -> None:
    records = [run(f"dni(T={T})", s, 8) for s in range(5) for T in (2, 3, 4, 5)]
    records += [run(f"sg(T={T})", s, 4) for s in range(5) for T in (2, 3, 4, 5)]
    found = findings_in("speed", records + [run("bptt", s, 8) for s in range(5)], registry)
    assert all("  5 pairs  " in line for line in found)
    assert {line.split()[0] for line in found} == {"undecided"}


def test_bootstrapping_is_judged_by_T_and_told_beyond_what_sg_reaches(registry: Registry) -> None:
    records = [run("dni(T=2)", s, 8) for s in range(10)]
    records += [run("sg(T=2)", s, 4 if s else 5) for s in range(10)]
    records += [run(f"{name}(T=5)", s, 8) for s in range(10) for name in ("dni", "sg")]
    _, two, beyond, five, _, inside = lines("bootstrapping", records, registry)
    assert two.split()[0] == "supported"
    assert two.endswith("T=2")
    assert beyond.strip() == "T_task above 2T = 4: dni in 10 of 10 runs, sg in 1"
    assert five.split()[:4] == ["equivalent", "1.00", "[all", "equal]"]
    assert inside.strip() == "T_task above 2T = 10: dni in 0 of 10 runs, sg in 0"


def test_every_T_has_a_finding_of_its_own_and_all_are_one_family(registry: Registry) -> None:
    """A gain at T = 2 and none at T = 5: their mean would be a gain at every T."""
    records = [run("dni(T=2)", s, 8) for s in range(10)]
    records += [run("tbptt(T=2)", s, 4) for s in range(10)]
    records += [run(f"{name}(T=5)", s, 8) for s in range(10) for name in ("dni", "tbptt")]
    found = findings_in("dependency", records, registry)
    at_two, at_five = [line for line in found if "truncation at equal T:" in line]
    assert at_two.split()[:2] == ["supported", "2.00"]
    assert at_two.endswith("T=2")
    assert at_five.split()[:2] == ["undecided", "1.00"]
    assert at_five.endswith("T=5")
    # of all lines of the claim: two at equal T, two at equal memory, two at equal seconds, the best
    assert len(found) == 7
    assert f"p {7 * 2 / 2**10:.3f}" in at_two


def long_run(trainer: str, seed: int, *levels: int, beyond: int = 0) -> Record:
    """A run that has solved these levels at 10, 20 and 30 % of the budget, and the last to its end.

    beyond: timesteps by which its points lie beyond their marks
    """
    record = run(trainer, seed, levels[-1])
    for i, row in enumerate(record.curve):
        row["timesteps"] += beyond
        row["t_task"] = levels[min(i, len(levels) - 1)]
    return record


def long_lines(registry: Registry, *, beyond: int = 0, whole: int = 20) -> list[str]:
    """dni ends at 8, sg at 6, truncation at 4, a longer window at `whole`."""
    levels = {"dni(T=3)": (0, 6, 8), "sg(T=3)": (0, 6, 6), "tbptt(T=3)": (0, 3, 4)}
    records = [long_run(trainer, s, *solved, beyond=beyond * (trainer[0] == "d"))
               for s in range(10) for trainer, solved in levels.items()]  # fmt: skip
    records += [long_run("tbptt(T=16)", s, whole) for s in range(10)]
    return lines("longer_training", records, registry)


@pytest.mark.parametrize("beyond", [0, 3])
def test_where_training_is_long_the_gap_at_the_end_is_held_against_a_tenth(
    registry: Registry, beyond: int
) -> None:
    """After a tenth none has solved a level; updates that end beyond their mark count for it."""
    found = long_lines(registry, beyond=beyond)
    judged_as = {x.split("claim: ")[1]: x.split() for x in found if " p " in x}
    assert len(judged_as) == 4
    assert {words[0] for words in judged_as.values()} == {"supported"}
    wider = next(words for says, words in judged_as.items() if "more over tbptt" in says)
    assert wider[1] == "2.00"
    text = "".join(found)
    assert "8 against 4, ratio 2.00 [2.00, 2.00]; N 5 against 1, ratio 5.00" in text
    assert "headroom 16.0 [all equal] timesteps of T_task, to tbptt(T=16)" in text
    assert "T_task above 2T = 6: dni in 10 of 10 runs, sg in 0" in text
    assert (
        "after 10% of the timesteps 1.00 [all equal], 30% of the timesteps 2.00 [all equal]"
        in found[3]
    )


def test_a_run_that_diverges_before_a_share_of_the_budget_has_solved_nothing_by_then(
    registry: Registry,
) -> None:
    records = [
        long_run(trainer, s, 0, 4) for s in range(6) for trainer in ("dni(T=3)", "tbptt(T=3)")
    ]
    records[0].end["status"] = "diverged"
    del records[0].curve[:]
    records[0].curve.append({**records[1].curve[0], "timesteps": 2})
    assert (
        "after 10% of the timesteps 1.00 [all equal]"
        in lines("longer_training", records, registry)[3]
    )


def test_where_training_is_long_and_a_longer_window_gains_nothing_no_gain_is_judged(
    registry: Registry,
) -> None:
    found = long_lines(registry, whole=4)
    assert [x.split()[0] for x in found if "over tbptt" not in x and "than tbptt" in x] == [
        "no"
    ] * 2
    assert any(x.split()[0] == "supported" and "than sg" in x for x in found)


def test_where_training_is_long_lambda_returns_are_held_beside_dni_too(registry: Registry) -> None:
    levels = {"dni_lambda(T=3)": (0, 8, 12), "dni(T=3)": (0, 6, 8), "tbptt(T=3)": (0, 4, 4)}
    records = [long_run(t, s, *solved) for s in range(10) for t, solved in levels.items()]
    found = lines("longer_training", records, registry)
    ruled = [line.split()[:2] for line in found if "dni_lambda solves" in line]
    assert ruled == [["supported", "3.00"], ["supported", "1.50"]]


def test_where_training_is_long_text_is_judged_too(registry: Registry) -> None:
    scores = {"dni(T=2)": 1.9, "tbptt(T=2)": 2.0, "tbptt(T=40)": 1.8}
    records = [text(trainer, s, score) for s in range(10) for trainer, score in scores.items()]
    found = lines("longer_training", records, registry)
    assert found[1].split()[:2] == ["supported", "-0.1000"]
    assert "dni wins back 0.50" in found[2]


def test_where_truncation_solved_no_level_there_is_no_ratio_of_N(registry: Registry) -> None:
    def levels(*truncated: int, diverged: bool = False) -> str:
        records = [run("dni(T=2)", s, 7) for s in range(len(truncated))]
        records += [run("tbptt(T=2)", s, level) for s, level in enumerate(truncated)]
        records[-1].end["status"] = "diverged" if diverged else "complete"
        return next(x for x in lines("dependency", records, registry) if "N 4 against" in x)

    none = levels(*[0] * 7)
    assert "T_task 7 against 3, ratio 2.33 [2.33, 2.33]; N 4 against 0, no ratio" in none
    assert "truncation solved no level, which counts as T_task 3" in none
    # one run of seven is enough: there is nothing to divide by
    assert "N 4 against 2, no ratio" in levels(5, 5, 5, 5, 5, 5, 0)
    assert "N 4 against 2, ratio 2.00 [2.00, 2.00]" in levels(*[5] * 7)
    assert "N 4 against 2, no ratio" in levels(*[5] * 7, diverged=True)


def test_an_effect_is_also_told_after_a_part_of_the_budget(registry: Registry) -> None:
    """dni solves its level at the third point of ten, truncation at the fifth."""
    records = [run("dni(T=2)", s, 6) for s in range(8)]
    for record in records:
        for row in record.curve[2:]:
            row["t_task"] = 6
    records += [run("tbptt(T=2)", s, 4) for s in range(8)]
    assert (
        "after 10% of the timesteps 1.00 [all equal], 30% of the timesteps 2.00 [all equal]"
        in lines("dependency", records, registry)[3]
    )


def test_truncation_at_its_best_has_the_seconds_of_the_first_dni_to_end(registry: Registry) -> None:
    """dni ends after 10 seconds at T = 3, 40 at T = 2; truncation solves its level after 15."""
    records = [run("dni(T=2)", s, 6, pace=4) for s in range(10)]
    records += [run("dni(T=3)", s, 6, pace=1) for s in range(10)]
    records += [run(f"tbptt(T={T})", s, 9, pace=3) for s in range(10) for T in (2, 3)]
    found = lines("dependency", records, registry)
    at = next(i for i, line in enumerate(found) if "each at the best T that was run" in line)
    assert found[at].split()[:2] == ["supported", "2.00"]  # none solved is 3, against 6
    assert "dni was run at T=2, 3; truncation at T=2, 3" in found[at + 1]
    records += [run("bptt", s, 9, pace=3) for s in range(10)]
    found = lines("dependency", records, registry)
    assert any("truncation at T=2, 3 and the whole episode" in line for line in found)


def test_a_task_is_named_with_its_protocol_or_its_text(registry: Registry) -> None:
    records = [run(f"{name}(T=2)", s, 5) for s in range(6) for name in ("dni", "tbptt")]
    for record in records:
        record.header["options"] = {"task": {"protocol": "reset"}}
    assert all(": plain_copy (reset), 100 timesteps, T=2" in x
               for x in findings_in("dependency", records, registry))  # fmt: skip


def test_budgets_and_scales_are_named_where_they_differ(registry: Registry) -> None:
    records = [run(f"{name}(T=2)", s, 5, task=t) for s in range(6) for name in ("dni", "sg")
               for t in ("plain_copy", "repeat_copy")]  # fmt: skip
    for record in records:
        scale = 0.5 if record.spec.trainer.startswith("dni") else 1.0
        record.header["options"] = {"task": {"protocol": "stream"}, "trainer": {"scale": scale}}
        if record.spec.task == "repeat_copy":
            record.spec = replace(record.spec, timesteps=1000)
    (found,) = findings_in("bootstrapping", records, registry)
    assert found.endswith(
        ": plain_copy (stream) 100 timesteps, repeat_copy (stream) 1,000 timesteps, "
        "scale of dni 0.5, scale of sg 1, T=2"
    )


def text(trainer: str, seed: int, score: float) -> Record:
    record = run(trainer, seed, 0, task="char_lm")
    for row in record.curve:
        del row["t_task"]
    record.end["test_bits"] = score + seed / 100
    return record


def test_on_text_a_gain_is_set_beside_what_a_longer_window_gains(registry: Registry) -> None:
    records = [text(f"tbptt(T={T})", s, bits) for s in range(6)
               for T, bits in ((2, 2.5), (5, 2.2), (8, 2.3))]  # fmt: skip
    records += [text("dni(T=2)", s, 2.4) for s in range(6)]
    records += [text("dni(T=5)", s, 2.2) for s in range(6)]
    records += [text("dni(T=8)", s, 2.3) for s in range(6)]
    found = lines("dependency", records, registry)[1:]
    assert found[0].split()[:2] == ["undecided", "-0.1000"]  # 3 lines; six pairs cannot decide them
    assert found[0].endswith("char_lm, 100 timesteps, T=2")
    assert (
        "headroom 0.3000 [all equal] bits, to tbptt(T=5); dni wins back 0.33 [0.33, 0.33] of it"
        in (found[1])
    )
    assert found[2].split()[:2] == ["no", "headroom"]
    assert "headroom -0.1000 [all equal] bits, to tbptt(T=8): perhaps there is none" in found[3]
    assert found[4].split()[0] == "undecided"
    assert "headroom unknown: no longer window was run" in found[5]


def headroom_lines(registry: Registry, longer: list[int], task: str = "plain_copy") -> list[str]:
    """At T = 2, dni solves 6, truncation 4; the whole episode something else at each seed."""
    records = [run("dni(T=2)", s, 6) for s in range(len(longer))]
    records += [run("tbptt(T=2)", s, 4) for s in range(len(longer))]
    records += [run("bptt", s, level) for s, level in enumerate(longer)]
    return lines("dependency", records, registry)


def test_on_levels_a_gain_is_a_share_of_what_the_best_longer_window_gains(
    registry: Registry,
) -> None:
    found = headroom_lines(registry, [12, 12, 12, 16, 16, 16, 12, 12, 16, 16])
    assert found[1].split()[0] == "supported"
    assert found[2].strip().startswith("headroom 10.0 [")
    assert "timesteps of T_task, to bptt; dni wins back 0.20 [0.1" in found[2]


def test_where_the_headroom_touches_zero_that_is_the_verdict(registry: Registry) -> None:
    """A longer window that is sometimes worse; the gain itself would be decided."""
    found = headroom_lines(registry, [4, 3, 5, 4, 3, 5, 4, 4, 5, 3])
    assert found[1].split()[:2] == ["no", "headroom"]
    assert found[2].strip() == (
        "headroom 0.0 [-0.6, 0.6] timesteps of T_task, to bptt: perhaps there is none"
    )
    assert headroom_lines(registry, [5] * 10)[1].split()[0] == "supported"
    assert headroom_lines(registry, [4] * 10)[1].split()[:2] == ["no", "headroom"]


def test_headroom_is_to_the_best_window_that_every_pair_has_and_that_is_longer(
    registry: Registry,
) -> None:
    records = [run(f"dni(T={T})", s, 6) for s in range(6) for T in (3, 5)]
    records += [run("tbptt(T=3)", s, 4) for s in range(6)]
    records += [run("tbptt(T=5)", s, 7) for s in range(6)]
    records += [run("tbptt(T=2)", s, 20) for s in range(6)]  # shorter
    records += [run("bptt", s, 20) for s in range(5)]  # one seed lacks it
    found = lines("dependency", records, registry)
    assert (
        found[2].strip().startswith("headroom 3.0 [all equal] timesteps of T_task, to tbptt(T=5)")
    )
    assert "dni wins back 0.67 [0.67, 0.67] of it" in found[2]
    five = next(i for i, x in enumerate(found) if "at equal T:" in x and x.endswith("T=5"))
    assert "headroom unknown" in found[five + 1]


def test_headroom_at_equal_seconds_is_what_is_solved_by_then(registry: Registry) -> None:
    """The whole episode takes four times as long: when the others end, it has solved nothing."""
    records = [run("dni(T=2)", s, 6) for s in range(6)]
    records += [run("tbptt(T=2)", s, 4) for s in range(6)]
    records += [run("bptt", s, 20, pace=4) for s in range(6)]
    found = lines("dependency", records, registry)
    at = next(i for i, x in enumerate(found) if "equal T and seconds" in x)
    assert found[at].split()[:2] == ["no", "headroom"]
    assert "headroom -1.0 [all equal] timesteps of T_task, to bptt" in found[at + 1]
    assert found[1].split()[0] == "undecided"  # six pairs cannot decide two lines


def test_what_short_windows_cost_by_themselves_is_said(registry: Registry) -> None:
    """dni takes 6 times full BPTT's time, tbptt 4 times: of its FLOPs, in pieces."""
    records = [run("bptt", s, 5) for s in range(10)]
    records += [run("tbptt(T=2)", s, 5, pace=4) for s in range(10)]
    records += [run("dni(T=2)", s, 5, pace=6) for s in range(10)]
    found = lines("speed", records, registry)
    at = next(i for i, x in enumerate(found) if "less time than one of full BPTT" in x)
    assert found[at].split()[:2] == ["contradicted", "6.00"]
    assert found[at + 1].split()[:2] == ["T=2", "6.00"]
    assert (
        "tbptt takes 4.00 [all equal] × the time at 1.00 [all equal] × the FLOPs" in (found[at + 2])
    )
    for record in records:
        record.end["engine"] = "compiled"
    assert not any("run eagerly" in x for x in lines("speed", records, registry))


def test_runs_of_different_settings_are_no_pair_and_two_of_one_are_refused(
    registry: Registry,
) -> None:
    ours = [run("dni(T=2)", s, 8) for s in range(10)]
    theirs = [run("tbptt(T=2)", s, 4) for s in range(10)]
    for record in theirs:
        record.spec = replace(record.spec, timesteps=50)
    assert "not tested: no runs recorded" in lines("bootstrapping", ours + theirs, registry)[1]
    assert not any("at equal T:" in x for x in lines("dependency", ours + theirs, registry))
    twice = [run("tbptt(T=2)", 0, 4), run("tbptt(T=2)", 0, 5, clip=0.5)]
    with pytest.raises(ValueError, match="two runs of plain_copy"):
        lines("dependency", ours + twice, registry)


def test_time_to_target_is_to_what_every_run_of_both_reaches(registry: Registry) -> None:
    """The worst run of all stops at level 4, which each solves at its fifth point."""
    records = [run("dni(T=2)", s, 9 if s else 4, pace=2) for s in range(10)]
    records += [run("tbptt(T=2)", s, 5) for s in range(10)]
    easiest = "fewer seconds than tbptt at equal T to the best score that all runs of both"
    found = next(x for x in lines("speed", records, registry) if easiest in x)
    assert found.split()[:3] == ["contradicted", "2.00", "[all"]
    records[0] = run("dni(T=2)", 0, 0)
    assert not any(easiest in x for x in lines("speed", records, registry))


def test_a_target_that_one_method_never_reaches_is_a_win_of_the_other(registry: Registry) -> None:
    """Half of the runs of dni solve 9, after half of the budget; no run of tbptt does."""
    records = [run("dni(T=2)", s, 9 if s < 5 else 6) for s in range(10)]
    records += [run("tbptt(T=2)", s, 5 if s < 6 else 4) for s in range(10)]
    found = lines("speed", records, registry)

    def at(words: str) -> int:
        says = f"dni takes fewer timesteps than tbptt at equal T to the best score that {words}"
        return next(i for i, line in enumerate(found) if says in line)

    assert found[at("all runs of both")].split()[1:4] == ["1.00", "[all", "equal]"]
    each = at("half of the runs of each")  # 5: four runs of tbptt take all their timesteps
    assert found[each].split()[1] == f"{0.5**0.4:.2f}"
    assert "never there, counted with the whole budget: dni 0, tbptt 4, of 10" in found[each + 2]
    either = at("half of the runs of either")  # 9: five of dni, none of tbptt
    assert found[either].split()[1] == f"{0.5**0.5:.2f}"
    assert found[either + 1].strip().startswith("T=2 0.71 [")
    assert "never there, counted with the whole budget: dni 5, tbptt 10, of 10" in found[either + 2]


def test_rivals_in_equal_seconds_are_cut_short_and_engines_kept_apart(
    registry: Registry,
) -> None:
    """A rival of twice dni's T_task, at four times its seconds: none is solved when dni ends."""
    dni = [run("dni(T=3)", s, 6) for s in range(6)]
    rival = [run("behind(T=3)", s, 12, pace=4) for s in range(6)]
    for claim, effect in (("same_seconds", 0.5), ("same_seconds_eager", 0.5),
                          ("same_data", 2), ("same_data_longer", 2)):  # fmt: skip
        (found,) = findings_in(claim, dni + rival, registry)
        assert found.split()[:2] == ["contradicted" if effect < 1 else "supported", f"{effect:.2f}"]
    for record in rival:
        record.end["engine"] = "compiled"
    assert not findings_in("same_seconds", dni + rival, registry)


def test_remedies_are_ranked_beside_dni_at_equal_timesteps(registry: Registry) -> None:
    """A planted gain, its reverse, and none; the three are one family, best first."""
    tasks = ("plain_copy", "repeat_copy")
    reached = {"dni(T=3)": 6, "dni_steady(T=3, replay=8)": 6, "dni_lambda(T=3)": 9,
               "behind(T=3, share=0.5)": 4}  # fmt: skip
    records = [run(trainer, s, level + s % 2, task=t, pace=2)
               for trainer, level in reached.items() for t in tasks for s in range(6)]  # fmt: skip
    found = findings_in("remedies", records, registry)
    assert [line.split()[0] for line in found] == ["supported", "undecided", "contradicted"]
    assert all("12 pairs" in line for line in found)
    assert "dni_lambda(T=3) solves longer dependencies than dni(T=3) at equal timesteps" in found[0]
    assert "behind(T=3, share=0.5) solves longer" in found[2]


def probed(trainer: str, seed: int, **rows: Any) -> Record:
    record = run(trainer, seed, 4)
    record.probes = [{"timesteps": 80, **rows}]
    return record


def findings_in(claim: str, records: list[Record], registry: Registry) -> list[str]:
    """The lines that hold a verdict, without their details."""
    return [line for line in lines(claim, records, registry) if " pairs  " in line]


def test_the_gradient_beyond_is_held_against_a_tenth(registry: Registry) -> None:
    records = [probed("tbptt(T=2)", s, missing_ratio=0.5 + s / 100) for s in range(10)]
    records += [probed("dni(T=2)", s, added_ratio=0.01 + s / 1000) for s in range(10)]
    missing, added = findings_in("negligible", records, registry)
    assert missing.split()[0] == "contradicted"
    assert added.split()[0] == "supported"
    nothing = [probed("tbptt(T=2)", s, missing_ratio=0.5 if s < 3 else 0.0) for s in range(12)]
    (found,) = findings_in("negligible", nothing, registry)
    assert found.split()[0] == "undecided"
    assert "12 pairs" in found


def test_beside_gradients_of_another_protocol_stands_what_was_learned_there(
    registry: Registry,
) -> None:
    def said(protocol: str) -> list[str]:
        records = [probed("tbptt(T=2)", s, missing_ratio=0.5) for s in range(10)]
        records += [probed("dni(T=2)", s, added_ratio=0.01) for s in range(10)]
        for record in records:
            record.header["options"] = {"task": {"protocol": protocol}}
        return lines("negligible", records, registry)

    learned = "in these runs dni solves 1.00 [all equal] × the T_task of tbptt: their gradients do"
    assert sum(learned in line for line in said("reset")) == 2
    assert not any("in these runs" in line for line in said("stream"))


def test_reach_alignment_and_noise_read_the_probes(registry: Registry) -> None:
    def predicting(s: int) -> dict[str, Any]:
        return {
            "added_ratio": 1.0, "added_cosine": 0.2 + s / 100, "reach": [1, 0.5],
            "distances": [0, 1, 2, 3], "distance_cosine": [0.5, 0.4 + s / 100, 0.1, 0.0],
            "distance_norm_ratio": [1.0, 1.0, None, 1.0],
        }  # fmt: skip

    records = [probed("bptt", s, reach=[1, 0.5, 0.3, 0.2, 0.09 + s]) for s in range(10)]
    records += [probed("dni(T=2)", s, **predicting(s)) for s in range(10)]
    records += [probed("tbptt(T=2)", s, reach=[]) for s in range(10)]
    found = lines("reach", records, registry)
    vanished, aligned = findings_in("reach", records, registry)
    assert vanished.split()[0] == "contradicted"
    said = "the true gradient has vanished within a window: plain_copy, 100 timesteps, T=2"
    assert said in vanished
    assert aligned.split()[0] == "supported"
    assert "what dni adds is positively aligned with what is missing" in aligned
    assert "of its norm is left: 2 timesteps back 0.30 [0.30, 0.30], 4 timesteps" in found[3]
    assert sum(" before a scored one" in line for line in found) == 4
    assert lines("noise", records, registry)[1].split()[0] == "supported"


def test_a_gradient_that_outlives_its_episode_gives_a_lower_bound(registry: Registry) -> None:
    def reached(T: int, *norms: float) -> list[str]:
        records = [probed("bptt", s, reach=list(norms)) for s in range(10)]
        records += [probed(f"tbptt(T={T})", s, reach=[]) for s in range(10)]
        return lines("reach", records, registry)

    _, found, why, *_ = reached(2, 1, 0.5, 0.3, 0.2)
    assert found.split()[:3] == ["contradicted", "≥", "4"]
    assert "a lower bound: in 10 of 10 runs it had not fallen so far" in why
    # 4 timesteps are no evidence that it has gone within 6, where the episode ends at 4
    _, found, why, *_ = reached(6, 1, 0.5, 0.3, 0.2)
    assert found.split()[:3] == ["undecided", "≥", "4"]
    _, found, why, *_ = reached(6, 1, 0.5, 0.3, 0.05)
    assert found.split()[:4] == ["supported", "3.0", "[all", "equal]"]
    assert "lower bound" not in why


def test_warm_up_and_clipping_are_compared_with_their_controls(registry: Registry) -> None:
    tasks = ("plain_copy", "repeat_copy")
    records = [run("dni(T=3)", s, 6, task=t) for t in tasks for s in range(5)]
    records += [run("dni(T=3, warmup=50)", s, 9, task=t) for t in tasks for s in range(5)]
    records += [run("sg(T=3, scale=0.0, warmup=50)", s, 9, task=t) for t in tasks for s in range(5)]
    records += [run("tbptt(T=3)", s, 4, task=t, clip=c)
                for t in tasks for s in range(5) for c in (1.0, 0.0)]  # fmt: skip
    records += [run("tbptt(T=3)", s, 6, task=t, clip=0.1) for t in tasks for s in range(5)]
    warmed, after, room = lines("warm_up", records, registry)[1:]
    assert "headroom unknown" in room
    longer = [run("tbptt(T=5)", s, 12, task=t) for t in tasks for s in range(5)]
    room = lines("warm_up", records + longer, registry)[3]
    assert "headroom 3.0 [all equal] timesteps of T_task, to tbptt(T=5); dni wins back" in room
    assert after.split()[0] == "undecided"
    assert "after 50 timesteps of warm-up" in after
    assert warmed.split()[0] == "supported"
    assert "50 timesteps of warm-up" in warmed
    assert "1.50 [all equal]" in warmed
    without, clipped = lines("clipping", records, registry)[1:]
    assert without.split()[0] == "contradicted"
    assert "tbptt without clipping" in without
    assert clipped.split()[0] == "supported"  # all of dni's is more than nine tenths
    assert "tbptt clipped at 0.1 " in clipped


def test_a_claim_without_runs_is_undecided_and_says_what_makes_them(registry: Registry) -> None:
    for name in registry.names("claim"):
        claim = registry.make("claim", name)
        assert claim.suite in registry.names("suite")
        assert f"`sgbench suite {claim.suite}` makes them" in lines(name, [], registry)[1]
