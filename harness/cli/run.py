"""sgbench run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from harness import cli
from harness.cli import _running

if TYPE_CHECKING:
    from harness.executors.execute import Executor
    from harness.spec import Conditions


@click.command("run")
@click.argument("task")
@click.argument("trainers", nargs=-1, required=True, metavar="TRAINER...")
@cli.setting
@click.option("--timesteps", default=100_000, show_default=True,
              help="Timesteps of training, per sequence of the batch.")  # fmt: skip
@click.option("--seed", type=int, help="One seed [default: 0].")
@click.option("--seeds", type=click.IntRange(min=1), help="Seeds 0 to N - 1.")
@click.option("--probe", default=0, help="Updates between two gradient probes; 0: no probes.")
@click.option("--workers", default="", metavar="CALL",
              help='Share a run between processes: "ddp(processes=2)"; `list mode`.')  # fmt: skip
@cli.results
@cli.plugins
@_running.conditions
@cli.data
def command(
    task: str,
    trainers: tuple[str, ...],
    seed: int | None,
    seeds: int | None,
    results: str,
    plugin: tuple[str, ...],
    conditions: Conditions,
    executor: Executor,
    **setting: Any,
) -> None:
    """Train on a task with one trainer or several.

    Every run is recorded. Prints a table that compares the trainers.

    \b
    Example:  sgbench run "plain_copy(bits=4)" bptt "tbptt(T=3)" "dni(T=3)" \\
                  --model "lstm(hidden=64)" --batch 32 --timesteps 30000 --seeds 3
    """
    from harness.registry import Registry
    from harness.store import Store

    if seed is not None and seeds is not None:
        raise ValueError("give --seed or --seeds, not both")
    asked = range(seeds) if seeds else [seed or 0]
    specs = [spec for each in asked for spec in cli.runs(task, trainers, seed=each, **setting)]
    _, code = _running.run_all(specs, Store(results), Registry(plugin), conditions, executor)
    raise SystemExit(code)
