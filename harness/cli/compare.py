"""sgbench compare."""

from __future__ import annotations

from pathlib import Path

import click

from harness import cli


@click.command("compare")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--out", metavar="DIR",
              help="Folder for performance profiles [default: none are drawn].")  # fmt: skip
@cli.results
@cli.plugins
def command(a: str, b: str, out: str | None, results: str, plugin: tuple[str, ...]) -> None:
    """Compare two trainers, or two results folders, run by run.

    Pairs share task, setting and seed; between two folders also trainer, learning rate and
    clipping. Prints the score, the cost and the cost to a target: the median of each side, and over
    the pairs the mean difference and the (geometric) mean ratio, with their intervals and the
    sign-flip permutation test, Holm-adjusted over all tables. With --out, draws performance
    profiles: the share of problems on which a trainer is within a factor of the best.

    \b
    Example:  sgbench compare "dni(T=3)" "tbptt(T=3)" --results results/table1_desk
              sgbench compare results/before results/after --out results/local/profiles
    """
    from harness.analysis.paired import contrasts, said, trainers
    from harness.analysis.table import distinct
    from harness.names.call import canonical
    from harness.registry import Registry
    from harness.store import Store

    registry = Registry(plugin)
    folders = {each: Path(each) for each in (a, b) if Path(each).is_dir()}
    if folders:
        for each in (a, b):
            if each not in folders:
                raise ValueError(f"no folder {each!r} to compare with {next(iter(folders))}")
        if Path(a).resolve() == Path(b).resolve():
            raise ValueError(f"cannot compare {a} with itself; name two folders, or two trainers")
        ours, theirs = (distinct(Store(each).existing()) for each in (a, b))
        mine = {id(record) for record in ours}
        found = contrasts(
            [*ours, *theirs],
            lambda r: id(r) in mine,
            lambda r: id(r) not in mine,
            lambda r: (r.spec.trainer, r.spec.lr, r.spec.clip),
        )
        drawn = {"a": ours, "b": theirs}
    else:
        records = distinct(Store(results).existing())
        a, b = canonical(a), canonical(b)
        found = contrasts(records, *trainers(records, a, b))
        drawn = {"": records}
    click.echo(f"A: {a}\nB: {b}\n\n{said(found)}")
    for name, group in drawn.items() if out else ():
        for path in cli.draw(["profiles"], group, registry, Path(str(out), name)):
            click.echo(f"drawn: {path}")
