"""sgbench profile."""

from __future__ import annotations

from typing import Any

import click

from harness import cli
from harness.analysis.text import aligned

HEADER = (
    "trainer", "MFLOP/update", "MFLOP/timestep", "activations kB", "peak kB", "trace kB",
    "updates/s", "timesteps×B/s", "time ratio",
)  # fmt: skip


@click.command("profile")
@click.argument("task")
@click.argument("trainers", nargs=-1, required=True, metavar="TRAINER...")
@cli.setting
@click.option(
    "--timesteps", default=5_000, show_default=True, help="Timesteps to time, per trainer."
)
@click.option("--seed", default=0, show_default=True)
@cli.results
@cli.plugins
@cli.data
def command(
    task: str, trainers: tuple[str, ...], results: str, plugin: tuple[str, ...], **setting: Any
) -> None:
    """Measure what trainers cost on a task.

    FLOPs, memory and time, the trainers taking turns in one process. Time is a ratio to the first
    trainer's, with its 95 % interval over rounds. The table is also written to profile.csv in the
    results folder. Below it: how often a compiled update makes each matrix product, M × K × N, and
    whose it is, torch's or our own.

    \b
    Example:  sgbench profile "plain_copy(start=8)" "tbptt(T=4)" "dni(T=4)" bptt
    """
    from harness.executors.execute import check
    from harness.measure.environment import set_up
    from harness.registry import Registry
    from harness.runs.profile import products_of, profile
    from harness.store import Store

    set_up()
    store, registry = Store(results), Registry(plugin)
    specs = cli.runs(task, trainers, **setting)
    check(specs, registry)
    store.create()
    frame = profile(specs, registry)
    frame.to_csv(store.folder / "profile.csv", index=False)
    rows = [
        (
            row.trainer,
            f"{row.flops_per_update / 1e6:.2f}",
            f"{row.flops_per_timestep / 1e6:.2f}",
            f"{row.activation_bytes / 1e3:,.0f}",
            f"{row.peak_memory_bytes / 1e3:,.0f}",
            f"{row.trace_bytes / 1e3:,.0f}",
            f"{row.updates_per_second:,.0f}",
            f"{row.throughput:,.0f}",
            f"{row.time_ratio:.2f} [{row.time_ratio_low:.2f}, {row.time_ratio_high:.2f}]",
        )
        for row in frame.itertuples()
    ]
    click.echo("\n".join(aligned([HEADER, *rows])))
    found = {spec.trainer: made for spec in specs if (made := products_of(spec, registry))}
    if found:
        every = dict.fromkeys(key for made in found.values() for key in made)
        head = ("matrix product, compiled", "whose", *found)
        counts = [(*key, *(str(made[key] or "") for made in found.values())) for key in every]
        click.echo("\n" + "\n".join(aligned([head, *counts], left=2)))
    about = f"{specs[0].model}, batch {specs[0].batch}, {specs[0].device}"
    click.echo(f"\n{about}; also in {store.folder}/profile.csv")
