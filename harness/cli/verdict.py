"""sgbench verdict."""

from __future__ import annotations

from pathlib import Path

import click

from harness import cli


@click.command("verdict")
@click.argument("claims", nargs=-1, metavar="[CLAIM]...")
@click.option("--results", metavar="DIR", default="results", show_default=True,
              help="Folder that holds a folder of records for each suite.")  # fmt: skip
@cli.plugins
def command(claims: tuple[str, ...], results: str, plugin: tuple[str, ...]) -> None:
    """Judge claims about synthetic gradients by recorded runs.

    A claim is judged by the runs of its suite, in the folder of that name under --results. Prints
    the effect over pairs of runs with its 95 % interval, and a verdict where this interval and the
    sign-flip permutation test (Holm-adjusted over the lines of the claim) agree.

    \b
    Example:  sgbench verdict
              sgbench verdict dependency --results results
    """
    from harness.analysis.verdict import judged
    from harness.registry import Registry
    from harness.store import Store

    registry = Registry(plugin)
    asked = [registry.make("claim", each) for each in claims or registry.names("claim")]
    if not Path(results).is_dir():
        raise ValueError(f"no folder {results!r} for --results")
    suites = {claim.suite for claim in asked}
    recorded = {suite: Store(Path(results, suite)).records() for suite in sorted(suites)}
    for claim in sorted(asked, key=lambda each: (each.letter, each.question)):
        click.echo("\n".join(judged(claim, recorded[claim.suite])))
