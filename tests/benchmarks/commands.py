"""Whole commands: a suite of eight equal runs by jobs, engines and stacks, and starting up.

    python -m tests.benchmarks.commands --out results/speed

Every turn makes each suite once, in an order of its own; ratios are taken within a turn.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RUNS = 8
SUITE = ["run", "plain_copy(bits=4)", "dni(T=3)", "--seeds", str(RUNS)]
SUITES = {
    "--jobs 1": ["--jobs", "1"],
    "--jobs 2": ["--jobs", "2"],
    "--jobs 2 --stack 4": ["--jobs", "2", "--stack", "4"],
    "--jobs 2 --engine compiled": ["--jobs", "2", "--engine", "compiled"],
    "--jobs 2 --engine compiled --stack 4": [
        "--jobs", "2", "--engine", "compiled", "--stack", "4",
    ],
}  # fmt: skip
STARTS = {
    "--help": ["--help"],
    "list": ["list"],
    "one update": ["run", "plain_copy(bits=4)", "dni(T=3)", "--timesteps", "1"],
}


def measure(turns: int, timesteps: int) -> list[dict[str, Any]]:
    """A row a command: seconds, runs per hour, and the first suite's seconds over its own."""
    import torch

    from harness.measure.environment import describe
    from harness.statistics import interval

    laps: dict[str, list[float]] = {name: [] for name in (*SUITES, *STARTS)}
    for turn in range(turns):
        names = list(laps)
        random.Random(turn).shuffle(names)
        for name in names:
            suite = [*SUITE, "--timesteps", str(timesteps), *SUITES.get(name, [])]
            laps[name].append(_seconds(STARTS.get(name, suite)))
    where = describe(torch.device("cpu"))
    first = laps[next(iter(SUITES))]
    rows = []
    for name, times in laps.items():
        seconds = interval(times)
        row: dict[str, Any] = {
            "command": name, "turns": turns, "seconds": seconds.centre,
            "seconds_low": seconds.low, "seconds_high": seconds.high,
        }  # fmt: skip
        if name in SUITES:
            speed_up = interval([its / mine for its, mine in zip(first, times, strict=True)])
            row |= {
                "timesteps": timesteps, "runs_per_hour": 3600 * RUNS / seconds.centre,
                "speed_up": speed_up.centre, "speed_up_low": speed_up.low,
                "speed_up_high": speed_up.high,
            }  # fmt: skip
        rows.append(row | {key: where[key] for key in ("processor", "torch", "commit")})
    return rows


def _seconds(arguments: list[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "harness", *arguments]
        if arguments[0] == "run":
            command += ["--results", folder]
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - began


def main() -> None:
    """Measure, print, and write the rows as CSV."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/local/speed"))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--timesteps", type=int, default=20_000)
    asked = parser.parse_args()
    import pandas as pd

    table = pd.DataFrame(measure(asked.turns, asked.timesteps))
    asked.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(asked.out / "commands.csv", index=False, float_format="%.5g")
    print(said(table))


def said(table: Any) -> str:
    """The table as text."""
    lines = [f"{'sgbench ...':40}{'seconds':>22}{'runs an hour':>14}{'times as fast':>20}"]
    for row in table.to_dict("records"):
        line = f"{row['command']:40}{_between(row, 'seconds'):>22}"
        if row["command"] in SUITES:
            line += f"{row['runs_per_hour']:14,.0f}{_between(row, 'speed_up'):>20}"
        lines.append(line)
    return "\n".join(lines)


def _between(row: dict[str, Any], column: str) -> str:
    """A median of turns and its interval, or the range of fewer than six."""
    from harness.statistics import Interval

    bounds = (row[column], row[f"{column}_low"], row[f"{column}_high"])
    return Interval(*bounds, row["turns"], 1 - 2.0 ** (1 - row["turns"])).said(2)


if __name__ == "__main__":
    main()
