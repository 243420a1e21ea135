"""Every number in the findings, worked out again from the records."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial
from itertools import starmap
from statistics import fmean, median
from typing import cast

import pandas as pd
import pytest

from harness.analysis.layers import POINTS, is_call, layers
from harness.analysis.pairs import (
    NONE_SOLVED,
    Pair,
    levelled,
    name,
    of,
    pairs,
    seconds,
    span,
    spans,
    spans_at_equal_seconds,
    task,
    tuned,
    units,
)
from harness.analysis.scoring import cost_to, first
from harness.analysis.sharing import examples_per_second, is_way
from harness.analysis.table import memory
from harness.analysis.verdict import adjusted
from harness.claim import Finding
from harness.claims._rivals import called
from harness.names.call import Call, canonical
from harness.registry import Registry
from harness.simulation import predictions
from harness.simulation.costs import Link
from harness.spec import RunSpec
from harness.statistics import difference, interval, ratio, ratio_of_medians
from harness.store import Record
from harness.suites import claims, controls, depth, long_controls, long_tuning, table1_long
from harness.suites.backward_cost import MULTIPLES
from harness.suites.workers import (
    ALONE,
    BATCH,
    DDP,
    DECOUPLED,
    GOAL,
    GPIPE,
    ONE_F_ONE_B,
    UNCONNECTED,
    UNLOCKED,
    Way,
)
from plots.workers import DEAR
from tests.printed import RESULTS, records
from tests.test_docs import PAGES
from tests.test_intervals import Draw, bootstrap, coverage, normal, one_sided

COPY = "plain_copy(bits=4)"
LONGER = "dni solves longer dependencies than truncation at"


@cache
def findings(claim: str) -> list[Finding]:
    made = Registry().make("claim", claim)
    ended = [record for record in records(made.suite) if record.finished]
    return cast(list[Finding], made.findings(ended))


def found(claim: str, says: str, where: str = "") -> Finding:
    """The only finding that says so of there."""
    (one,) = (f for f in findings(claim) if says in f.says and where in f.where)
    return one


def effect(claim: str, says: str, where: str = "", digits: int = 2) -> str:
    return f"{found(claim, says, where).paired.effect.centre:.{digits}f}"


def by_T(at: str, windows: Iterable[int], claim: str = "dependency") -> list[str]:
    """The gain of dni at each T."""
    says = f"{LONGER} {at}"
    return [
        f"{f.paired.effect.centre:.2f}"
        for T in windows
        for f in findings(claim)
        if f.says == says and f.where.endswith(f"T={T}")
    ]


AVERAGED = "dni_control(T=3, rows='averaged')"


def controlled(theirs: str, where: str = "", ours: str = "dni(T=3)") -> str:
    """T_task of ours over theirs in the controls."""
    one = [
        f for f in findings("controls")
        if f.says == f"{ours} solves longer dependencies than {theirs}" and where in f.where
    ]  # fmt: skip
    return f"{one[0].paired.effect.centre:.2f}"


def on_stream() -> str:
    """Of dni over truncation at T = 3, at the budget of the controls."""
    return controlled("tbptt(T=3)", "(stream), 20")


def by_window() -> list[str]:
    """Of dni over truncation, at the budgets of Table 1."""
    return [controlled(f"tbptt(T={T})", "50,", f"dni(T={T})") for T in controls.LONGER]


def budgets(folder: str) -> str:
    """Timesteps of training of dni(T=3) on copy and on repeat copy; one number where equal."""
    specs = [r.spec for r in records(folder) if is_call("dni(T=3)")(r)]
    both = [
        max(spec.timesteps for spec in specs if spec.task.startswith(task))
        for task in ("plain_copy", "repeat_copy")
    ]
    return listed(f"{timesteps:,}" for timesteps in dict.fromkeys(both))


ONE_BIT = "plain_copy(bits=1)"


def published(trainer: str) -> list[list[Record]]:
    """Runs on copy towards the paper's settings, setting by setting."""
    ended = {r.spec: r for r in records("controls")}
    specs = [spec for spec in controls.published() if spec.trainer == f"{trainer}(T=3)"]
    kinds = len(controls.PUBLISHED)
    return [[ended[spec] for spec in specs[k::kinds]] for k in range(1, kinds)]


def towards_the_paper(trainer: str) -> list[str]:
    """Median T_task of each setting but the one whose runs collapse."""
    settings = [runs for runs in published(trainer) if runs[0].spec.task != ONE_BIT]
    assert all(r.status == "complete" for runs in settings for r in runs)
    return [f"{median(map(span, runs)):g}" for runs in settings]


def of_one_bit(trainer: str) -> tuple[str, str]:
    """How many of the runs with symbols of one bit collapse; T_task solved, in the median."""
    (runs,) = (runs for runs in published(trainer) if runs[0].spec.task == ONE_BIT)
    collapsed = sum(r.status == "collapsed" for r in runs)
    return f"{collapsed} of {len(runs)}", f"{median(r.curve[-1]['t_task'] for r in runs):g}"


def at_the_end(trainer: str, protocol: str) -> str:
    """Median T_task on copy and on repeat copy."""
    runs = [r for r in records("controls") if r.spec.trainer == f"{trainer}(T=3)"
            and f"protocol={protocol!r}" in r.spec.task]  # fmt: skip
    return listed(
        f"{median(span(r) for r in runs if r.spec.task.startswith(task)):g}"
        for task in ("plain_copy", "repeat_copy")
    )


def wrong_and_collapsed() -> str:
    runs = [r for r in records("controls") if name(r) == "dni_control"]
    return f"{sum(r.status == 'collapsed' for r in runs)} of {len(runs)}"


def listed(values: Iterable[str]) -> str:
    *most, last = values
    return f"{', '.join(most)} and {last}" if most else last


def more_bits(T: int, digits: int) -> str:
    found_there = found("dependency", "dni scores fewer bits", f"T={T}").paired.effect.centre
    assert found_there > 0
    return f"{found_there:.{digits}f}"


def flops_over_dni(other: str) -> str:
    """Of a timestep, at equal T."""

    def each(a: Record, b: Record) -> tuple[float, float]:
        x, y = (r.curve[-1]["flops"] / r.curve[-1]["timesteps"] for r in (a, b))
        return float(x), float(y)

    beside = pairs(tuned(records("table1_desk")), of(other), of("dni"), lambda r: r.spec.T)
    return f"{ratio(units(beside, each, 'geometric')).effect.centre:.2f}"


BITS = "dni scores fewer bits than tbptt at equal T"


def at_T(says: str, T: int) -> Finding:
    """The finding on longer dependencies that says just so."""
    (one,) = (f for f in findings("dependency") if f.says == says and f.where.endswith(f"T={T}"))
    return one


def room(says: str, T: int) -> tuple[str, str]:
    """The headroom beside a finding, and the share of it that dni wins back."""
    said = at_T(says, T).details[0]
    number = re.match(r"headroom (\d+\.\d+) \[.*dni wins back (\d\.\d+) \[", said)
    assert number, said
    return number[1], number[2]


def headroom(T: int, digits: int) -> str:
    return f"{float(room(BITS, T)[0]):.{digits}f}"


def wins_bits(windows: Iterable[int]) -> list[str]:
    return [room(BITS, T)[1] for T in windows]


def levels_short(windows: Iterable[int]) -> list[str]:
    """Timesteps of T_task that truncation lacks to full BPTT, by T."""
    return [room(f"{LONGER} equal T", T)[0] for T in windows]


def wins(windows: Iterable[int]) -> list[str]:
    return [room(f"{LONGER} equal T", T)[1] for T in windows]


def early(windows: Iterable[int]) -> list[str]:
    """The gain after a tenth of the budget."""
    said = [at_T(f"{LONGER} equal T", T).details[1] for T in windows]
    return [line.removeprefix("after 10% of the timesteps ").partition(" ")[0] for line in said]


def trained_long(ours: str, theirs: str, T: int) -> Finding:
    """On the copy tasks, in the suite of the longest training."""
    says = f"{ours} solves longer dependencies than {theirs} at equal T"
    (one,) = (
        f for f in findings("longer_training") if f.says == says and f.where.endswith(f"T={T}")
    )
    return one


LONG = (2, 3, 4, 5, 8)
"""The windows of the longest training."""


def long_gains(ours: str, theirs: str, windows: Iterable[int] = LONG) -> str:
    found_there = [trained_long(ours, theirs, T) for T in windows]
    return listed(f"{f.paired.effect.centre:.2f}" for f in found_there)


def long_detail(ours: str, theirs: str, T: int, pattern: str) -> tuple[str, ...]:
    """What is said below that finding, by a pattern with groups."""
    found_there = re.search(pattern, "\n".join(trained_long(ours, theirs, T).details))
    assert found_there, pattern
    return found_there.groups()


def long_early(share: int, windows: Iterable[int] = LONG) -> str:
    """The gain of dni over truncation after a share of the budget, in per cent."""
    pattern = rf"{share}% of the timesteps (\S+) "
    return listed(long_detail("dni", "tbptt", T, pattern)[0] for T in windows)


def long_rooms() -> tuple[str, str]:
    """Headroom to T = 16 in timesteps of T_task, and the share that dni wins back, by T."""
    pattern = r"headroom (\S+) .* tbptt\(T=16\); dni wins back (\S+) "
    rooms, shares = zip(*(long_detail("dni", "tbptt", T, pattern) for T in LONG[:4]), strict=True)
    return listed(rooms), listed(shares)


def long_symbols(ours: str, theirs: str, task: str = "plain_copy") -> tuple[str, ...]:
    """Of a task at T = 3: N of both, the ratio of medians and its interval."""
    return long_detail(ours, theirs, 3, rf"{task}.*N (\S+) against (\S+), ratio (\d\.\d+ \[.*?\])")


def long_copies(trainer: str, T: int) -> list[Record]:
    """The runs of a method on copy."""
    return [r for r in records("table1_long")
            if r.spec.task == COPY and name(r) == trainer and r.spec.T == T]  # fmt: skip


def long_flops(ours: str, theirs: str) -> str:
    """FLOPs of one method over those of another, for the same data of copy at T = 3."""
    mine, its = (
        median(r.curve[-1]["flops"] for r in long_copies(trainer, 3)) for trainer in (ours, theirs)
    )
    return f"{mine / its:.2f}"


def in_memory(trainer: str, T: int) -> tuple[str, str]:
    """T_task and peak kB where training is long, on copy and on repeat copy."""
    both = [[r for r in records("table1_long") if r.spec.task == task and name(r) == trainer
             and r.spec.T == T] for task in (COPY, table1_long.REPEAT)]  # fmt: skip
    return (
        listed(f"{median(map(span, runs)):g}" for runs in both),
        listed(f"{median(map(memory, runs)) / 1000:,.0f}" for runs in both) + " kB",
    )


def slower(T: int) -> dict[int, Record]:
    """Runs of truncation on copy at a smaller rate than its own, by seed."""
    specs = [spec for spec in long_controls.slower() if f"T={T}" in spec.trainer]
    found = {r.spec.seed: r for r in records("long_controls") if r.spec in specs}
    assert len(found) == 10
    return found


def at_smaller_rates() -> list[str]:
    """T_task of truncation on copy at T = 4 and 5, in the median: the same as at its own rate."""
    middles = [f"{median(map(span, slower(T).values())):g}" for T in (4, 5)]
    own = [f"{median(map(span, long_copies('tbptt', T)[:10])):g}" for T in (4, 5)]
    assert middles == own
    return middles


def over_truncation_on_copy() -> list[str]:
    """T_task of dni over that of truncation at T = 3, at the smaller rate and at its own."""
    found = []
    for theirs in (slower(3).values(), long_copies("tbptt", 3)):
        beside = pairs([*long_copies("dni", 3), *theirs], of("dni"), of("tbptt"), lambda r: None)
        assert len(beside) == 10
        found.append(f"{ratio(units(beside, spans, 'geometric')).effect.centre:.2f}")
    return found


def border() -> str:
    """The lowest and highest bits at which truncation at T = 5 ends on copy."""
    ends = [r.curve[-1]["bits"] for r in long_copies("tbptt", 5)]
    assert len(ends) == 10
    return f"{min(ends):.2f} to {max(ends):.2f}"


def beside_sg() -> list[str]:
    """Median T_task of dni and of sg at T = 2 and at T = 4, on repeat copy and then on copy."""
    pattern = "{}.*: T_task (\\S+) against (\\S+), "
    return [
        level
        for task in ("repeat_copy", "plain_copy")
        for T in (2, 4)
        for level in long_detail("dni", "sg", T, pattern.format(task))
    ]


def trials_of_sg_at_8() -> list[str]:
    """Scores on copy at T = 8, at rates 0.01 and 0.003."""
    trials = best_trials()[COPY, "sg", 8]
    return [f"{trials['sg(T=8, scale=0.8)', lr, 1.0]:.2f}" for lr in (1e-2, 3e-3)]


def at_the_smaller_rate() -> tuple[str, ...]:
    """Of truncation on copy at T = 3 and 1e-4: seeds at T_task 5; N of λ-returns over its; N."""
    slow = slower(3)
    symbols = [(float(r.curve[-1]["level_n"]), float(slow[r.spec.seed].curve[-1]["level_n"]))
               for r in long_copies("dni_lambda", 3)]  # fmt: skip
    solved_5 = sum(span(r) == 5 for r in slow.values())
    middle = f"{median(n for _, n in symbols):g}"
    return f"{solved_5} of {len(slow)}", ratio_of_medians(symbols).said(2), middle


def at_the_steeper_rate() -> tuple[str, ...]:
    """T_task of sg on repeat copy at T = 8, lowest and highest: at 0.03, and at its own rate."""
    steep = [r for r in records("long_controls") if r.spec in long_controls.steeper()]
    own = [r for r in records("table1_long") if name(r) == "sg" and r.spec.T == 8]
    found = [[span(r) for r in runs if r.spec.task != COPY] for runs in (steep, own)]
    assert [len(each) for each in found] == [10, 10]
    return tuple(f"{level(each)}" for each in found for level in (min, max))


def on_text(T: int) -> Finding:
    """dni beside truncation, in the suite of the longest training."""
    (one,) = (
        f for f in findings("longer_training") if f.says == BITS and f.where.endswith(f"T={T}")
    )
    return one


def long_text(T: int) -> tuple[Finding, str, str]:
    """Of dni on text; what a window of 8 gains in bits, and the share that dni wins back."""
    one = on_text(T)
    pattern = r"headroom (\S+) .* tbptt\(T=8\); dni wins back (\S+) \["
    (said,) = one.details
    room = re.match(pattern, said)
    assert room, said
    return one, room[1], room[2]


def long_bits(T: int, digits: int) -> str:
    """By how much dni differs from truncation on text."""
    return f"{abs(on_text(T).paired.effect.centre):.{digits}f}"


def where_long(says: str, where: str = "") -> str:
    """What of long training depends on a setting: an effect among those of one thing changed."""
    return effect("long_controls", says, where)


def untrained() -> list[str]:
    """T_task on copy and on repeat copy where the read-out alone learns: the same at every seed."""
    wide = long_controls.untrained_wide()
    runs = [r for r in records("long_controls") if r.spec.trainer == "reservoir(T=3)"]
    runs = [r for r in runs if r.spec not in wide]
    assert {r.spec.lr for r in runs} == set(long_controls.READ_OUTS)
    assert len(runs) == 12 * len(long_controls.READ_OUTS)
    at = {rate: [span(r) for r in runs if r.spec.lr == rate] for rate in long_controls.READ_OUTS}
    assert max(at, key=lambda rate: median(at[rate])) == long_controls.READ_OUT
    best = [r for r in runs if r.spec.lr == long_controls.READ_OUT]
    found = [{span(r) for r in best if r.spec.task == task} for task in (COPY, table1_long.REPEAT)]
    assert [len(each) for each in found] == [1, 1]
    return [f"{each:g}" for (each,) in found]


def untrained_wide() -> str:
    """T_task on copy of an untrained LSTM of 256: the same at every seed and rate."""
    ended = {r.spec: span(r) for r in records("long_controls")}
    (found,) = {ended[spec] for spec in long_controls.untrained_wide()}
    return f"{found:g}"


def at_the_papers_rate() -> list[str]:
    """T_task of truncation on copy, in the median: unchanged, then a change at a time."""
    ended = {r.spec: span(r) for r in records("long_controls")}
    specs, kinds = long_controls.published(), len(long_controls.PUBLISHED)
    return [f"{median(ended[spec] for spec in specs[k::kinds]):g}" for k in range(kinds)]


def at_the_papers_width() -> list[str]:
    """Symbols that truncation and `dni` copy with LSTM 256, in the median."""
    of_copy = [ends(long_controls.widest(), method, COPY) for method in long_controls.METHODS]
    return [f"{median(each) - 3:g}" for each in of_copy]


def all_at_once() -> str:
    """T_task of truncation on copy with all of the paper's differing settings, seed by seed."""
    ended = {r.spec: span(r) for r in records("long_controls")}
    return listed(str(ended[spec]) for spec in long_controls.published_together())


def for_the_papers_updates() -> list[int]:
    """T_task of truncation on copy at the paper's rate, at every seed: of four bits, and of one."""
    recorded = {r.spec: r for r in records("long_controls")}
    *wide, narrow = (span(recorded[spec]) for spec in long_controls.published_updates())
    (one,) = set(wide)
    return [one, narrow]


def since_when() -> int:
    """Updates after which those runs solved as much as at their end, to the nearest 10,000."""
    recorded = {r.spec: r for r in records("long_controls")}
    runs = [recorded[spec] for spec in long_controls.published_updates()]
    first = [next(x["updates"] for x in r.curve if x["t_task"] == span(r)) for r in runs]
    return round(max(first), -4)


def far() -> list[str]:
    """By how much cosines are less where a window lies between, of dni and of sg."""
    return [effect("noise", f"loss {name} predicts", digits=3) for name in ("dni", "sg")]


def updates_early(share: int) -> str:
    """dni over truncation after a share of the most updates, in per cent."""
    said = found("long_controls", "than tbptt", "1,500,000").details[0]
    one = re.search(rf"{share}% of the timesteps (\S+) ", said)
    assert one, said
    return one[1]


WARM_UPS = [f"{W:,}" for W in long_controls.WARM_UPS]


def after_warm_up(task: str) -> str:
    """Median T_task at the end of the shorter warm-up."""
    W = long_controls.WARM_UPS[0]
    runs = [r for r in records("long_controls")
            if f"warmup={W})" in r.spec.trainer and r.spec.task.startswith(task)]  # fmt: skip
    return f"{median(next(x['t_task'] for x in r.curve if x['timesteps'] >= W) for r in runs):g}"


def forgotten(W: str) -> str:
    """Of the runs after such a warm-up, how many end near chance."""
    said = found("long_controls", f"warm-up of {W} timesteps").details[0]
    return " of ".join(re.findall(r"\d+", said)[:2])


def collapsed_after(W: str) -> str:
    """Of the runs after such a warm-up, how many collapse."""
    specs = long_controls.warmed(int(W.replace(",", "")))
    ended = {r.spec: r.status for r in records("long_controls")}
    return f"{sum(ended[spec] == 'collapsed' for spec in specs)} of {len(specs)}"


def at_the_larger_rate() -> str:
    """The level at which every run of truncation at T = 3 ends there."""
    (level,) = {
        span(r) for r in records("long_controls")
        if r.spec.trainer == "tbptt(T=3)" and r.spec.lr == long_controls.LARGER
    }  # fmt: skip
    return f"{level}"


def over_the_larger_rate() -> str:
    """dni over truncation at a rate that is not truncation's."""
    return of_dni([*long_controls.faster(), *long_controls.unchanged("dni")])


def of_dni(specs: Iterable[RunSpec]) -> str:
    """dni over truncation in some runs of `long_controls`, six seeds of both tasks."""
    kept = set(specs)
    runs = [r for r in records("long_controls") if r.spec in kept]
    beside = pairs(runs, of("dni"), of("tbptt"), lambda r: None)
    assert len(beside) == 12
    return f"{ratio(units(beside, spans, 'geometric')).effect.centre:.2f}"


def five_solved() -> tuple[int, int, int]:
    """Seeds of truncation at T = 3 on copy, those that solve T_task 5, and within 50,000."""
    runs = [r for r in records("table1_long")
            if r.spec.trainer == "tbptt(T=3)" and r.spec.task == COPY]  # fmt: skip
    firsts = [next((x["timesteps"] for x in r.curve if x["t_task"] >= 5), math.inf) for r in runs]
    return len(runs), sum(map(math.isfinite, firsts)), sum(t <= 50_000 for t in firsts)


def collapsed_long() -> list[str]:
    """Methods whose runs of the copy tasks collapsed, run by run."""
    broke = [r.spec.trainer for r in records("table1_long") if r.status == "collapsed"]
    return sorted(trainer.replace(", scale=0.8", "") for trainer in broke)


def as_they_had_solved(T: int, specs: Iterable[RunSpec] = ()) -> str:
    """The gain of dni with collapsed runs at the level that they had solved.

    specs: runs of `long_controls`, instead of those of `table1_long`
    """
    kept = set(specs)
    runs = [
        r for r in records("long_controls" if kept else "table1_long")
        if levelled(r) and (not kept or r.spec in kept)
    ]  # fmt: skip
    beside = pairs(runs, of("dni", T=T, scale=0.8), of("tbptt", T=T), lambda r: None)
    assert len(beside) == (len(kept) / 2 or {4: 40, 5: 20}[T])

    def levels(a: Record, b: Record) -> tuple[float, float]:
        return (max(a.curve[-1]["t_task"], NONE_SOLVED), max(b.curve[-1]["t_task"], NONE_SOLVED))

    return f"{ratio(units(beside, levels, 'geometric')).effect.centre:.2f}"


def collapsed_of(method: str, specs: Iterable[RunSpec]) -> int:
    """How many runs of a method collapsed, of these of `long_controls`."""
    kept = set(specs)
    runs = [r for r in records("long_controls") if r.spec in kept and name(r) == method]
    return sum(r.status == "collapsed" for r in runs)


def ends(specs: Iterable[RunSpec], method: str, task: str) -> list[int]:
    """T_task at the end of a method's runs of one task, of these of `long_controls`."""
    kept = {spec for spec in specs if spec.task == task}
    return [span(r) for r in records("long_controls") if r.spec in kept and name(r) == method]


def in_the_median(specs: list[RunSpec]) -> list[str]:
    """T_task of truncation on copy and on repeat copy, then of dni."""
    tasks = (COPY, table1_long.REPEAT)
    found = [ends(specs, method, task) for method in ("tbptt", "dni") for task in tasks]
    return [f"{median(each):g}" for each in found]


def last_bits(specs: Iterable[RunSpec]) -> list[str]:
    """On copy: of the runs of dni that collapsed, and of those of truncation, which did not."""
    kept = {spec for spec in specs if spec.task == COPY}
    runs = [r for r in records("long_controls") if r.spec in kept]
    found = [
        [r.curve[-1]["bits"] for r in runs if name(r) == method and r.status == status]
        for method, status in (("dni", "collapsed"), ("tbptt", "complete"))
    ]
    return [f"{min(each):.2f} to {max(each):.2f}" for each in found]


def no_further(specs: list[RunSpec]) -> tuple[int, int]:
    """How many runs of dni end where every run of truncation does, on repeat copy; and where."""
    (level,) = set(ends(specs, "tbptt", table1_long.REPEAT))
    return ends(specs, "dni", table1_long.REPEAT).count(level), level


def averaged(trial: Record) -> float:
    """The score of a trial on the copy tasks."""
    return 0.0 if trial.status != "complete" else fmean(row["t_task"] for row in trial.curve)


def best_trials(
    **changed: str,
) -> dict[tuple[str, str, int | None], dict[tuple[str, float, float], float]]:
    """Scores of the trials of long training, by task, method and T, then by call and rates.

    changed: what of the network or the schedule is not as it is by default
    """
    asked = {"model": "lstm(hidden=64)", "schedule": "constant", **changed}
    found: dict[tuple[str, str, int | None], dict[tuple[str, float, float], list[float]]] = {}
    for r in records("long_tuning"):
        if levelled(r) and all(getattr(r.spec, field) == asked[field] for field in asked):
            place = found.setdefault((r.spec.task, name(r), r.spec.T), {})
            place.setdefault((r.spec.trainer, r.spec.lr, r.spec.clip), []).append(averaged(r))
    return {
        place: {call: fmean(values) for call, values in trials.items()}
        for place, trials in found.items()
    }


def in_protocol(protocol: str) -> str:
    """dni over truncation at T = 3, in the suite of the claims."""
    own = [r for r in records("claims") if protocol in task(r) and r.spec.clip == 1]
    beside = pairs(own, is_call("dni(T=3)"), is_call("tbptt(T=3)"), lambda r: None)
    return f"{ratio(units(beside, spans, 'geometric')).effect.centre:.2f}"


def over_sg(windows: Iterable[int]) -> list[str]:
    return [effect("bootstrapping", "dni solves longer", f"T={T}") for T in windows]


def along(says: str, claim: str = "speed_compiled") -> dict[str, str]:
    """The effect on the way to the hardest target, by T."""
    said = found(claim, f"dni takes fewer {says} at equal T to {HARDEST}").details[0]
    return dict(re.findall(r"T=(\d) (\d\.\d+) \[", said))


def never_there() -> str:
    """How many runs of dni and tbptt do not reach the hardest target."""
    says = f"dni takes fewer seconds than tbptt at equal T to {HARDEST}"
    said = found("speed_compiled", says).details[1]
    numbers = re.search(r"dni (\d+), tbptt (\d+), of (\d+) runs", said)
    assert numbers, said
    return f"{numbers[1]} of {numbers[3]} runs of `dni` and {numbers[2]} of `tbptt`"


def solved(trainer: str, task: str) -> int:
    """T_task of the median seed."""
    runs = [r for r in records("table1_desk") if r.spec.trainer == trainer]
    return int(median(span(r) for r in runs if r.spec.task.startswith(task)))


def tbptt_over_bptt(column: str, claim: str = "speed") -> str:
    """Per timestep."""
    said = found(claim, "takes less time than one of full BPTT").details[1]
    time, flops = re.findall(r"(\d+\.\d\d) \[[^]]*\] × the", said)
    return str({"seconds": time, "flops": flops}[column])


def over_full(contestant: str) -> str:
    """dni over full BPTT for the same data at LSTM 64 and T = 3."""
    table = pd.read_csv(RESULTS / "speed" / "updates.csv")
    here = table[(table["size"] == "64 / 32 / 3") & (table.contestant == contestant)]
    whole = (here.milliseconds * here.updates).set_axis(here.trainer)
    return f"{whole['dni'] / whole['bptt']:.2f}"


def runs_an_hour(command: str) -> str:
    table = pd.read_csv(RESULTS / "speed" / "commands.csv").set_index("command")
    return f"{table.speed_up[command]:.2f}"


def missing(task: str) -> str:
    return effect("negligible", "what truncation leaves out", task)


def added(task: str) -> str:
    return effect("negligible", "what dni adds", task)


def aligned(task: str) -> str:
    return effect("reach", "positively aligned", task, 3)


def reach(task: str) -> str:
    there = found("reach", "has vanished", task)
    assert there.bound
    return there.effect.removeprefix("≥ ").partition(" ")[0]


EASIEST = "the best score that all runs of both reach"
HARDEST = "the best score that half of the runs of either reach"


def a_timestep(other: str, claim: str = "speed_compiled") -> str:
    """What one of dni takes over one of another method."""
    time = effect(claim, f"takes less time than one of {other}")
    flops = effect(claim, f"takes fewer FLOPs than one of {other}")
    return f"{time} times the time and {flops} times the FLOPs"


def as_they_had_solved_in_equal_seconds(T: int) -> str:
    """The gain of dni, compiled, with collapsed runs at the level that they had solved."""
    runs = [r for r in records("table1_compiled") if levelled(r)]
    beside = pairs(runs, of("dni", T=T), of("tbptt", T=T), lambda r: None)
    assert len(beside) == 10

    def levels(a: Record, b: Record) -> tuple[float, float]:
        ended = min(a.curve[-1]["seconds"], b.curve[-1]["seconds"])
        return tuple(  # type: ignore[return-value]
            max([row["t_task"] for row in each.curve if row["seconds"] <= ended] + [NONE_SOLVED])
            for each in (a, b)
        )

    return f"{ratio(units(beside, levels, 'geometric')).effect.centre:.2f}"


def at_the_best_T() -> str:
    """What dni reaches in equal seconds where truncation may take the whole episode."""
    share = effect("dependency", "each at the best T")
    assert share == effect("dependency_compiled", "each at the best T")
    return f"`dni` reaches {share} of"


def faster(says: str, target: str = EASIEST, claim: str = "speed_compiled") -> str:
    (one,) = (f for f in findings(claim)
              if f"dni takes fewer {says}" in f.says and f.says.endswith(target))  # fmt: skip
    return f"{one.paired.effect.centre:.2f}"


def rival(spent: str, trainer: str) -> str:
    """T_task over that of dni(T=3), for the same memory, seconds or data."""
    return effect(f"same_{spent}", f"{trainer} solves longer")


def over_behind(
    trainer: str,
    folder: str = "rivals",
    values: Callable[[Record, Record], tuple[float, float]] = spans,
) -> str:
    """T_task over that of behind(T=3) from the same data, with its interval."""
    learned = [r for r in records(folder) if levelled(r) and r.spec.timesteps > 1]
    beside = pairs(learned, is_call(trainer), is_call("behind(T=3)"), lambda r: None)
    return ratio(units(beside, values, "geometric")).effect.said(2)


def while_training(a: Record, b: Record) -> tuple[float, float]:
    """T_task of a pair, on average over the points along training."""
    mean_a, mean_b = (fmean(max(row["t_task"], NONE_SOLVED) for row in r.curve) for r in (a, b))
    return mean_a, mean_b


def better_trace(trainer: str) -> str:
    """What it gains over SnAp-1's, at the end and on average."""
    end, on_the_way = (
        over_behind(trainer, "exact_trace", values) for values in (spans, while_training)
    )
    return f"{end} times at the end of training and {on_the_way} on average over it"


def wide(timesteps: int, folder: str = "rivals_wide") -> str:
    """Median T_task on copy after so many timesteps, of truncation, dni and the smaller trace."""

    def by_then(record: Record) -> int:
        return int([row["t_task"] for row in record.curve if row["timesteps"] <= timesteps][-1])

    runs = [r for r in records(folder) if r.spec.task == "plain_copy(bits=4)"]
    return listed(
        f"{median(by_then(r) for r in runs if r.spec.trainer == call):g}"
        for call in ("tbptt(T=3)", "dni(T=3)", SMALL)
    )


def against_dni(task: str) -> str:
    """Median T_task of behind(T=3) and of dni(T=3), for four times the data."""
    details = found("same_data_longer", "behind(T=3) solves longer").details
    (said,) = (line for line in details if line.startswith(task))
    return said.partition("T_task ")[2]


def memory_over_dni(trainer: str) -> str:
    """Peak memory and trace, on copy."""
    held = {
        name: median(memory(r) for r in records("rivals") if r.spec.trainer == name
                     and r.spec.task == "plain_copy(bits=4)")
        for name in (trainer, "dni(T=3)")
    }  # fmt: skip
    return f"{held[trainer] / held['dni(T=3)']:.0f}"


def clipped() -> str:
    (once,) = {f"{f.paired.effect.centre:.2f}" for f in findings("clipping")}
    return once


def error(trainer: str, hidden: int = 6, lr: float | None = None, digits: int = 1) -> str:
    """Median test error on digits, in %."""
    chosen = is_call(trainer, depth.rate(trainer) if lr is None else lr)
    runs = [r for r in records("depth") if chosen(r) and layers(r) == hidden]
    return f"{median(POINTS * (1 - r.end['test_accuracy']) for r in runs):.{digits}f}"


def on_mnist(hidden: int) -> str:
    """Median test error in %, by method."""
    runs = [r for r in records("depth_mnist") if layers(r) == hidden]
    return listed(
        f"{median(POINTS * (1 - r.end['test_accuracy']) for r in runs if is_call(call)(r)):.1f}"
        for call in ("bptt", DNI, "dni_depth")
    )


def errors(trainer: str) -> list[str]:
    """By the number of layers."""
    return [error(trainer, hidden) for hidden in depth.LAYERS]


def points(claim: str, says: str, where: str = "6 layers") -> str:
    return f"{abs(found(claim, says, where).paired.effect.centre):.2f}"


def over_dni(count: int) -> str:
    return points("labels", "cDNI is more accurate than DNI", f"{count} layers")


def less_than_one(count: int) -> str:
    return points("chain_noise", f"at rate 0.0001 {count} synthesisers (DNI)")


def fall(kind: str) -> str:
    return points("chain_noise", f"{kind} points worse at the first cut", "cut after each")


def first_cosine(trainer: str) -> str:
    """Of the first cut with the true gradient, over the second half of training: mean over runs."""
    chosen = is_call(trainer, depth.rate(trainer))
    cosines = [
        p["cut_cosine"][0]
        for r in records("depth")
        if chosen(r) and layers(r) == 6
        for p in r.probes
        if p["timesteps"] >= r.spec.timesteps / 2
    ]
    return f"{fmean(cosines):.3f}"


def updates_to(goal: float, trainer: str) -> str:
    """To an accuracy on validation, of the median run of six layers; all of them get there."""
    chosen = is_call(trainer, depth.rate(trainer))
    there = [first(r, goal) for r in records("depth") if chosen(r) and layers(r) == 6]
    assert None not in there
    return f"{median(row['updates'] for row in there if row):.0f}"


def remedy(trainer: str) -> str:
    """T_task over that of dni(T=3)."""
    return effect("remedies", f"{canonical(trainer)} solves longer")


def steady(**options: float | str) -> str:
    return remedy(str(Call("dni_steady", {"T": 3, **options})))


def over_dni_in(trainer: str, what: str) -> str:
    """Memory or FLOPs of the median run, over those of dni(T=3), on copy."""

    def cost(record: Record) -> float:
        return float(memory(record) if what == "memory" else record.curve[-1][what])

    of_each = {
        call: median(cost(r) for r in records("remedies")
                     if r.spec.trainer == canonical(call) and r.spec.task == "plain_copy(bits=4)")
        for call in (trainer, "dni(T=3)")
    }  # fmt: skip
    return f"{of_each[trainer] / of_each['dni(T=3)']:.1f}"


def held(width: int, batch: int) -> dict[str, dict[int, int]]:
    """Peak memory and trace of one episode, by method and length in timesteps."""
    found: dict[str, dict[int, int]] = {}
    for r in records("trace_sizes"):
        if (r.spec.model, r.spec.batch) == (f"lstm(hidden={width})", batch):
            length = 2 * Call.parse(r.spec.task).options["start"] + 1
            found.setdefault(r.spec.trainer, {})[length] = memory(r)
    return found


def lengths(width: int, batch: int) -> str:
    """A row of the table of lengths: the shortest from which a trace takes less."""
    own, cells = held(width, batch), []
    for other in ("bptt", "recomputed(T=3)"):
        for trace in ("behind(T=3)", SMALL):
            less = [at for at in sorted(own[other]) if own[trace][at] < own[other][at]]
            cells.append(f"{less[0]:,}" if less else "never")
    return f"| {width}, {batch} | {' | '.join(cells)} |"


def spread(values: Iterable[float], digits: int = 0) -> str:
    """The range of few values, or the one that all are."""
    low, high = (f"{end(values):.{digits}f}" for values in [list(values)] for end in (min, max))
    return low if low == high else f"{low}–{high}"


def seconds_to(record: Record, t_task: int) -> float:
    """Of training until it is solved; infinite where it is not."""
    return next((row["seconds"] for row in record.curve if row["t_task"] >= t_task), math.inf)


def beside_sized(width: int, batch: int, ours: str, theirs: str) -> list[Pair]:
    own = [
        r for r in records("rivals_sizes")
        if (r.spec.model, r.spec.batch) == (f"lstm(hidden={width})", batch)
    ]  # fmt: skip
    return pairs(own, called(ours), called(theirs), lambda r: None)


def length(t_task: float) -> int:
    """Of the episodes of copy with that T_task, timesteps."""
    return 2 * int(t_task - NONE_SOLVED) + 1


def is_ahead(a: Record, b: Record, t_task: int) -> bool:
    """Whether the first of a pair solves it first, while both still train."""
    return seconds_to(a, t_task) < min(seconds_to(b, t_task), seconds(b))


def levels_of(beside: Iterable[Pair]) -> range:
    """Every T_task that one of them solves."""
    return range(NONE_SOLVED + 1, int(max(map(max, starmap(spans, beside)))) + 1)


def ahead_from(width: int, batch: int, ours: str, theirs: str) -> str:
    """The shortest episode that ours solves first in every pair, in timesteps."""
    beside = beside_sized(width, batch, ours, theirs)
    ahead = [
        length(t) for t in levels_of(beside) if all(is_ahead(*pair, t) for pair in beside)
    ]  # fmt: skip
    return str(ahead[0]) if ahead else "nowhere"


def first_in_seconds(width: int, batch: int) -> str:
    """A row of the table of who is first."""
    cells = [ahead_from(width, batch, ours, theirs) for theirs in BESIDE for ours in TRACES]
    return f"| {width}, {batch} | {' | '.join(cells)} |"


def longest_sized(width: int, trainer: str) -> int:
    """The longest episode that any run of a method solves at that width, timesteps."""
    runs = [r for r in records("rivals_sizes") if r.spec.model == f"lstm(hidden={width})"]
    return length(max(span(r) for r in runs if r.spec.trainer == trainer))


def pairs_ahead(*rivals: str) -> str:
    """In how many pairs a trace solves some episode first."""
    beside = [
        pair for size in SIZES for ours in TRACES for theirs in rivals
        for pair in beside_sized(*size, ours, theirs)
    ]  # fmt: skip
    ahead = [any(is_ahead(*pair, t) for t in levels_of([pair])) for pair in beside]
    return f"{sum(ahead)} of {len(ahead)} pairs"


def over_in_seconds(width: int, batch: int, ours: str, theirs: str) -> str:
    """Seconds over theirs to solve the shortest episode, and the longest that all solve."""
    beside = beside_sized(width, batch, ours, theirs)
    last = int(min(map(min, starmap(spans, beside))))
    return ", ".join(
        f"{spread((seconds_to(a, t) / seconds_to(b, t) for a, b in beside), 1)} at {length(t)}"
        for t in sorted({NONE_SOLVED + 1, last})
    )


def sized(width: int, batch: int, theirs: str) -> str:
    """A row of the table of sizes: T_task when the first of a pair has ended; seconds."""
    cells = []
    for ours in TRACES:
        at = zip(
            *starmap(spans_at_equal_seconds, beside_sized(width, batch, ours, theirs)), strict=True
        )
        cells += [" against ".join(map(spread, at)), over_in_seconds(width, batch, ours, theirs)]
    return f"| {width}, {batch} | `{Call.parse(theirs).name}` | {' | '.join(cells)} |"


def small_over_dni(width: int, batch: int) -> str:
    own = held(width, batch)
    return f"{own[SMALL][9] / own['dni(T=3)'][9]:.1f}"


def crew(way: Way) -> dict[int, Record]:
    """The runs that processes share in one way, by seed."""
    return {r.spec.seed: r for r in records("workers") if is_way(way)(r)}


def faster_than(ours: Way, theirs: Way) -> str:
    """Examples a second, over those of another way; geometric mean over seeds."""
    a, b = crew(ours), crew(theirs)
    speeds = [(examples_per_second(a[s]), examples_per_second(b[s])) for s in a]
    return f"{ratio(speeds).effect.centre:.2f}"


def waited(way: Way) -> str:
    """The share of their time in which workers waited."""
    shares = [fmean(r.end["wait_seconds"]) / r.curve[-1]["seconds"] for r in crew(way).values()]
    return f"{median(shares):.2f}"


def waited_by(way: Way, rank: int) -> str:
    """The share of its time in which one worker waited."""
    shares = [r.end["wait_seconds"][rank] / r.curve[-1]["seconds"] for r in crew(way).values()]
    return f"{median(shares):.2f}"


def reaching(way: Way) -> str:
    """How many runs get to GOAL."""
    runs = crew(way).values()
    return f"{sum(first(r, GOAL) is not None for r in runs)} of {len(runs)}"


def seconds_to_goal(way: Way) -> str:
    """Of the median run; in all, where it does not get there."""
    found = [cost_to(r, GOAL, "seconds") for r in crew(way).values()]
    return f"{median(found):.1f}"


def of_crew(way: Way, shown: str) -> str:
    """A row of the table of workers."""
    ends = [r.end for r in crew(way).values()]
    middle = {key: median(e[key] for e in ends)
              for key in ("bytes_per_example", "gradient_age_mean", "test_accuracy")}  # fmt: skip
    age = middle["gradient_age_mean"]
    return (
        f"{shown} | {faster_than(way, ALONE)} | {seconds_to_goal(way)} | "
        f"{middle['bytes_per_example']:,.0f} | {waited(way)} | {f'{age:.2f}' if age else '0'} | "
        f"{middle['test_accuracy']:.3f} |"
    )


SIMULATED = {
    ("ddp", 1): ALONE, ("ddp", 2): DDP, ("gpipe", 2): GPIPE, ("one_f_one_b", 2): ONE_F_ONE_B,
    ("decoupled", 2): DECOUPLED, ("decoupled, inputs", 2): UNLOCKED,
}  # fmt: skip
"""What was measured of a mode on so many processes."""


def both(mode: str, processes: int) -> tuple[float, float]:
    """Examples a second as measured, mean over seeds, and as simulated."""
    runs = crew(SIMULATED[mode, processes]).values()
    return fmean(map(examples_per_second, runs)), predictions.as_measured(mode, processes)


def simulated(mode: str, processes: int = 2) -> str:
    """A row of the table of both."""
    measured, found = both(mode, processes)
    return f"| {measured:,.0f} | {found:,.0f} | {100 * (found / measured - 1):+.0f} % |"


def network(link: Link) -> str:
    return f"{8 * link.bandwidth / 1e9:g} Gbit/s, {1e6 * link.latency:g} µs"


def speeds(link: Link, dear: int, processes: int) -> dict[str, float]:
    """Predicted speed-ups over one process, by mode."""
    alone = predictions.predicted("ddp", 1, link, dear)
    return {
        mode: predictions.predicted(mode, processes, link, dear) / alone
        for mode in predictions.MODES
    }


def fastest(link: Link, dear: int) -> str:
    """A row of the table of who is fastest, by the number of processes."""
    found = [speeds(link, dear, processes) for processes in predictions.PROCESSES[1:]]
    best = [max(each, key=each.__getitem__) for each in found]
    cells = [f"`{mode}` {each[mode]:.1f}" for mode, each in zip(best, found, strict=True)]
    return f"| {network(link)} | {dear} | {' | '.join(cells)} |"


def close(link: Link) -> str:
    """Up to how many processes DDP and decoupled blocks are as near as the largest error."""
    error = max(abs(found / measured - 1) for measured, found in starmap(both, SIMULATED))
    found = {processes: speeds(link, 1, processes) for processes in predictions.PROCESSES}
    near = [n for n, each in found.items() if abs(each["decoupled"] / each["ddp"] - 1) < error]
    return str(max(near))


def at_most(link: Link, dear: int) -> str:
    """The speed-ups of all modes on the most processes."""
    found = speeds(link, dear, predictions.PROCESSES[-1])
    return listed(f"{found[mode]:.1f}" for mode in predictions.MODES)


def sees(claim: str, theirs: str, ours: str = "blocks") -> str:
    """Examples a second of decoupled blocks, over those of another way."""
    return effect(claim, f"{ours} see more examples a second than {theirs}")


def takes(claim: str, theirs: str) -> str:
    """Their seconds to GOAL, over those of another way."""
    return effect(claim, f"blocks take fewer seconds to {GOAL:.0%} than {theirs}")


PIPELINES = ("a pipeline of one forward, one backward", "GPipe")
"""What claims call them."""

SMALL = "behind(T=3, dtype='bfloat16', share=0.25)"
BFLOAT = "behind(T=3, dtype='bfloat16')"
TRACES = ("behind(T=3)", SMALL)
BESIDE = ("recomputed(T=3)", "bptt", "dni(T=3)")
SIZES = tuple((width, batch) for width in (16, 64) for batch in (8, 32))


def update(arrangement: str, *, words: bool = True) -> str:
    """Time and FLOPs of an update, over those of backpropagation."""
    time, flops = (
        next(
            f"{f.paired.effect.centre:.2f}"
            for f in findings("iteration")
            if f"takes {less} with" in f.says and f.says.endswith(arrangement)
        )
        for less in ("less time", "fewer FLOPs")
    )
    return f"{time} times the time and {flops} times the FLOPs" if words else f"{time} and {flops}"


def dear(chain: str) -> list[str]:
    """FLOPs to an accuracy over those of backpropagation, by the multiple."""
    return [
        effect("dear_backward", f"at {chain} cDNI takes fewer FLOPs", f"backward {m} × forward")
        for m in MULTIPLES
    ]


def covered(ours: bool, draw: Draw, truth: float, n: int) -> str:
    """In how many of 100 simulated experiments an interval of a mean holds it."""
    made = (lambda pairs: difference(pairs).effect) if ours else bootstrap
    return f"{100 * coverage(made, draw, truth, n)[0]:.0f}"


def ranges(*counts: int) -> str:
    """What the range of so many values covers, in %."""
    return listed(f"{100 * interval(range(n)).coverage:.4g}" for n in counts)


DNI = f"dni_depth({depth.BLIND})"
SILENT = f"dni_depth({depth.BLIND}, lr=0.0)"
CUT = "dni_unlocked(cuts=(0, 3, 5), {})"

FACTS: dict[tuple[str, str], list[Callable[[], str]]] = {
    ("docs/measuring.md", "Intervals"): [
        lambda: f"in {100 * interval(range(6)).coverage:.1f} % of experiments",
        lambda: f"of five, four, three and two the range does in {ranges(5, 4, 3, 2)} %",
        lambda: (
            "of 5, 8 and 10 normal differences holds the truth in "
            f"{listed(covered(False, normal, 0, n) for n in (5, 8, 10))} % of experiments"
        ),
        lambda: (
            f"of 10 exponential ones ours covers {covered(True, one_sided, 1, 10)} %, the "
            f"bootstrap {covered(False, one_sided, 1, 10)} %"
        ),
    ],
    ("README.md", "What was found"): [
        lambda: f"{listed(by_T('equal T', (2, 3, 4)))} times the T_task of truncation",
        lambda: f"and {by_T('equal T', [5])[0]} times at T = 5, undecided",
        lambda: f"Of what full BPTT gains it wins {listed(wins((2, 3, 4, 5)))}",
        lambda: (
            f"`dni` solves {long_gains('dni', 'tbptt', (2, 3, 4, 5))} times the T_task of "
            f"truncation at T = 2, 3, 4 and 5, and {long_gains('dni', 'tbptt', [8])} times at T = 8"
        ),
        lambda: (
            f"with LSTM 128 {where_long('tbptt, LSTM 128', 'T=3')} times at T = 3 and "
            f"{where_long('tbptt, LSTM 128', 'T=5')}, undecided, at T = 5; with LSTM 256 "
            f"{where_long('tbptt, LSTM 256')} times at T = 3"
        ),
        lambda: (
            "it copies {} symbols; truncation {} ({} at a smaller rate); an LSTM trained only in "
            "its read-out {}; `dni_lambda` {}; our `behind` {}."
        ).format(
            *long_symbols("dni", "tbptt")[:2],
            at_the_smaller_rate()[2],
            int(untrained()[0]) - 3,
            *(long_symbols(better, "tbptt")[0] for better in ("dni_lambda", "behind")),
        ),
        lambda: "With LSTM 256 `dni` copies {1}, truncation {0}.".format(*at_the_papers_width()),
        lambda: (
            f"`dni` solves {controlled('tbptt(T=3)', '(reset)')} times the T_task of truncation "
            f"where each episode starts afresh, {controlled('tbptt(T=3)', '(carried)')} times "
            f"where the state is carried over, {on_stream()} times on the stream"
        ),
        lambda: f"there {controlled('tbptt(T=3)', ours='dni_control(T=3)')} times, undecided, with",
        at_the_best_T,
        lambda: f"text included, a timestep of `dni` takes {a_timestep('tbptt')} of one",
        lambda: f"(eager, {effect('speed', 'takes less time than one of tbptt')} times the time)",
        lambda: (
            f"{faster('timesteps than tbptt', HARDEST)} times the timesteps (none saved at T = 5 "
            f"and 8) and {faster('seconds than tbptt', HARDEST)} times the seconds, undecided"
        ),
        lambda: (
            f"see {faster_than(DECOUPLED, ALONE)} times the examples of one in a second, data "
            f"parallelism {faster_than(DDP, ALONE)} times"
        ),
        lambda: f"five seeds (text: ten), {budgets('table1_desk')} timesteps, eager",
        lambda: f"after {budgets('rivals')} timesteps, our",
        lambda: f"compiled, up to {budgets('rivals_compiled')} timesteps",
        lambda: f"`behind` solves {rival('data', 'behind(T=3)')} times the T_task of `dni`",
        lambda: f"recomputation, where episodes end, {rival('data', 'recomputed(T=3)')} times;",
        lambda: f"in no more memory than `dni(T=3)`, {rival('memory', 'recomputed(T=2)')} times.",
        lambda: (
            f"`tbptt(T=8)` solves {rival('seconds', 'tbptt(T=8)')} times, `behind` "
            f"{rival('seconds', 'behind(T=3)')} times"
        ),
        lambda: (
            f"DNI ends at {error(DNI)} % error; if it reads the label, too (cDNI), at "
            f"{error('dni_depth')} %; backpropagation at {error('bptt')} %"
        ),
        lambda: (
            f"To 95 % cDNI takes {updates_to(0.95, 'dni_depth')} updates, backpropagation at most "
            f"{updates_to(0.95, 'bptt')}"
        ),
        lambda: (
            f"wins back {long_text(2)[2]} of the {float(long_text(2)[1]):.3f} bits that a window "
            "of 8 gains"
        ),
        lambda: (
            f"it is {missing('plain_copy (reset)')} and {missing('repeat_copy (reset)')} times "
            "what truncation keeps"
        ),
        lambda: f"on pydoc's text, T = 5, {missing('char_lm')} of it",
    ],
    ("README.md", "Which method should I use"): [
        lambda: (
            f"solves T_task {solved('bptt', 'plain_copy')} on copy and "
            f"{solved('bptt', 'repeat_copy')} on repeat copy"
        ),
        lambda: (
            f"{by_T('equal memory', [2])[0]} times its T_task at T = 2; at T = 3 and 4 "
            f"{listed(by_T('equal memory', (3, 4)))} times, undecided"
        ),
        lambda: (
            f"solves {by_T('equal T', [5])[0]} times its T_task, undecided, and "
            f"{by_T('equal T and seconds', [5])[0]} times in equal seconds; after 300,000 "
            f"timesteps {long_gains('dni', 'tbptt', [5])} times, but at T = 8 "
            f"{long_gains('dni', 'tbptt', [8])} times, undecided"
        ),
        lambda: (
            "`dni_lambda(T=3, K=8)` solves T_task {} on the copy tasks, in {}; `tbptt(T=5)` {}, "
            "in {}"
        ).format(*in_memory("dni_lambda", 3), *in_memory("tbptt", 5)),
        lambda: f"takes {faster('seconds than tbptt')} times the seconds of `tbptt`",
        lambda: f"on the copy tasks {faster('seconds than full BPTT')} times those of `bptt`",
        lambda: (
            f"solves {rival('memory', 'recomputed(T=2)')} times its T_task; after 300,000 "
            "timesteps `recomputed(T=3)` solves T_task {} on the copy tasks, in {} |"
        ).format(*in_memory("recomputed", 3)),
        lambda: f"solves {rival('data', 'behind(T=3)')} times the T_task of `dni` at T = 3",
        lambda: (
            f"in {memory_over_dni('behind(T=3)')} times its memory, trace included; with a "
            f"smaller trace {remedy(SMALL)} times, in {over_dni_in(SMALL, 'memory')} times, and "
            f"{rival('seconds', SMALL)} times in equal seconds, compiled; after 300,000 "
            f"timesteps {long_gains('behind', 'dni', [3])} times with the smaller |"
        ),
        lambda: f"{runs_an_hour('--jobs 2 --engine compiled')} times as many runs an hour as one",
        lambda: f"takes {faster('timesteps than full BPTT', claim='speed')} times its timesteps",
        lambda: (
            f"after each of six layers takes {update('every layer').split(' the time')[0]} the time"
        ),
    ],
    ("docs/workers.md", "What was found"): [
        lambda: of_crew(UNCONNECTED, "| `unconnected` | `bptt`"),
        lambda: of_crew(DDP, "| `ddp` | `bptt`"),
        lambda: of_crew(DECOUPLED, "| `decoupled` | `dni_depth`"),
        lambda: of_crew(UNLOCKED, "| `decoupled` | `dni_unlocked(inputs=True)`"),
        lambda: of_crew(ONE_F_ONE_B, "| `one_f_one_b` | `bptt`"),
        lambda: of_crew(GPIPE, "| `gpipe` | `bptt`"),
        lambda: f"They see {sees('worker_alone', 'one process')} times as many a second",
        lambda: (
            f"To 90 % on validation they take {takes('worker_alone', 'one process')} times its "
            f"{seconds_to_goal(ALONE)} s, undecided"
        ),
        lambda: (
            f"see {sees('worker_data', 'DDP')} times the examples of DDP in a second, and take "
            f"{takes('worker_data', 'DDP')} times its seconds to 90 %"
        ),
        lambda: (
            f"see {' and '.join(sees('worker_pipeline', each) for each in PIPELINES)} times the "
            "examples of `one_f_one_b` and `gpipe`, and take "
            f"{' and '.join(takes('worker_pipeline', each) for each in PIPELINES)} times their "
            "seconds to 90 %"
        ),
        lambda: f"{reaching(UNLOCKED)} runs get to 90 %",
        lambda: f"they are {sees('worker_alone', 'one process', 'inputs')} times as fast as one",
        lambda: (
            f"It waits {waited_by(DECOUPLED, 0)} of its time, the upper one "
            f"{waited_by(DECOUPLED, 1)}"
        ),
        lambda: f"reaches {faster_than(DDP, UNCONNECTED)} of the speed",
    ],
    ("docs/workers.md", "Beyond two processes"): [
        lambda: f"| one process | 1 {simulated('ddp', 1)}",
        *(
            partial(lambda mode: f"| `{mode}` | 2 {simulated(mode)}", mode)
            for mode in ("ddp", "gpipe", "one_f_one_b", "decoupled")
        ),
        lambda: f"| `decoupled`, inputs | 2 {simulated('decoupled, inputs')}",
        lambda: (
            f"A network of {predictions.DEEP} such layers is shared by up to "
            f"{predictions.PROCESSES[-1]} processes, the minibatch stays at {BATCH:,}, a pipeline "
            f"takes the best of {listed(map(str, predictions.MICROBATCHES))} microbatches"
        ),
        lambda: (
            f"× | {predictions.PROCESSES[1]} processes | "
            + " | ".join(map(str, predictions.PROCESSES[2:]))
        ),
        *(
            partial(fastest, link, dear)
            for link in (predictions.FAST, predictions.SLOW)
            for dear in (1, DEAR)
        ),
        lambda: (
            f"On {predictions.PROCESSES[-1]} processes `ddp`, `gpipe`, `one_f_one_b`, `decoupled` "
            "and `decoupled` with synthetic inputs have speed-ups of "
            f"{at_most(predictions.FAST, 1)} on the fast network, and of "
            f"{at_most(predictions.SLOW, 1)} on the slow one"
        ),
        lambda: (
            "On the fast network DDP is as near to decoupled blocks up to "
            f"{close(predictions.FAST)} processes"
        ),
        lambda: (
            f"{predictions.PROCESSES[-1]} blocks are a chain of {predictions.PROCESSES[-1] - 1} "
            "synthesisers"
        ),
    ],
    ("docs/methods.md", "In equal seconds"): [
        lambda: f"`tbptt(T=8)` solves {rival('seconds', 'tbptt(T=8)')} times the T_task of `dni`",
        lambda: (
            f"`behind` with it solves {rival('seconds', SMALL)} times, with the whole trace "
            f"{rival('seconds', 'behind(T=3)')} times"
        ),
        lambda: f"`snap` solves {rival('seconds', 'snap(T=3)')} times, undecided",
        lambda: (
            f"give less**: {rival('seconds', 'tbptt(T=3)')} and {rival('seconds', 'tbptt(T=4)')} "
            "times"
        ),
        lambda: (
            f"as much as `dni`: {rival('seconds', 'sg(T=3)')} and "
            f"{rival('seconds', 'dni_aux(T=3)')} times, undecided"
        ),
        lambda: (
            f"`behind` solves {rival('data_longer', 'behind(T=3)')} times the T_task of `dni`, "
            f"with the smaller trace {rival('data_longer', SMALL)} times: medians of "
            f"{against_dni('plain_copy')} on copy, {against_dni('repeat_copy')} on repeat copy"
        ),
        lambda: (
            f"they solve {rival('data', 'bptt')} and {rival('data', 'recomputed(T=3)')} times its "
            "T_task"
        ),
    ],
    ("docs/methods.md", "From which length on"): [
        *(partial(lengths, width, batch) for width in (16, 64) for batch in (4, 32)),
        lambda: (
            f"takes {small_over_dni(64, 32)} times its memory at LSTM 64 and batch 32, "
            f"{small_over_dni(16, 4)} times at LSTM 16 and batch 4"
        ),
        lambda: "9, 33, 129, 513 and 2,049 timesteps",
    ],
    ("docs/methods.md", "In equal seconds, by size"): [
        *(partial(first_in_seconds, *size) for size in SIZES),
        *(partial(sized, *size, theirs) for size in SIZES for theirs in BESIDE),
        lambda: f"ahead nowhere**: in {pairs_ahead('recomputed(T=3)', 'bptt')}",
        lambda: (
            "takes {} times the seconds of `recomputed` for episodes of {} and {} for {}".format(
                *re.split(" at |, ", over_in_seconds(64, 32, "behind(T=3)", "recomputed(T=3)"))
            )
        ),
        lambda: "from {} timesteps on**, `behind` at LSTM 64 and batch 32 from {}".format(
            *sorted({ahead_from(*size, ours, "dni(T=3)") for size in SIZES for ours in TRACES})
        ),
        lambda: f"at LSTM 16 `dni` solves none longer than {longest_sized(16, 'dni(T=3)')}",
    ],
    ("docs/methods.md", "On a wider core"): [
        lambda: f"smaller trace of `behind` solve T_task {wide(61_000)} after 60,000 timesteps",
        lambda: f"after 40,000 they had solved {wide(40_000)}, where",
        lambda: f"LSTM 64, at its own rate, solves {wide(41_000, 'rivals_compiled')} (",
    ],
    ("docs/methods.md", "What a better trace could gain"): [
        lambda: f"an exact trace solves {better_trace('rtrl(T=3)')}",
        lambda: f"one direction beside SnAp-1's {better_trace('behind_low(T=3, rank=1)')}",
        lambda: f"four directions {better_trace('behind_low(T=3, rank=4)')}",
        lambda: f"`bptt` solves {over_behind('bptt')} times its T_task",
        lambda: f"`recomputed(T=3)` {over_behind('recomputed(T=3)')}",
    ],
    ("docs/methods.md", "What remedies reach"): [
        lambda: f"they solve {long_gains('dni_lambda', 'dni', [3])} times its T_task",
        lambda: (
            f"still solves {remedy(SMALL)} times the T_task of `dni`, in "
            f"{over_dni_in(SMALL, 'memory')} times its memory and "
            f"{over_dni_in(SMALL, 'flops')} times its FLOPs"
        ),
        lambda: (
            f"Half of the sequences give {remedy('behind(T=3, share=0.5)')} times, bfloat16 "
            f"alone {remedy(BFLOAT)} times, the whole trace {remedy('behind(T=3)')} times"
        ),
        lambda: f"half of each, solves {remedy('both_sides(T=3)')} times",
        lambda: (
            f"{remedy('dni_lambda(T=3)')} times, and {remedy('dni_lambda(T=3, lam=0.8)')} times"
        ),
        lambda: (
            f"M that reads the next input {steady(reads='input')} times, replay "
            f"{steady(replay=8)}, a γ that grows as M's error falls "
            f"{steady(discount='adaptive')}, a target network {steady(average=0.9)}, Polyak "
            f"averaging {steady(average=0.9, averaged='consumed')}; all undecided"
        ),
    ],
    ("docs/depth.md", "What was found"): [
        lambda: (
            f"after 600 updates is {error('dni_depth')} % beside {error('bptt')} %; the difference "
            "of "
            f"{points('labels', 'cDNI is more accurate than backpropagation')} points is undecided"
        ),
        lambda: (
            f"To 95 % on validation cDNI takes {updates_to(0.95, 'dni_depth')} updates, "
            f"backpropagation at most {updates_to(0.95, 'bptt')}"
        ),
        lambda: f"DNI ends at {listed(errors(DNI))} %",
        lambda: f"cDNI is {listed(over_dni(n) for n in depth.LAYERS)} points more accurate",
        lambda: (
            f"six synthesisers are {listed(less_than_one(n) for n in (2, 3, 5, 6))} points less"
        ),
        lambda: (
            f"falls by {fall('at rate 0.0001 DNI')} for DNI and by "
            f"{fall('at rate 0.001 cDNI')} for cDNI, to {first_cosine(DNI)} and "
            f"{first_cosine('dni_depth')}"
        ),
        lambda: f"six DNIs end at {error(DNI, lr=depth.FAST)} %, at 1e-4 at {error(DNI)} %",
        lambda: f"leave {error(SILENT, lr=depth.FAST)} % at 1e-3, and {error(SILENT)} % at 1e-4",
        lambda: (
            f"make DNI {points('chain_warm_up', 'at rate 0.0001 200')} points more accurate at "
            f"its rate, and {points('chain_warm_up', 'at rate 0.001 200')} at"
        ),
        lambda: (
            f"is {points('chain_warm_up', 'at rate 0.0001 after')} and "
            f"{points('chain_warm_up', 'at rate 0.001 after')} points, undecided"
        ),
        lambda: (
            f"{points('synthetic_inputs', 'in random order cDNI is less')} and "
            f"{points('synthetic_inputs', 'half of the times cDNI is less')} points lower"
        ),
        lambda: (
            f"end at {on_mnist(3)} % with 3 layers and at {on_mnist(6)} % with 6. "
            "With 6 layers cDNI "
            f"is {points('labels_mnist', 'than backpropagation')} points less accurate than "
            "backpropagation; with 3 the difference of "
            f"{points('labels_mnist', 'than backpropagation', '3 layers')} points is undecided"
        ),
        lambda: (
            f"it takes {update('every layer')} of backpropagation's; with one in the middle "
            f"{update('in the middle', words=False)} times"
        ),
        lambda: (
            f"{update('fourth update', words=False)} times, and what it loses in accuracy, "
            f"{points('iteration', 'fourth update it is less')} points, is undecided"
        ),
        lambda: f"takes {listed(dear('every update'))} times the FLOPs of backpropagation",
        lambda: f"at each fourth update {listed(dear('each 4th update'))} times",
        lambda: (
            f"On them the error is {error(CUT.format('inputs=True'))} %, where layers that stay "
            f"as drawn leave {error('dni_depth(cuts=(0, 3, 5), lr=0.0)')} %"
        ),
    ],
    ("docs/verdicts.md", "What helps, and where"): [
        lambda: f"`dni` solves {on_stream()} times the T_task of truncation. Where each",
        lambda: (
            f"it solves {controlled('tbptt(T=3)', ours='dni_control(T=3)')} and "
            f"{controlled('tbptt(T=3)', ours=AVERAGED)} times that of truncation, both undecided. "
            f"Such runs solve what truncation solves, but {wrong_and_collapsed()} runs collapse"
        ),
        lambda: f"solves {controlled('tbptt(T=3)', '(reset)')} times the T_task of truncation, the",
        lambda: f"truncation falls from T_task {at_the_end('tbptt', 'reset')}, on copy",
        lambda: f"to {at_the_end('tbptt', 'carried')}; `dni` stays at",
        lambda: (
            f"{at_the_end('dni', 'carried')}, and solves {controlled('tbptt(T=3)', '(carried)')} "
            "times as much"
        ),
        lambda: (
            f"it is {controlled('tbptt(T=3)', '(in_phase)')} times, and on the stream, where "
            f"sequences are out of phase, too, {on_stream()}"
        ),
        lambda: f"`dni` solves {controlled('sg(T=3, scale=0.5)')} times the T_task of `sg` at",
        lambda: f"{controlled('sg(T=3)', ours='dni(T=3, scale=1.0)')} times at scale 1",
        lambda: f"`dni` solves {listed(by_window())} times the T_task of truncation at",
        lambda: f"it solves {effect('controls', 'at equal FLOPs')} times as much, undecided",
        lambda: f"leave ours at {listed(towards_the_paper('tbptt'))} after",
        lambda: f"`dni` ends at {listed(towards_the_paper('dni'))}. With symbols",
        lambda: "{} runs of truncation and {} of `dni` collapse, after T_task {} and {} in".format(
            *(said[k] for k in (0, 1) for said in map(of_one_bit, ("tbptt", "dni")))
        ),
    ],
    ("docs/verdicts.md", "Where training is long"): [
        lambda: f"`dni` solves {long_gains('dni', 'tbptt')} times the T_task of truncation at",
        lambda: f"After 30,000 timesteps it was {long_early(10)} times",
        lambda: "on copy at T = 3 `dni` copies {}, truncation {} in the median: {} times".format(
            *long_symbols("dni", "tbptt")
        ),
        lambda: "on repeat copy {} against {}, {} times".format(
            *long_symbols("dni", "tbptt", "repeat_copy")
        ),
        lambda: (
            f"{listed(f'`{trainer}`' for trainer in collapsed_long())} collapse in a run each, "
            "which counts as nothing solved: by the levels that they had solved it is "
            f"{listed(map(as_they_had_solved, (4, 5)))} at T = 4 and 5"
        ),
        lambda: f"every run of it ends at T_task {at_the_larger_rate()}",
        lambda: (
            f"solves {where_long('tbptt solves longer dependencies than tbptt at rate')} times as "
            "much. Beside truncation at 0.003 `dni` would solve "
            f"{over_the_larger_rate()} times as"
        ),
        lambda: "On copy {1} of its {0} seeds solve T_task 5 there, {2} within 50,000".format(
            *five_solved()
        ),
        lambda: f"`dni` solves {long_gains('dni', 'sg')} times the T_task of `sg`",
        lambda: (
            f"`dni_lambda` at T = 3 solves {long_gains('dni_lambda', 'tbptt', [3])} times the "
            f"T_task of truncation and {long_gains('dni_lambda', 'dni', [3])} times that of `dni` "
            "(copy ten seeds, repeat copy six), on copy for "
            f"{long_flops('dni_lambda', 'dni')} times the FLOPs of `dni` and "
            f"{long_flops('dni_lambda', 'tbptt')} times those of truncation"
        ),
        lambda: "On copy it copies {0} symbols: {2} times as many as truncation".format(
            *long_symbols("dni_lambda", "tbptt")
        ),
        lambda: (
            "its T_task is {} on copy and {} on repeat copy, in {}; that of truncation at T = 5 is "
            "{}, in {}, at T = 8 {}, in {}"
        ).format(
            *in_memory("dni_lambda", 3)[0].split(" and "),
            in_memory("dni_lambda", 3)[1],
            *in_memory("tbptt", 5),
            *in_memory("tbptt", 8),
        ),
        lambda: (
            "its T_task is {}, in {}, trace included, that of truncation at T = 16 is {}, in {}"
        ).format(*in_memory("behind", 3), *in_memory("tbptt", 16)),
        lambda: "on repeat copy {} against {}, {} times".format(
            *long_symbols("dni_lambda", "tbptt", "repeat_copy")
        ),
        lambda: f"it solves {where_long('at λ = 0')} times what it does at λ = 0",
        lambda: (
            f"`behind` solves {long_gains('behind', 'tbptt', [3])} times the T_task of truncation, "
            f"{long_gains('behind', 'dni', [3])} times that of `dni` and "
            f"{long_gains('behind', 'dni_lambda', [3])} times that of `dni_lambda`, which had more "
            f"trials, for {long_flops('behind', 'tbptt')} times the FLOPs of truncation"
        ),
        lambda: "On copy `behind` copies {} symbols, on repeat copy {}".format(
            *(long_symbols("behind", "tbptt", task)[0] for task in ("plain_copy", "repeat_copy"))
        ),
        lambda: (
            f"`recomputed`, whose gradient is that of full backpropagation, solves "
            f"{long_gains('recomputed', 'dni', [3])} times the T_task of `dni`, on copy for "
            f"{long_flops('recomputed', 'dni')} times its FLOPs"
        ),
        lambda: "Its T_task is {}, in {}: no more".format(*in_memory("recomputed", 3)),
        lambda: "On copy it copies {} symbols, on repeat copy {}. It makes".format(
            *(long_symbols("recomputed", "dni", task)[0] for task in ("plain_copy", "repeat_copy"))
        ),
        lambda: (
            f"`dni` solves {where_long('tbptt, LSTM 128', 'T=3')} times the T_task of truncation, "
        ),
        lambda: f"along a cosine, it solves {where_long('falling rate')} times",
        lambda: (
            f"with LSTM 256 {where_long('tbptt, LSTM 256')} times; with LSTM 64, on those seeds, "
            f"{of_dni(long_controls.unchanged())} times"
        ),
        lambda: "with LSTM 256 it ends at {} and {}, `dni` at {} and {}".format(
            *in_the_median(long_controls.widest())
        ),
        lambda: f"With all of these at once it ends at T_task {all_at_once()} after 300,000",
        lambda: (
            "truncation ends at T_task {} and {} in the median on copy and repeat copy, `dni` at "
            "{} and {}"
        ).format(*in_the_median(long_controls.wider(3))),
        lambda: (
            "With LSTM 128 {} of the 6 seeds of `dni` end at {} on repeat copy, as truncation does"
        ).format(*no_further(long_controls.wider(3))),
        lambda: (
            f"There `dni` solves {where_long('tbptt, LSTM 128', 'T=5')} times the T_task of "
            f"truncation: {collapsed_of('dni', long_controls.wider(5))} of 12 runs of `dni` and "
            f"{collapsed_of('tbptt', long_controls.wider(5))} of truncation collapse; by the "
            f"levels that they had solved it is {as_they_had_solved(5, long_controls.wider(5))}"
        ),
        lambda: ("on copy, at {} bits on the level that follows, truncation at {}").format(
            *last_bits(long_controls.wider(5))
        ),
        lambda: (
            "takes neither further: truncation ends at T_task {} and {}, `dni` at {} and {}"
        ).format(*in_the_median(long_controls.falling())),
        lambda: "T_task is {} and {} on copy and repeat copy, at every seed".format(*untrained()),
        lambda: "truncation ends at {}, `dni` at {}".format(
            *(in_memory(trainer, 3)[0] for trainer in ("tbptt", "dni"))
        ),
        lambda: (
            f"over both it is {where_long('tbptt solves longer dependencies than reservoir')} times"
        ),
        lambda: f"ends at T_task {untrained_wide()} on copy, too, at three seeds and two rates",
        lambda: (
            f"at the paper's rate, {long_controls.PUBLISHED_RATE:.5f}, after "
            f"{2 * table1_long.TIMESTEPS:,} timesteps"
        ),
        lambda: (
            "it ends at T_task {0} in the median; at {1} with forget gates that begin open (a bias "
            "of 1), at {2} at a threshold of 0.3 bits, at {5} with LSTM 256, at {6} with batches "
            "of 256, each by itself. Symbols of one bit make it {3}, and with an open forget gate "
            "and that threshold {4}"
        ).format(*at_the_papers_rate()),
        lambda: (
            f"After {long_controls.PUBLISHED_UPDATES / 1e6:g} million updates, the paper's "
            "number, it ends at {0} at all three seeds, with symbols of one bit, at one seed, at "
            f"{{1}}, as after {since_when():,}"
        ).format(*for_the_papers_updates()),
        lambda: f"T_task {listed(at_smaller_rates())} in the median at T = 4 and 5",
        lambda: "`dni` then solves {} times its T_task on copy, at their own rates {} times".format(
            *over_truncation_on_copy()
        ),
        lambda: f"All ten of `tbptt(T=5)` on copy end at {border()} bits on the level that follows",
        lambda: (
            "T_task {1} against {0} and {3} against {2} there, in the median, {5} against {4} and "
            "{7} against {6} on copy"
        ).format(*beside_sg()),
        lambda: f"`sg` solves {long_gains('sg', 'tbptt')} times.",
        lambda: "its trials score {} at 0.01 and {} at 0.003".format(*trials_of_sg_at_8()),
        lambda: "{} seeds of truncation then end at T_task 5, and `dni_lambda` copies {}".format(
            *at_the_smaller_rate()
        ),
        lambda: "ends at T_task {} to {} on repeat copy, 0.003 at {} to {}".format(
            *at_the_steeper_rate()
        ),
        lambda: f"At T = 8 `dni` scores {long_bits(8, 4)} bits more",
        lambda: "solves {} timesteps of T_task more than truncation; `dni` wins back {} of".format(
            *long_rooms()
        ),
        lambda: (
            f"a window of 8 scores {listed(long_text(T)[1] for T in (2, 5))} bits less than "
            f"truncation at T = 2 and 5. At T = 2 `dni` scores {long_bits(2, 4)} bits less than "
            f"truncation, which is {long_text(2)[2]} of that; at T = 5 it scores "
            f"{long_bits(5, 4)} bits more, undecided"
        ),
        lambda: f"`dni` solves {where_long('than tbptt', '(reset)')} times the T_task of",
        lambda: (
            f"after 150,000 timesteps it solves {updates_early(10)} times the T_task of "
            "truncation, after 450,000 "
            f"{updates_early(30)} times, after 1,500,000 "
            f"{where_long('than tbptt', '1,500,000')} times"
        ),
        lambda: (
            f"solves T_task {after_warm_up('plain_copy')} on copy and "
            f"{after_warm_up('repeat_copy')} on repeat copy in 30,000 timesteps"
        ),
        lambda: (
            f"it ends at {listed(where_long(f'warm-up of {W} timesteps') for W in WARM_UPS)} times "
            "that"
        ),
        lambda: f"{listed(map(forgotten, WARM_UPS))} runs end above 0.8 bits",
        lambda: f"{listed(map(collapsed_after, WARM_UPS))} collapse",
    ],
    ("docs/verdicts.md", "What it comes to"): [
        lambda: f"it is {long_gains('dni', 'tbptt', (2, 3, 4, 5))}: all supported",
        lambda: f"solves {listed(by_T('equal T', (2, 3, 4, 5)))} times the T_task of truncation",
        lambda: (
            f"solves {by_T('equal memory', [2])[0]} times its T_task at T = 2; at T = 3 and 4 "
            f"it is {listed(by_T('equal memory', (3, 4)))} times, undecided"
        ),
        lambda: (
            f"solves {listed(by_T('equal T and seconds', (2, 3, 4, 5), 'dependency_compiled'))} "
            "times the T_task of truncation at T = 2, 3, 4 and 5, eager "
            f"{listed(by_T('equal T and seconds', (2, 3, 4, 5)))} times"
        ),
        lambda: f"after a tenth of it it is {listed(early((2, 3, 4, 5)))}",
        lambda: f"full BPTT solves {listed(levels_short((2, 3, 4, 5)))} timesteps of T_task more",
        lambda: f"`dni` wins back {listed(wins((2, 3, 4, 5)))} of them",
        lambda: f"solves {in_protocol('reset')} times the T_task of truncation on this protocol",
        lambda: f"on the stream, after 10,000, {in_protocol('stream')} times",
        lambda: f"it is {listed(map(as_they_had_solved_in_equal_seconds, (3, 5)))} there",
        lambda: f"{at_the_best_T()} its T_task, compiled and eager",
        lambda: f"a timestep of `dni` takes {a_timestep('tbptt')} of one of `tbptt` at equal T",
        lambda: (
            f"takes {faster('seconds than tbptt')} times the seconds, "
            f"{faster('FLOPs than tbptt')} times the FLOPs and "
            f"{faster('timesteps than tbptt')} times the timesteps"
        ),
        lambda: (
            f"it takes {faster('seconds than tbptt', HARDEST)} times the seconds and "
            f"{faster('FLOPs than tbptt', HARDEST)} times the FLOPs, both undecided, and "
            f"{faster('timesteps than tbptt', HARDEST)} times the timesteps"
        ),
        lambda: f"{listed(along('timesteps than tbptt').values())} times at T = 2, 3, 4, 5 and 8",
        never_there,
        lambda: f"take {listed(along('timesteps than tbptt', 'speed').values())} times the",
        lambda: (
            f"takes {effect('speed', 'takes less time than one of tbptt')} times the time of one "
            "of `tbptt`; to the easy target and to the hard one "
            f"{faster('seconds than tbptt', claim='speed')} times the seconds, and "
            f"{faster('seconds than tbptt', HARDEST, 'speed')} times, undecided"
        ),
        lambda: (
            f"takes {effect('speed', 'takes less time than one of full')} times the time at "
            f"{effect('speed', 'takes fewer FLOPs than one of full')} times the FLOPs, one of "
            f"truncation {tbptt_over_bptt('seconds')} times the time at "
            f"{tbptt_over_bptt('flops')} times the FLOPs"
        ),
        lambda: (
            f"take {effect('speed_compiled', 'takes less time than one of full')} and "
            f"{tbptt_over_bptt('seconds', 'speed_compiled')} times the time of full BPTT"
        ),
        lambda: (
            f"takes {over_full('eager')} times the time of full BPTT eagerly and "
            f"{over_full('compiled')} times compiled"
        ),
        lambda: (
            f"it is {missing('plain_copy (reset)')} and {missing('repeat_copy (reset)')} times "
            "what truncation keeps, on copy and repeat copy; on text, pydoc's, T = 5, "
            f"{missing('char_lm')} of it"
        ),
        lambda: f"it reaches ≥ {reach('plain_copy')} and ≥ {reach('repeat_copy')} timesteps",
        lambda: f"is {aligned('plain_copy')} on copy and {aligned('repeat_copy')} on repeat copy",
        lambda: f"its norm {added('plain_copy')} and {added('repeat_copy')} of the truncated",
        lambda: "gradient is {} less for `dni` at scale 0.5 and {} less for `sg`".format(*far()),
        lambda: f"T = 2, over the second half of {claims.FAR[claims.RESET[1]][0]:,} timesteps",
        lambda: (
            f"the norm is {added('char_lm')}, most of which is the scale, and the cosine "
            f"{aligned('char_lm')}, undecided"
        ),
        lambda: f"a longer window scores {headroom(2, 4)} and {headroom(3, 4)} bits less",
        lambda: f"of which `dni` wins back {listed(wins_bits((2, 3)))}, at scale 0.1",
        lambda: f"scores {more_bits(5, 4)} and {more_bits(8, 4)} bits more than `tbptt`",
        lambda: f"solves {rival('memory', 'recomputed(T=2)')} times its T_task.",
        lambda: (
            f"`tbptt(T=8)` solves {rival('seconds', 'tbptt(T=8)')} times the T_task of `dni(T=3)`, "
            f"`behind` {rival('seconds', 'behind(T=3)')} times and with a smaller trace "
            f"{rival('seconds', SMALL)} times"
        ),
        lambda: (
            f"they solve {rival('seconds_eager', 'bptt')} and "
            f"{rival('seconds_eager', 'recomputed(T=3)')} times its T_task"
        ),
        lambda: (
            f"`behind(T=3)` solves {rival('data_longer', 'behind(T=3)')} times the T_task of "
            f"`dni(T=3)`, with a smaller trace {rival('data_longer', SMALL)} times"
        ),
        lambda: (
            f"{rival('data', 'recomputed(T=3)')}, {rival('data', 'behind(T=3)')} and "
            f"{rival('data', 'artbp(T=3)')} times the T_task of `dni(T=3)`"
        ),
        lambda: f"`snap(T=3)` {rival('data', 'snap(T=3)')} times, undecided",
        lambda: f"solves {rival('data', 'tbptt(T=3, every=1)')} times its T_task, as windows side",
        lambda: f"`uoro(T=3)` solves {rival('data', 'uoro(T=3)')} times",
        *(
            lambda word=word, folder=folder: f"{word} {budgets(folder)} timesteps"
            for word in ("After", "up to")
            for folder in ("rivals", "rivals_compiled")
        ),
        lambda: f"solves {listed(over_sg((2, 3, 4, 5)))} times the T_task of `sg`",
        lambda: (
            f"see {sees('worker_alone', 'one process')} times the examples of one process in a "
            f"second, and {sees('worker_data', 'DDP')} times those of data parallelism"
        ),
        lambda: f"takes {flops_over_dni('sg')} times its FLOPs",
        lambda: f"solves {clipped()} of the T_task of `dni` at T = 3",
    ],
}
"""By page and heading: the sentences that hold the numbers."""

FREE = re.compile(
    r"`[^`]*`|SnAp-1|Table 1\b|T = 3, 5, 8, 12 and 16|T = 5 to 16"
    r"|T = \d(?:, \d)*(?: to \d)?(?: and \d)?|T is \d|T_task 3\b|LSTM 64"
    r"|97.5 %|p < 0.05|scale 0\.[15]|scale 1\b|[358]0?,000 timesteps(?: of copy)?|and 30,000 of"
    r"|T = 6|touches 0|hold 0|2T|T up to \d+|20,000 timesteps"
    r"|T_task 8\b|of 0\.3 bits|of 8 bits|LSTM 256|batches of 256|50,000 timesteps"
    r"|λ = 0.8|bfloat16|windows of \d+|batch \d+|T \+ 1|\d(?:, \d)* and \d layers|[13]e-\d"
    r"|[12356]00 updates|batches of 1,024|90 %|layers 0, 3 and 5|95 %|T than 5"
    r"|takes 1, 4 or 16 times|layers of 1,024 units|its 500,000 updates"
    r"|[23]00,000(?: timesteps)?|150,000 timesteps|after 30,000\b|scale 0\.8|LSTM 128\b"
    r"|window of (?:16|40)|[Oo]ne of 16|window of 8|γ = 0\.8"
    r"|just above 0\.05|0\.00[13]\b|0\.000[13]|0\.0[13]\b|scale 0\.5|0\.2 timesteps|from 100 on"
    r"|in the 50,000|tuned for 18,000|1\.25 times or more|makes it 4 or 5|after 120,000|1 is chance"
)
"""Digits that are no finding: options, windows, and the size of the model."""


def section(page: str, heading: str) -> str:
    _, body = re.split(rf"\n###? {re.escape(heading)}\n", PAGES[page])
    body = re.split(r"\n##", body)[0]
    return " ".join(body.split())


@pytest.mark.parametrize(("page", "heading"), FACTS)
def test_every_number_in_the_findings_comes_out_of_the_records(page: str, heading: str) -> None:
    text = section(page, heading)
    for fact in FACTS[page, heading]:
        sentence = fact()
        assert sentence in text, sentence
        text = text.replace(sentence, "")
    left = FREE.sub("", text)
    assert not re.findall(r"\S*\d\S*", left), f"held to no record: {left}"


@pytest.mark.parametrize(
    ("mode", "processes"), [key for key in SIMULATED if "inputs" not in key[0]]
)
def test_the_simulation_is_within_15_percent_of_what_was_measured(
    mode: str, processes: int
) -> None:
    measured, found = both(mode, processes)
    assert found == pytest.approx(measured, rel=0.15)


def test_what_is_called_undecided_is_and_nothing_else() -> None:
    for at, windows in (("equal T", (2, 3, 4, 5)), ("equal memory", (2, 3, 4)),
                        ("equal T and seconds", (2, 3, 4, 5))):  # fmt: skip
        ruled = [ruling("dependency", f"{LONGER} {at}:", T) for T in windows]
        decided = {"equal T": 3, "equal memory": 1, "equal T and seconds": 3}[at]
        undecided = len(windows) - decided
        assert ruled == ["supported"] * decided + ["undecided"] * undecided, at
    for T in (2, 3):
        assert ruling("dependency", BITS, T) == "undecided"
        share = at_T(BITS, T).details[0]
        assert re.search(r"wins back \d\.\d+ \[-", share), "its range holds 0"
    for T in (5, 8):
        assert ruling("dependency", BITS, T) == "no"  # headroom
    over_sg = "dni solves longer dependencies than sg"
    assert [ruling("bootstrapping", over_sg, T) for T in (2, 3, 4, 5)] == [
        *["undecided"] * 3, "equivalent",
    ]  # fmt: skip
    assert [ruling("longer_training", over_sg, T) for T in LONG] == [
        "contradicted", "equivalent", "contradicted", "equivalent", "equivalent",
    ]  # fmt: skip
    for better in ("dni", "sg"):
        says = f"{better} solves longer dependencies than tbptt"
        assert [ruling("longer_training", says, T) for T in LONG] == [
            *["supported"] * 4, "undecided",
        ]  # fmt: skip
    for better in ("dni_lambda", "behind"):
        for worse in ("tbptt", "dni"):
            says = f"{better} solves longer dependencies than {worse}"
            assert ruling("longer_training", f"{says} at", 3) == "supported"
    says = "recomputed solves longer dependencies than dni at"
    assert ruling("longer_training", says, 3) == "supported"
    says = "dni_lambda solves longer dependencies than dni_lambda at λ = 0"
    assert ruling("long_controls", says, 3) == "supported"
    says = "behind solves longer dependencies than dni_lambda"
    assert ruling("longer_training", says, 3) == "supported"
    assert ruling("longer_training", BITS, 2) == "supported"
    assert ruling("longer_training", BITS, 5) == "undecided"
    assert ruling("longer_training", BITS, 8) == "no"  # headroom
    for claim in ("speed", "speed_compiled"):
        hardest = {f.says.split()[3]: rule for f, rule in rulings_of(claim)
                   if "than tbptt" in f.says and f.says.endswith(HARDEST)}  # fmt: skip
        assert float(along("timesteps than tbptt", claim)["5"]) >= 1
        assert hardest == {"seconds": "undecided", "FLOPs": "undecided", "timesteps": "supported"}


def rulings_of(claim: str) -> list[tuple[Finding, str]]:
    """Every finding of a claim with its verdict."""
    ps = adjusted(findings(claim), lambda f: (f.paired.p, f.paired.within))
    return [(f, f.verdict(p, within)) for f, p, within in ps]


def ruling(claim: str, says: str, T: int) -> str:
    """The first word of a verdict."""
    (rule,) = (rule for f, rule in rulings_of(claim)
               if says in f"{f.says}:" and f.where.endswith(f"T={T}"))  # fmt: skip
    return rule.split()[0]


def test_full_backpropagation_solves_the_most_in_the_fewest_seconds() -> None:
    def seconds(runs: Iterable[Record]) -> float:
        return median(r.curve[-1]["seconds"] for r in runs)

    for copying in ("plain_copy", "repeat_copy"):
        runs = [r for r in tuned(records("table1_desk")) if r.spec.task.startswith(copying)]
        arms = {r.spec.trainer for r in runs}
        spent = {arm: seconds(r for r in runs if r.spec.trainer == arm) for arm in arms}
        levels = {arm: solved(arm, copying) for arm in arms}
        assert min(spent, key=spent.__getitem__) == "bptt"
        assert max(levels, key=levels.__getitem__) == "bptt"
        assert max(r.spec.T or 0 for r in runs if name(r) == "dni") == 5


def test_smaller_traces_take_what_was_recorded() -> None:
    rows = re.findall(
        r"\| (–|`[^|]+`) \| ([\d,]+) \| ([\d,]+) \| ([\d.]+) \|",
        section("docs/methods.md", "A smaller trace"),
    )
    assert len(rows) == 4

    def costs(folder: str, trainer: str) -> list[float]:
        runs = [r for r in records(folder) if r.spec.task == COPY and r.spec.trainer == trainer]
        assert len(runs) == 6
        return [
            median(r.end["trace_bytes"] / 1000 for r in runs),
            median(r.end["peak_memory_bytes"] / 1000 for r in runs),
            median(r.curve[-1]["flops"] for r in runs),
        ]

    *_, truncation = costs("rivals", "tbptt(T=3)")
    for options, *shown in rows:
        trace, peak, work = costs("remedies", canonical(f"behind(T=3, {options.strip('`–')})"))
        assert shown == [f"{trace:,.0f}", f"{peak:,.0f}", f"{work / truncation:.1f}"]


def test_the_notes_on_speed_end_with_the_recorded_table() -> None:
    table = pd.read_csv(RESULTS / "speed" / "updates.csv")
    here = table[(table["size"] == "256 / 256 / 4") & (table.contestant == "compiled")]
    said = {
        row["trainer"]: f"`{row['trainer']}` {row['over_floor']:.2f} "
        f"[{row['over_floor_low']:.2f}, {row['over_floor_high']:.2f}]"
        for row in here.to_dict("records")
    }
    notes = PAGES["results/speed/NOTES.md"]
    assert f"{said['tbptt']}, {said['dni']}" in notes


@pytest.mark.parametrize("folder", ["table1_long", "long_controls", "long_tuning"])
def test_records_of_long_training_are_the_runs_of_their_suite(folder: str) -> None:
    specs = Registry().make("suite", folder).runs(Registry())
    asked = {spec for spec in specs if "copy" in spec.task}
    assert {r.spec for r in records(folder) if "copy" in r.spec.task} == asked


def test_settings_of_long_training_are_the_best_trials_or_within_a_fifth_of_a_timestep() -> None:
    tried = best_trials()
    assert {place[1:]: len(calls) for place, calls in tried.items() if place[0] == COPY} == {
        **{(method, 3): 19 for method in ("tbptt", "sg", "dni", "dni_lambda")},
        **{(method, 3): 8 for method in ("behind", "recomputed")},
        **{(method, T): 8 for method in ("tbptt", "sg", "dni") for T in (2, 4, 5, 8)},
        ("tbptt", 2): 9, ("tbptt", 16): 8,
    }  # fmt: skip
    assert {len(calls) for place, calls in tried.items() if place[0] != COPY} == {8}
    used = {
        (spec.trainer, spec.lr, spec.clip)
        for part in table1_long.parts()
        for spec in part
        if "copy" in spec.task
    }
    for place, calls in tried.items():
        (mine,) = (score for call, score in calls.items() if call in used)
        # but for sg at T = 8, whose best trial does not hold on repeat copy
        assert (mine >= max(calls.values()) - 0.2) == (place != (COPY, "sg", 8))


@pytest.mark.parametrize(
    ("change", "specs", "trials"),
    [
        (long_tuning.WIDER, [*long_controls.wider(3), *long_controls.wider(5)], {6}),
        (long_tuning.WIDEST, long_controls.widest(), {5}),
        (long_tuning.FALLING, long_controls.falling(), {6}),
    ],
)
def test_rates_of_another_width_or_schedule_are_those_of_its_trials(
    change: dict[str, str], specs: list[RunSpec], trials: set[int]
) -> None:
    used = {(spec.task, spec.trainer, spec.lr, spec.clip) for spec in specs}
    tried = best_trials(**change)
    assert {(method, T) for _, method, T in tried} == {
        (s.trainer.partition("(")[0], s.T) for s in specs
    }
    assert {len(calls) for calls in tried.values()} == trials
    for (on, *_), calls in tried.items():
        (mine,) = (call for call in calls if (on, *call) in used)
        assert calls[mine] >= max(calls.values()) - 0.2
        rates = [lr for _, lr, _ in calls]
        assert min(rates) < mine[1] < max(rates), "on an edge of its grid"


def test_sg_has_the_settings_of_dni_but_at_2_and_truncation_four_rates() -> None:
    specs = [s for part in table1_long.parts() for s in part if "copy" in s.task]
    for spec in specs:
        if spec.trainer.startswith("sg("):
            twin = replace(spec, trainer=spec.trainer.replace("sg(", "dni("))
            assert (twin in specs) == (spec.T != 2)
    rates = {(s.T, s.lr) for s in specs if s.trainer.startswith("tbptt(")}
    assert rates == {(2, 1e-4), (3, 3e-4), (4, 3e-4), (5, 3e-3), (8, 3e-3), (16, 1e-2)}
