"""sgbench report."""

from __future__ import annotations

from pathlib import Path

import click

from harness import cli


@click.command("report")
@click.option("--results", metavar="DIR", multiple=True, default=["results/local"],
              show_default=True,
              help="Folder of records, or of such folders; repeatable.")  # fmt: skip
@click.option("--out", metavar="FILE", help="The page [default: report.html in the first folder].")
@cli.plugins
def command(results: tuple[str, ...], out: str | None, plugin: tuple[str, ...]) -> None:
    """Write one HTML page of everything recorded.

    The verdicts, a sortable table per setting, curves against timesteps, seconds and FLOPs,
    costs, and every run with its spec and environment. The page needs no network: it can be
    mailed, and opened from disk.

    \b
    Example:  sgbench report --results results/local --out report.html
              sgbench report --results results/quick --results results/table1_desk
    """
    from harness.claim import in_order
    from harness.registry import Registry
    from harness.report.page import folders, render, save

    registry = Registry(plugin)
    claims = [registry.make("claim", name) for name in registry.names("claim")]
    found = folders(results)
    path = Path(out) if out else Path(results[0], "report.html")
    if path.is_dir():
        raise ValueError(f"--out must be a file, but {path} is a folder")
    save(render(found, in_order(claims)), path)
    runs = sum(len(folder.records) for folder in found)
    click.echo(f"{runs} runs, {path.stat().st_size / 1e6:.1f} MB: {path}")
