"""Statistics of pairs, and the verdicts drawn from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.analysis.verdict import judged
from harness.claim import Finding
from harness.registry import Registry
from harness.spec import RunSpec
from harness.statistics import Paired, difference, holm, interval, ratio, ratio_of_medians
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
    covered = sum(t.effect.low <= 0 <= t.effect.high for t in trials)
    assert covered >= 170  # a percentile bootstrap of 12 is a little narrow


def test_a_null_other_than_none_is_what_is_tested() -> None:
    above = difference([(3.1, 0), (3.2, 0), (3.3, 0), (3.4, 0), (3.5, 0)], null=3)
    assert above.p == pytest.approx(2 / 2**5)
    assert above.effect.centre == pytest.approx(3.3)
    assert ratio([(0.2, 1), (0.05, 1)] * 3, null=0.1).p > 0.5


def test_a_ratio_of_medians_resamples_whole_pairs() -> None:
    found = ratio_of_medians([(2.0, 1.0), (4.0, 2.0), (6.0, 3.0), (8.0, 4.0), (10.0, 5.0)])
    assert (found.centre, found.low, found.high) == (2, 2, 2)


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
    assert "0.60 [0.60, 0.60]" in at_equal_seconds  # none solved is 3, against 5


def test_equal_memory_gives_truncation_the_next_window(registry: Registry) -> None:
    records = [run("dni(T=2)", s, 6, peak=1200) for s in range(10)]
    records += [run("tbptt(T=2)", s, 4, peak=1000) for s in range(10)]
    records += [run("tbptt(T=3)", s, 8, peak=1300) for s in range(10)]
    records += [run("tbptt(T=4)", s, 12, peak=1600) for s in range(10)]
    found = next(x for x in lines("dependency", records, registry) if "equal memory" in x)
    assert found.split()[0] == "contradicted"
    assert "0.75 [0.75, 0.75]" in found


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
    assert "; 4 of 15 runs diverged" in said
    assert "  7 pairs  " in found
    assert found.split()[0] == "undecided"
    assert f"{((3 / 5) ** 4 * (6 / 5) ** 3) ** (1 / 7):.2f} [" in found


def test_runs_of_one_seed_at_several_T_are_one_unit(registry: Registry) -> None:
    records = [run(f"dni(T={T})", s, 8) for s in range(5) for T in (2, 3, 4, 5)]
    records += [run(f"sg(T={T})", s, 4) for s in range(5) for T in (2, 3, 4, 5)]
    (found,) = findings_in("bootstrapping", records, registry)
    assert "  5 pairs  " in found
    assert found.split()[0] == "undecided"


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


def test_where_truncation_solved_no_level_there_is_no_ratio_of_N(registry: Registry) -> None:
    def levels(*truncated: int, diverged: bool = False) -> str:
        records = [run("dni(T=2)", s, 7) for s in range(len(truncated))]
        records += [run("tbptt(T=2)", s, level) for s, level in enumerate(truncated)]
        records[-1].end["status"] = "diverged" if diverged else "complete"
        return next(x for x in lines("dependency", records, registry) if "N 4 against" in x)

    none = levels(*[0] * 6)
    assert "T_task 7 against 3, ratio 2.33 [2.33, 2.33]; N 4 against 0, no ratio" in none
    assert "truncation solved no level, which counts as T_task 3" in none
    # one run of six is enough: there is nothing to divide by
    assert "N 4 against 2, no ratio" in levels(5, 5, 5, 5, 5, 0)
    assert "N 4 against 2, ratio 2.00 [2.00, 2.00]" in levels(*[5] * 6)
    assert "N 4 against 2, no ratio" in levels(*[5] * 6, diverged=True)


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
    assert all(": plain_copy (reset), T=2" in x
               for x in findings_in("dependency", records, registry))  # fmt: skip


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
    assert found[0].endswith("char_lm, T=2")
    assert "headroom at this budget: 0.3000 [0.3000, 0.3000] bits, to tbptt(T=5)" in found[1]
    assert "no headroom at this budget: no longer window scores fewer bits" in found[3]
    assert "headroom unknown: no longer window was run" in found[5]


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
        "tbptt takes 4.00 [4.00, 4.00] × the time at 1.00 [1.00, 1.00] × the FLOPs"
        in (found[at + 2])
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
    found = next(x for x in lines("speed", records, registry) if "fewer seconds than tbptt" in x)
    assert found.split()[:3] == ["contradicted", "2.00", "[2.00,"]
    records[0] = run("dni(T=2)", 0, 0)
    assert not any("fewer seconds than tbptt" in x for x in lines("speed", records, registry))


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
    assert "the true gradient has vanished within a window: plain_copy, T=2" in vanished
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
    assert found.split()[:4] == ["supported", "3.0", "[3.0,", "3.0]"]
    assert "lower bound" not in why


def test_warm_up_and_clipping_are_compared_with_their_controls(registry: Registry) -> None:
    tasks = ("plain_copy", "repeat_copy")
    records = [run("dni(T=3)", s, 6, task=t) for t in tasks for s in range(5)]
    records += [run("dni(T=3, warmup=50)", s, 9, task=t) for t in tasks for s in range(5)]
    records += [run("sg(T=3, scale=0.0, warmup=50)", s, 9, task=t) for t in tasks for s in range(5)]
    records += [run("tbptt(T=3)", s, 4, task=t, clip=c)
                for t in tasks for s in range(5) for c in (1.0, 0.0)]  # fmt: skip
    records += [run("tbptt(T=3)", s, 6, task=t, clip=0.1) for t in tasks for s in range(5)]
    warmed, after = lines("warm_up", records, registry)[1:]
    assert after.split()[0] == "undecided"
    assert "after 50 timesteps of warm-up" in after
    assert warmed.split()[0] == "supported"
    assert "50 timesteps of warm-up" in warmed
    assert "1.50 [1.50, 1.50]" in warmed
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
