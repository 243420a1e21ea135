"""sgbench check."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("check")
@click.option("--baseline", "path", metavar="FILE", required=True, type=click.Path(path_type=Path),
              help="JSON file of recorded figures and their thresholds.")  # fmt: skip
@click.option("--update", "updated", is_flag=True, help="Write the measurements to the baseline.")
@click.option(
    "--only", metavar="NAME", multiple=True,
    help="Only figures whose names begin with this: speed, losses/plain_copy; repeatable.",
)  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json", "junit"]), default="text",
              show_default=True, help="Format of the report.")  # fmt: skip
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path),
              help="File for the report; the text is printed as well.")  # fmt: skip
def command(path: Path, updated: bool, only: tuple[str, ...], form: str, out: Path | None) -> None:
    """Compare a small fixed suite with a recorded baseline.

    Costs and the curriculum's rule must match exactly, losses within a tolerance; what is learned
    is compared seed by seed, and speed by ratios measured in turns. Takes about a minute
    on two cores.

    Exit code 0: fine; 1: a regression; 2: could not tell, or nothing to compare with.
    --update keeps the thresholds in the file, and the figures that it does not measure.

    \b
    Example:  sgbench check --baseline results/check/baseline.json
              sgbench check --baseline mine.json --only speed --update
    """
    from harness.regression.baseline import Baseline, read

    if out and updated:
        raise ValueError(f"--out {out}: --update writes no report")
    if out and out.resolve() == path.resolve():
        raise ValueError(f"--out {out}: the report would replace the baseline")
    baseline = Baseline() if updated and not path.exists() else read(path)
    if out:
        new = not out.exists()
        _write(out, "", mode="a")  # fail now where it cannot be written, not after a minute
        if new:
            out.unlink()
    from harness.regression.check import check, update

    if updated:
        update(baseline, only, _say).write(path)
        click.echo(f"recorded: {path}")
        return
    try:
        report = check(baseline, only, _say)
    except OSError as error:  # a full disk is not a regression
        raise ValueError(f"could not measure: {error}") from None
    text = {"text": report.text, "json": report.json, "junit": report.junit}[form]() + "\n"
    if out:
        _write(out, text)
        text = report.text() + "\n"
    click.echo(text, nl=False)
    raise SystemExit(report.code)


def _say(group: str) -> None:
    click.echo(f"measuring: {group}", err=True)


def _write(path: Path, text: str, mode: str = "w") -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}") from None
