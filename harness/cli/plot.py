"""sgbench plot."""

from __future__ import annotations

from pathlib import Path

import click

from harness import cli


@click.command("plot")
@click.argument("figures", nargs=-1, metavar="[FIGURE]...")
@click.option("--out", metavar="DIR", help="Folder for figures [default: figures/ in --results].")
@cli.results
@cli.plugins
def command(
    figures: tuple[str, ...], out: str | None, results: str, plugin: tuple[str, ...]
) -> None:
    """Draw figures of recorded runs.

    Draws SVG and PNG; without a name, every figure that the records have data for.

    \b
    Example:  sgbench plot levels --results results/local --out plots
    """
    from harness.registry import Registry
    from harness.store import Store

    registry, store = Registry(plugin), Store(results)
    for name in figures:
        registry.entry("figure", name)
    folder = Path(out) if out else store.folder / "figures"
    for path in cli.draw(figures or None, store.existing(), registry, folder):
        click.echo(f"drawn: {path}")
