"""The speed table: all contestants in turns, in one run, on one pinned core.

    python -m tests.benchmarks.turns --out results/speed

Ratios are taken within a turn, and stand with the interval of their median over turns.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

TRAINERS = ("tbptt", "dni")


def measure(turns: int) -> list[dict[str, Any]]:
    """A row for every size, trainer and contestant."""
    import torch

    from harness.environment import describe
    from harness.statistics import interval
    from tests.benchmarks import contestants

    torch.set_num_threads(1)
    where = describe(torch.device("cpu"))
    rows = []
    for size in contestants.SIZES:
        runs: dict[tuple[str, str], contestants.Contestant] = {}
        for trainer in TRAINERS:
            runs[trainer, "bare loop"] = contestants.bare(trainer, size)
            for engine in ("eager", "compiled"):
                runs[trainer, engine] = contestants.harness(trainer, size, engine)
            for unroll in _unrolls(size.T):
                from tests.benchmarks import jax_loop

                name = f"JAX, scan of {unroll}"
                runs[trainer, name] = jax_loop.contestant(trainer, size, unroll)
        products = contestants.product(size)
        laps: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
        rates: list[float] = []
        for turn in range(turns + 1):
            for key, run in runs.items():
                lap = _lap(run) / contestants.UPDATES
                if turn:  # the first is untimed: it compiles
                    laps[key].append(lap)
            if turn:
                rates.append(max(flops / _lap(run) for flops, run in products.values()))
        for (trainer, name), times in laps.items():
            arithmetic = contestants.flops(trainer, size) / contestants.UPDATES
            row: dict[str, Any] = {
                "size": str(size), "trainer": trainer, "contestant": name,
                "milliseconds": 1e3 * interval(times).centre, "turns": turns,
                "gflop": arithmetic / 1e9, "best_gflop_per_second": interval(rates).centre / 1e9,
            }  # fmt: skip
            against = {
                "bare": laps[trainer, "bare loop"],
                "tbptt": laps["tbptt", name],
                "floor": [arithmetic / rate for rate in rates],
            }
            if any("JAX" in each for _, each in laps):
                jaxes = [laps[key] for key in laps if key[0] == trainer and "JAX" in key[1]]
                against["jax"] = [min(turn) for turn in zip(*jaxes, strict=True)]
            for other, theirs in against.items():
                ratio = interval([mine / its for mine, its in zip(times, theirs, strict=True)])
                row |= {f"over_{other}": ratio.centre, f"over_{other}_low": ratio.low,
                        f"over_{other}_high": ratio.high}  # fmt: skip
            rows.append(row | {name: where[name] for name in ("processor", "torch", "commit")})
    return rows


def _unrolls(T: int) -> tuple[int, ...]:
    """Of JAX, where it is: a loop, and the window in one piece; the faster counts."""
    try:
        import jax  # noqa: F401
    except ImportError:
        return ()
    return (1, T)


SECONDS = 0.15


def _lap(run: Any) -> float:
    """Seconds of one call, the mean of as many as fill a lap."""
    count, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < SECONDS or not count:
        run()
        count += 1
    return spent / count


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
    draw(table, asked.out)


def said(table: Any) -> str:
    """The table as text, ratios with their intervals."""
    lines = []
    others = [name for name in ("bare", "jax", "floor", "tbptt") if f"over_{name}" in table]
    for size, rows in table.groupby("size", sort=False):
        rate = rows.best_gflop_per_second.iloc[0]
        lines.append(f"LSTM / batch / T: {size}; best product {rate:.0f} GFLOP/s")
        lines.append(f"{'':28}{'ms':>8}" + "".join(f"{'over ' + name:>22}" for name in others))
        for row in rows.to_dict("records"):
            ratios = [
                f"{row[f'over_{n}']:.2f} [{row[f'over_{n}_low']:.2f}, {row[f'over_{n}_high']:.2f}]"
                for n in others
            ]
            name = f"{row['trainer']}, {row['contestant']}"
            lines.append(
                f"{name:28}{row['milliseconds']:8.3f}" + "".join(f"{r:>22}" for r in ratios)
            )
        lines.append("")
    return "\n".join(lines)


def draw(table: Any, folder: Path) -> None:
    """Milliseconds an update, a panel a size; the floor as a line."""
    from matplotlib.figure import Figure

    sizes = list(dict.fromkeys(table["size"]))
    drawing = Figure(figsize=(4 * len(sizes), 3.4), layout="constrained")
    for axes, size in zip(drawing.subplots(1, len(sizes)), sizes, strict=True):
        rows = table[table["size"] == size]
        names = list(dict.fromkeys(rows.contestant))
        for at, trainer in enumerate(TRAINERS):
            own = rows[rows.trainer == trainer].set_index("contestant").loc[names]
            places = [k + 0.4 * at - 0.2 for k in range(len(names))]
            axes.barh(places, own.milliseconds, height=0.36, label=trainer, color=f"C{at}")
            floor = (own.gflop / own.best_gflop_per_second * 1e3).iloc[0]
            axes.axvline(floor, color=f"C{at}", linestyle=":", label=f"{trainer}: arithmetic alone")
        axes.set_yticks(range(len(names)), names)
        axes.set(title=f"LSTM {size}", xlabel="milliseconds an update")
        axes.invert_yaxis()
        axes.margins(x=0.1)
    drawing.axes[0].legend(fontsize=7, loc="lower right")  # where the bars are short
    for kind in ("svg", "png"):
        drawing.savefig(folder / f"updates.{kind}", dpi=150)


if __name__ == "__main__":
    main()
