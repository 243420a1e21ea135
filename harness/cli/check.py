"""sgbench check."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command("check")
@click.option("--baseline", "path", metavar="FILE", required=True, type=click.Path(path_type=Path),
              help="Recorded figures and their thresholds, JSON.")  # fmt: skip
@click.option("--update", "updated", is_flag=True, help="Write what is measured to the baseline.")
@click.option(
    "--only", metavar="NAME", multiple=True,
    help="Figures whose names begin so: speed, losses/plain_copy; repeatable.",
)  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json", "junit"]), default="text",
              show_default=True, help="Of the report.")  # fmt: skip
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path),
              help="File for the report; its text is printed all the same.")  # fmt: skip
def command(path: Path, updated: bool, only: tuple[str, ...], form: str, out: Path | None) -> None:
    """Compare a small fixed suite with a recorded baseline.

    Costs and the curriculum's rule to the digit, losses to a tolerance, what is learned by seeds
    in pairs, speed by ratios measured in turns. A minute.

    Exit code 0: fine; 1: a regression; 2: could not tell, or there is nothing to compare with.
    An update keeps the thresholds that stand in the file, and the figures not asked for.

    \b
    Example:  sgbench check --baseline results/check/baseline.json
              sgbench check --baseline mine.json --only speed --update
    """
    from harness.regression.baseline import Baseline, read

    baseline = Baseline() if updated and not path.exists() else read(path)
    if out:
        _write(out, "")  # else a minute is spent before it turns out that it cannot be written
    from harness.regression.check import check, update

    if updated:
        update(baseline, only, _say).write(path)
        click.echo(f"recorded: {path}")
        return
    try:
        report = check(baseline, only, _say)
    except OSError as error:  # a full disk is no regression
        raise ValueError(f"could not measure: {error}") from None
    text = {"text": report.text, "json": report.json, "junit": report.junit}[form]() + "\n"
    if out:
        _write(out, text)
        text = report.text() + "\n"
    click.echo(text, nl=False)
    raise SystemExit(report.code)


def _say(group: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"measuring: {group}", err=True)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}") from None
