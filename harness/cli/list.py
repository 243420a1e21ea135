"""sgbench list."""

from __future__ import annotations

import shutil
import textwrap

import click

from harness import cli


@click.command("list")
@click.argument("kind", required=False, metavar="[KIND]")
@cli.results
@cli.plugins
def command(kind: str | None, results: str, plugin: tuple[str, ...]) -> None:
    """List tasks, models, trainers, optimisers, schedules, figures, suites, claims, modes or runs.

    KIND is one of: task, model, trainer, optimiser, schedule, figure, suite, claim, mode; or run,
    for the runs recorded in --results.

    \b
    Example:  sgbench list trainer
              sgbench list run --results results/local
    """
    from harness.check import unknown
    from harness.names.plugin import FOLDERS
    from harness.registry import Registry
    from harness.store import Store

    kind = kind.removesuffix("s") if kind else None  # "trainers", as the headings print it
    if kind == "run":
        for record in Store(results).existing():
            click.echo(f"{record.spec.id}  {record.status:<10}  {record.spec.label}")
        return
    if kind is not None and kind not in FOLDERS:
        raise unknown("kind", kind, [*FOLDERS, "run"])
    registry = Registry(plugin)
    width = shutil.get_terminal_size((100, 24)).columns
    for each in [kind] if kind else FOLDERS:
        click.echo(f"{each}s")
        for name in registry.names(each):
            entry = registry.entry(each, name)
            click.echo(f"  {name:<20}{entry.summary}")
            if options := ", ".join(map("=".join, entry.defaults().items())):
                click.echo(textwrap.indent(textwrap.fill(options, width - 22), " " * 22))
