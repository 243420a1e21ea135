"""sgbench suite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from harness import cli
from harness.cli import _running

if TYPE_CHECKING:
    from harness.executors.execute import Executor
    from harness.registry import Registry
    from harness.spec import Conditions, RunSpec


@click.command("suite")
@click.argument("name")
@click.option(
    "--seeds", type=click.IntRange(min=1), help="Seeds 0 to N - 1, instead of the suite's."
)
@click.option("--timesteps", type=int, help="Timesteps per run; runs of one episode keep theirs.")
@click.option("--device", help="cpu, cuda or cuda:0, instead of the suite's.")
@click.option("--estimate", "estimated", is_flag=True,
              help="Record nothing; try each run briefly, and estimate the whole.")  # fmt: skip
@cli.results
@cli.plugins
@_running.conditions
@cli.data
def command(
    name: str,
    seeds: int | None,
    timesteps: int | None,
    device: str | None,
    estimated: bool,
    results: str,
    plugin: tuple[str, ...],
    conditions: Conditions,
    executor: Executor,
) -> None:
    """Run all runs of a suite or figure.

    Prints the table and draws the figures. Runs already recorded are reused: run again, the
    command only prints the report. In suites of all trainers, one given by --plugin joins in.

    \b
    Example:  sgbench suite quick --results results/local
              sgbench suite levels --seeds 5
    """
    from dataclasses import replace

    from harness.analysis.verdict import judged
    from harness.check import unknown
    from harness.executors.execute import suiting
    from harness.names.call import Call
    from harness.registry import Registry
    from harness.store import Store

    registry, store = Registry(plugin), Store(results)
    call = Call.parse(name.replace("-", "_"))
    if call.options:
        raise ValueError(f"a suite or figure takes no options, got {call}")
    name = call.name
    if name in registry.names("suite"):
        suite = registry.make("suite", name)
        specs, figures, claims = suite.runs(registry), suite.figures, suite.claims
        conditions = _running.with_engine(conditions, suite.engine)
    elif name in registry.names("figure"):
        specs, figures, claims = registry.make("figure", name).runs(registry), (name,), ()
    else:
        raise unknown("suite or figure", name, registry.names("suite") + registry.names("figure"))
    specs = [
        replace(
            spec,
            device=device or spec.device,
            timesteps=spec.timesteps if timesteps is None or spec.timesteps == 1 else timesteps,
        )
        for spec in specs
    ]
    if seeds:
        specs = [replace(spec, seed=seed) for seed in range(seeds) for spec in specs]
    specs, left_out = suiting(list(dict.fromkeys(specs)), registry)
    for line in left_out:
        click.echo(line)
    if estimated:
        _say_estimate(specs, registry)
        return
    records, code = _running.run_all(specs, store, registry, conditions, executor, shares=True)
    for each in claims:
        click.echo("\n".join(judged(registry.make("claim", each), records)))
    for each in figures:
        try:
            for path in cli.draw([each], records, registry, store.folder / "figures"):
                click.echo(f"drawn: {path}")
        except ValueError as error:
            if not code:
                raise
            click.echo(f"not drawn: {error}", err=True)
    raise SystemExit(code)


def _say_estimate(specs: Sequence[RunSpec], registry: Registry) -> None:
    """Print a line for each kind of run, then the total."""
    from harness.executors.execute import check
    from harness.measure.environment import set_up
    from harness.runs.estimate import estimate

    set_up()
    check(specs, registry)
    found = estimate(specs, registry)
    kinds: dict[str, list[tuple[RunSpec, float, float]]] = {}
    for each in found:
        kinds.setdefault(f"{each[0].task} {each[0].trainer}", []).append(each)
    for kind, group in kinds.items():
        spec, seconds, flops = group[0]
        click.echo(
            f"{len(group)} × {seconds / 3600:8.3f} h, {flops / 1e12:10,.2f} TFLOP, "
            f"{spec.timesteps:12,} timesteps: {kind}"
        )
    hours = sum(seconds for _, seconds, _ in found) / 3600
    click.echo(
        f"\n{len(found)} runs: {hours:,.1f} hours of training, one run at a time, "
        f"{sum(flops for *_, flops in found) / 1e15:,.3f} PFLOP"
    )
