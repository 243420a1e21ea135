"""Every trainer beside the best: the numbers of performance profiles.

They are those of Dolan & Moré (2002), as AlgoPerf draws them: the share of tasks whose target is
reached within τ times what the best trainer there took.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from harness.analysis.comparison import first, scored, target
from harness.analysis.look import ordered
from harness.analysis.pairs import by, name, setting
from harness.analysis.table import distinct, summary
from harness.store import Record


def profiles(records: Sequence[Record], column: str) -> dict[str, list[float]]:
    """Of every trainer, for every task: what it took to the target over what the best took.

    column: "seconds", "flops" or "activation_bytes"

    The target is that of the table of a suite; a trainer takes what its median seed does. A seed
    that failed, diverged or did not get there takes for ever (inf); where a trainer was not run
    there is NaN. Tasks whose target nobody reached are left out.
    """
    listed = [record for record in distinct(records) if record.spec.timesteps > 1]
    names = labels(listed)
    tasks: list[dict[str, float]] = []
    for group in by(setting, listed).values():
        rows = [summary(record) for record in group if record.status == "complete"]
        if not rows:
            continue
        score = scored(rows)
        goal = target(score, rows)
        taken: dict[str, list[float]] = {}
        for record in group:
            point = first(record, score, goal) if record.status == "complete" else None
            cost = float({**summary(record), **point}[column]) if point else math.inf
            taken.setdefault(names[id(record)], []).append(cost)
        tasks.append({label: median(costs) for label, costs in taken.items()})
    tasks = [task for task in tasks if min(task.values()) < math.inf]
    return {
        label: [task.get(label, math.nan) / min(task.values()) for task in tasks]
        for label in (ordered(names.values()) if tasks else ())
    }


def labels(records: Sequence[Record]) -> dict[int, str]:
    """What each record's trainer is called over several tasks, by id().

    A method has options of its own at each task: where only one call of it was run at a T in
    every setting, its name and T tell it. Else its call does, with its rates where they differ.
    """
    tried: dict[tuple[object, str, int | None], set[tuple[str, float, float]]] = {}
    rates: dict[tuple[object, str], set[tuple[float, float]]] = {}
    for r in records:
        s = r.spec
        tried.setdefault((setting(r), name(r), s.T), set()).add((s.trainer, s.lr, s.clip))
        rates.setdefault((setting(r), s.trainer), set()).add((s.lr, s.clip))
    crowded = {(method, T) for (_, method, T), calls in tried.items() if len(calls) > 1}
    several = {trainer for (_, trainer), found in rates.items() if len(found) > 1}

    def label(r: Record) -> str:
        s = r.spec
        if (name(r), s.T) not in crowded:
            return name(r) if s.T is None else f"{name(r)}(T={s.T})"
        return f"{s.trainer}, lr {s.lr:g}, clip {s.clip:g}" if s.trainer in several else s.trainer

    return {id(record): label(record) for record in records}
