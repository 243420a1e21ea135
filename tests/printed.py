"""What the pages show as printed, printed again from the records.

python -m tests.printed quick
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pandas as pd

from harness.analysis.comparison import comparison
from harness.analysis.verdict import judged
from harness.claim import in_order
from harness.registry import Registry
from harness.store import Record, Store
from tests.benchmarks import commands, turns

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results"


@cache
def records(folder: str) -> list[Record]:
    """The records of a folder of results."""
    return Store(RESULTS / folder).records()


@cache
def printed(block: str) -> str:
    """One of BLOCKS, as the command prints it."""
    return BLOCKS[block]().strip("\n")


def _verdict() -> str:
    registry = Registry()
    claims = [registry.make("claim", name) for name in registry.names("claim")]
    lines = [line for claim in in_order(claims) for line in judged(claim, records(claim.suite))]
    return "\n".join(lines)


def _gap_verdict() -> str:
    return "\n".join(judged(Registry().make("claim", "dependency"), records("gap")))


def _updates(folder: Path) -> str:
    """Both engines on the two methods that the pages are about; the file holds all."""
    table = pd.read_csv(folder / "updates.csv")
    shown = table.trainer.isin(["tbptt", "dni"]) & table.contestant.isin(["eager", "compiled"])
    return turns.said(table[shown].drop(columns="over_tbptt"))


BLOCKS = {
    "quick": lambda: comparison(records("quick")),
    "gap": lambda: comparison(records("gap")),
    "gap verdict": _gap_verdict,
    "ablation": lambda: comparison(records("ablation")),
    "rivals": lambda: comparison(records("rivals")),
    "rivals_compiled": lambda: comparison(records("rivals_compiled")),
    "exact_trace": lambda: comparison(records("exact_trace")),
    "rivals_wide": lambda: comparison(records("rivals_wide")),
    "rivals_small": lambda: comparison(records("rivals_small")),
    "verdict": _verdict,
    "updates": lambda: _updates(RESULTS / "speed"),
    "updates on Intel": lambda: _updates(RESULTS / "speed" / "intel"),
    "commands": lambda: commands.said(pd.read_csv(RESULTS / "speed" / "commands.csv")),
}

if __name__ == "__main__":
    print(printed(" ".join(sys.argv[1:])))
