"""The speed table: all contestants in turns, in one run, on one pinned core.

    python -m tests.benchmarks.turns --out results/speed

A lap is a stretch of UPDATES windows, of which `bptt` makes one update and every other trainer one
a window. Every turn has an order of its own, so that no contestant always follows the same one.
Ratios are taken within a turn, and stand with the interval of their median over turns. Where one
of several counts, a way to run JAX, a layout of the products, it is the one of the lowest median.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from harness.analysis.look import SPARES

JAX_WAYS = {
    "JAX, scan": (False, False),
    "JAX, unrolled": (True, False),
    "JAX, scan, at once": (False, True),
    "JAX, unrolled, at once": (True, True),
}
JAX = JAX_WAYS if find_spec("jax") else {}
"""A loop over the window, or the window in one piece; a call an update, or one for all of a lap."""
SECONDS = 0.15
Key = tuple[str, str]


def measure(turns: int) -> Iterator[dict[str, Any]]:
    """A row for every size, trainer and contestant."""
    from harness.measure.environment import set_up
    from tests.benchmarks.contestants import SIZES

    set_up()
    for size in SIZES:
        yield from _rows(size, turns)


def _rows(size: Any, turns: int) -> Iterator[dict[str, Any]]:
    import torch

    from harness.measure.environment import describe
    from harness.statistics import interval
    from tests.benchmarks import contestants

    if JAX:
        from tests.benchmarks import jax_loop

    where = describe(torch.device("cpu"))
    products, data = contestants.products(size), contestants.data(size)
    runs = {trainer: contestants.run_of(trainer, size) for trainer in contestants.TRAINERS}
    flops = {trainer: run.costs.of(data).flops for trainer, run in runs.items()}
    calls: dict[Key, Any] = {("product", name): product.run for name, product in products.items()}
    for trainer, run in runs.items():
        calls[trainer, "bare loop"] = contestants.bare(run, data)
        for name, way in JAX.items():
            calls[trainer, name] = jax_loop.contestant(run, data, *way)
        calls[trainer, "eager"] = contestants.harness(run, data)
        compiled = contestants.run_of(trainer, size, "compiled")
        calls[trainer, "compiled"] = contestants.harness(compiled, data)
    laps = _laps(calls, turns)
    for trainer, run in runs.items():
        own = {name: laps[who, name] for who, name in laps if who == trainer}
        floor = _quickest(
            [flops[trainer] / product.flops * lap for lap in laps["product", name]]
            for name, product in products.items()
            if trainer in product.of
        )
        updates = len(list(run.trainer.cut(data)))
        for name, times in own.items():
            row: dict[str, Any] = {
                "size": str(size), "trainer": trainer, "contestant": name, "turns": turns,
                "updates": updates, "milliseconds": 1e3 * median(times) / updates,
                "gflop": flops[trainer] / updates / 1e9,
                "best_gflop_per_second": flops[trainer] / median(floor) / 1e9,
            }  # fmt: skip
            against = {"bare": own["bare loop"], "floor": floor, "tbptt": laps["tbptt", name]}
            if JAX:
                against["jax"] = _quickest(own[each] for each in JAX)
            for other, theirs in against.items():
                ratio = interval([mine / its for mine, its in zip(times, theirs, strict=True)])
                row |= {f"over_{other}": ratio.centre, f"over_{other}_low": ratio.low,
                        f"over_{other}_high": ratio.high}  # fmt: skip
            yield row | {name: where[name] for name in ("processor", "torch", "commit")}


def _laps(calls: dict[Key, Any], turns: int) -> dict[Key, list[float]]:
    """Seconds of a lap of each, a value a turn."""
    laps: dict[Key, list[float]] = {key: [] for key in calls}
    for turn in range(turns + 1):
        for key in random.Random(turn).sample(list(calls), len(calls)):
            lap = _lap(calls[key])
            if turn:  # the first is untimed: it compiles
                laps[key].append(lap)
    return laps


def _lap(call: Any) -> float:
    """Seconds of one call, the mean of as many as fill SECONDS."""
    count, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < SECONDS or not count:
        call()
        count += 1
    return spent / count


def _quickest(options: Any) -> Sequence[float]:
    return min(options, key=median)


def main() -> None:
    """Measure, print and draw; write the rows as CSV."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/local/speed"))
    parser.add_argument("--turns", type=int, default=15)
    asked = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    import pandas as pd

    table = pd.DataFrame(measure(asked.turns))
    asked.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(asked.out / "updates.csv", index=False, float_format="%.5g")
    print(said(table))
    if not JAX:
        print("without JAX, which is not installed: pip install 'sgbench[bench]'")
    draw(table, asked.out)


def said(table: Any) -> str:
    """The table as text, ratios with their intervals."""
    lines = []
    others = [name for name in ("bare", "jax", "floor", "tbptt") if f"over_{name}" in table]
    for size, sized in table.groupby("size", sort=False):
        many = sized.updates.max()
        lines.append(f"LSTM / batch / T: {size}; ms an update, which for bptt is {many} windows")
        lines.append(f"{'':24}{'ms':>9}" + "".join(f"{'over ' + name:>22}" for name in others))
        for trainer, rows in sized.groupby("trainer", sort=False):
            for row in rows.to_dict("records"):
                name = f"{trainer}, {row['contestant']}"
                ratios = [_ratio(row, f"over_{other}") for other in others]
                lines.append(
                    f"{name:24}{row['milliseconds']:9.3f}" + "".join(f"{r:>22}" for r in ratios)
                )
            gflop, rate = rows.gflop.iloc[0], rows.best_gflop_per_second.iloc[0]
            floor = f"{trainer}, {gflop:.3g} GFLOP"
            lines.append(f"{floor:24}{1e3 * gflop / rate:9.3f}  at {rate:.0f} GFLOP/s")
        lines.append("")
    return "\n".join(lines)


def _ratio(row: dict[str, Any], name: str) -> str:
    return f"{row[name]:.2f} [{row[f'{name}_low']:.2f}, {row[f'{name}_high']:.2f}]"


LOOKS = dict(zip(("bare loop", "eager", "compiled", "JAX, the fastest"), SPARES, strict=False))
"""Contestants are no methods, and look like none."""


def draw(table: Any, folder: Path) -> None:
    """Milliseconds a window, a panel a size, a group a trainer; the floor as a line across it."""
    from matplotlib.figure import Figure

    from harness.figure import save

    sizes, trainers = table["size"].unique(), list(table.trainer.unique())
    shown = table.replace({"contestant": dict.fromkeys(JAX_WAYS, "JAX, the fastest")})
    shown = shown.sort_values("milliseconds").drop_duplicates(["size", "trainer", "contestant"])
    names = [name for name in LOOKS if name in set(shown.contestant)]
    drawing = Figure(figsize=(4 * len(sizes), 4.8), layout="constrained")
    panels = drawing.subplots(1, len(sizes), sharey=True)
    for axes, size in zip(panels, sizes, strict=True):
        rows = shown[shown["size"] == size]
        windows = rows.updates.max()
        for k, name in enumerate(names):
            own = rows[rows.contestant == name].set_index("trainer").loc[trainers]
            places = [at + 0.2 * (k - (len(names) - 1) / 2) for at in range(len(trainers))]
            milliseconds = own.milliseconds * own.updates / windows
            axes.barh(places, milliseconds, 0.2, label=name, color=LOOKS[name].colour,
                      hatch=LOOKS[name].hatch, edgecolor="white")  # fmt: skip
        floor = own.gflop / own.best_gflop_per_second * 1e3 * own.updates / windows
        at = range(len(trainers))
        axes.vlines(floor, [k - 0.45 for k in at], [k + 0.45 for k in at], "black", label="floor")
        axes.set_yticks(at, trainers)
        hidden, batch, T = size.split(" / ")
        axes.set(title=f"LSTM {hidden}, batch {batch}, T = {T}", xlabel="milliseconds a window",
                 ylabel="trainer" if axes is panels[0] else "")  # fmt: skip
    panels[0].invert_yaxis()
    drawing.suptitle("Time of one window, by who makes the update")
    drawing.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    save(drawing, folder, "updates")


if __name__ == "__main__":
    main()
