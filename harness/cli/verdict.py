"""sgbench verdict."""

from __future__ import annotations

from pathlib import Path

import click

from harness import cli


@click.command("verdict")
@click.argument("claims", nargs=-1, metavar="[CLAIM]...")
@click.option("--results", metavar="DIR", default="results", show_default=True,
              help="Folder that holds a folder of records for each suite.")  # fmt: skip
@click.option("--power", is_flag=True, help="Print what each test can decide, not its verdict.")
@cli.plugins
def command(claims: tuple[str, ...], results: str, power: bool, plugin: tuple[str, ...]) -> None:
    """Judge claims about synthetic gradients by recorded runs.

    A claim is judged by the runs of its suite, in the folder of that name under --results; by
    default these are the records that come with the project. Prints the effect over pairs of runs
    with its [95 % interval], or, of fewer than six pairs, [their … range], and a verdict where the
    sign-flip permutation test (Holm-adjusted over the lines of the claim) and the interval agree.
    Beside what is gained over truncation stands the headroom: how much a longer window gains.

    With --power: the pairs of each test, the smallest p that they can give, adjusted, and the
    smallest effect that they would decide in 80 of 100 simulated experiments of the recorded
    spread; "cannot decide" where no effect is large enough.

    \b
    Example:  sgbench verdict
              sgbench verdict dependency --results results
              sgbench verdict dependency --power
    """
    from harness.analysis.power import power as decidable
    from harness.analysis.verdict import judged
    from harness.claim import in_order
    from harness.registry import Registry
    from harness.store import Store

    registry = Registry(plugin)
    asked = [registry.make("claim", each) for each in claims or registry.names("claim")]
    suites = {claim.suite for claim in asked}
    _check(Path(results), suites)
    recorded = {suite: Store(Path(results, suite)).records() for suite in sorted(suites)}
    for claim in in_order(asked):
        lines = decidable if power else judged
        click.echo("\n".join(lines(claim, recorded[claim.suite])))


def _check(folder: Path, suites: set[str]) -> None:
    """ValueError where the folder cannot hold a folder of records for each suite."""
    if not folder.is_dir():
        raise ValueError(f"no folder {str(folder)!r} for --results")
    if (folder / "runs").is_dir():
        raise ValueError(
            f"{folder} holds runs, not a folder for each suite; "
            f"did you mean --results {folder.parent}?"
        )
    if not any((folder / suite).is_dir() for suite in suites):
        raise ValueError(f"{folder} holds no folder of records named {' or '.join(sorted(suites))}")
