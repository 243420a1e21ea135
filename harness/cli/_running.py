"""What the commands that train share: the options that say how, and the training itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.core import ParameterSource

from harness.executors import server

if TYPE_CHECKING:
    from harness.executors.execute import Executor
    from harness.registry import Registry
    from harness.spec import Conditions, RunSpec
    from harness.store import Record, Store

F = TypeVar("F", bound=Callable[..., Any])


class Option(click.Option):
    """An option for how runs are executed; `of`: the only executor that has it, None: all."""

    def __init__(self, *declared: Any, of: str | None = None, **given: Any) -> None:
        super().__init__(*declared, **given)
        self.of = of


def _how(*declared: Any, **given: Any) -> Callable[[F], F]:
    return click.option(*declared, cls=Option, **given)


HOW = (
    _how("--jobs", of="local", type=click.IntRange(min=1), metavar="N",
         help="Worker processes, one thread each [default: one per core]. Runs with --workers go "
         "one at a time."),
    _how("--stack", of="local", type=click.IntRange(min=1), default=1, show_default=True,
         metavar="N", help="Train N runs that differ only in their seed as one, in one process: "
         "faster for small models. For methods with windows."),
    _how("--engine", default="eager", help="eager, compiled, or auto: whichever finishes sooner "
         "[default: eager; of a suite, its own]."),
    _how("--limit", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
         help="Stop a run, or a stack, after this long, and go on with the others."),
    _how("--again", is_flag=True, help="Repeat runs that are already recorded."),
    _how("--tensorboard", of="local", metavar="DIR", help="Folder for live TensorBoard scalars."),
    _how("--executor", type=click.Choice(["local", "ray"]), default="local", show_default=True,
         help="Processes on this machine, or a Ray cluster."),
    _how("--address", of="ray", metavar="ADDRESS",
         help="A running Ray cluster: auto, ray://host:10001 [default: start one on this "
         "machine]."),
    _how("--cpus", of="ray", default=1.0, show_default=True, help="Cores per run, on Ray."),
    _how("--gpus", of="ray", default=0.0, show_default=True, help="GPUs per run, on Ray."),
)  # fmt: skip
"""Each is named after the field of Conditions or of an executor that takes its value."""


def conditions(function: F) -> F:
    """The options of HOW, passed on as two arguments: `conditions` and `executor`."""

    @wraps(function)
    def bundled(**given: Any) -> Any:
        if given["executor"] == "local" and not (given.get("estimated") or _alone(**given)):
            server.begun()
        import harness.runs.imported  # noqa: F401 - first, which is sooner
        from harness.executors.local import Local
        from harness.executors.ray import Cluster
        from harness.spec import Conditions

        def built(kind: type[Any]) -> Any:
            return kind(**{field.name: given[field.name] for field in fields(kind)})

        context = click.get_current_context()
        how = {str(o.name): o for o in context.command.params if isinstance(o, Option)}
        for name, option in how.items():
            typed = context.get_parameter_source(name) is not ParameterSource.DEFAULT
            if typed and option.of not in (None, given["executor"]):
                raise ValueError(f"{option.opts[0]} is for --executor {option.of}")
        handed = {
            "conditions": built(Conditions),
            "executor": built({"local": Local, "ray": Cluster}[given["executor"]]),
        }
        return function(**handed, **{k: v for k, v in given.items() if k not in how})

    command = cast(F, bundled)
    for option in reversed(HOW):
        command = option(command)
    return command


def with_engine(conditions: Conditions, engine: str) -> Conditions:
    """The conditions of a suite that has an engine of its own; one that is typed stays."""
    source = click.get_current_context().get_parameter_source("engine")
    return replace(conditions, engine=engine) if source is ParameterSource.DEFAULT else conditions


def _alone(trainers: Sequence[str] = (), seeds: int | None = None, **_: Any) -> bool:
    """Whether what is typed is a single run, which needs no process of its own."""
    return len(trainers) == 1 and seeds in (None, 1)


def run_all(
    specs: list[RunSpec],
    store: Store,
    registry: Registry,
    conditions: Conditions,
    executor: Executor,
    shares: bool = False,
) -> tuple[list[Record], int]:
    """Run specs, print how they compare and what went wrong; return records and the exit code.

    shares: whether to print what the core-seconds of new runs went on
    """
    from harness.analysis.comparison import comparison
    from harness.executors.execute import RECORDED, execute
    from harness.runs import scalars

    if conditions.tensorboard:
        scalars.check(conditions.tensorboard)
    began = time.perf_counter()
    ended = execute(specs, store, registry, conditions, executor)
    hours = (time.perf_counter() - began) / 3600
    records = [record for spec in ended if (record := store.record(spec))]
    click.echo(comparison(records))
    recorded = sum(status == RECORDED for status in ended.values())
    new = len(ended) - recorded
    engine = f", engine {conditions.engine}" if conditions.engine != "eager" else ""
    rate = f" ({new / hours:,.0f} an hour{engine})" if new else ""
    click.echo(
        f"\n{len(ended)} run{'s' * (len(ended) != 1)}: {new} new, {recorded} {RECORDED}{rate}; "
        f"records in {store.folder}"
    )
    if new and recorded:
        click.echo(
            f"The seconds of runs {RECORDED} were measured earlier, perhaps under another load."
        )
    if shares and new:
        _say_shares([r for r in records if ended[r.spec] != RECORDED], executor)
    bad = [record for record in records if record.status != "complete"]
    for record in bad:
        click.echo(f"{record.status}: {record.spec.label}: {record.end.get('error')}", err=True)
    return records, 1 if bad or "failed" in ended.values() else 0


def _say_shares(records: list[Record], executor: Executor) -> None:
    """Print what the seconds of the cores went on; not of runs that have several to themselves."""
    import harness
    from harness.measure.spent import shares

    specs = [record.spec for record in records]
    if (cores := executor.cores(specs)) and not any(spec.workers for spec in specs):
        runs = [record.end.get("spent", {}) for record in records]
        click.echo(shares(runs, cores * (time.monotonic() - harness.began)))
