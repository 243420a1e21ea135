"""sgbench export."""

from __future__ import annotations

from pathlib import Path

import click

from harness import cli


@click.command("export")
@click.option("--out", required=True, metavar="FILE", help="A .csv or .parquet file.")
@click.option("--rows", type=click.Choice(["runs", "curve", "validation", "probes"]),
              default="runs", show_default=True,
              help="One row per run, or one per point along training.")  # fmt: skip
@cli.results
def command(out: str, rows: str, results: str) -> None:
    """Write the tidy table of all runs.

    The runs of a plug-in need no --plugin here: their records hold everything.

    \b
    Example:  sgbench export --results results/local --out runs.csv
              sgbench export --rows curve --out curves.parquet
    """
    from harness.analysis.table import curves, table
    from harness.store import Store

    path = Path(out)
    if path.suffix not in (".csv", ".parquet"):
        raise ValueError(f"--out must end in .csv or .parquet, got {out!r}")
    records = Store(results).existing()
    frame = table(records) if rows == "runs" else curves(records, rows)
    try:
        if path.suffix == ".csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path, index=False)
    except OSError as error:
        raise ValueError(f"cannot write {out}: {error.strerror or error}") from None
    click.echo(f"{len(frame)} rows, {len(frame.columns)} columns: {out}")
