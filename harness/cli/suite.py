"""sgbench suite."""

from __future__ import annotations

import click

from harness import cli


@click.command("suite")
@click.argument("name")
@click.option("--seeds", type=click.IntRange(min=1), help="Seeds 0 to N - 1, not the suite's own.")
@click.option("--timesteps", type=int, help="Data-time of every run that learns.")
@click.option("--device", help="cpu, cuda or cuda:0, not the suite's own.")
@cli.results
@cli.plugins
@cli.jobs
@cli.again
@cli.data
def command(
    name: str,
    seeds: int | None,
    timesteps: int | None,
    device: str | None,
    results: str,
    plugin: tuple[str, ...],
    jobs: int | None,
    again: bool,
) -> None:
    """Make every run of a suite or figure.

    Prints the comparison and draws the figures. Runs that are finished already are not made
    again: the second time it only reports. A trainer of yours, named by --plugin, joins in.

    \b
    Example:  sgbench suite quick --results results/local
              sgbench suite levels --seeds 5
    """
    from dataclasses import replace

    from harness.call import Call
    from harness.check import unknown
    from harness.registry import Registry
    from harness.store import Store

    registry, store = Registry(plugin), Store(results)
    name = Call.parse(name.replace("-", "_")).name
    if name in registry.names("suite"):
        suite = registry.make("suite", name)
        specs, figures = suite.runs(registry), suite.figures
    elif name in registry.names("figure"):
        specs, figures = registry.make("figure", name).runs(registry), (name,)
    else:
        raise unknown("suite", name, registry.names("suite") + registry.names("figure"))
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
    records, code = cli.make(list(dict.fromkeys(specs)), store, registry, jobs, anew=again)
    for path in cli.draw(figures, records, registry, store.folder / "figures"):
        click.echo(f"drawn: {path}")
    raise SystemExit(code)
