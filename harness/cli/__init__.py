"""The commands, one a file; the file name is the name, and none is imported before it is asked for.

The options that commands share stand here.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from harness.registry import Registry
    from harness.spec import RunSpec
    from harness.store import Record, Store

F = TypeVar("F", bound=Callable[..., Any])


class Commands(click.Group):
    """A group whose commands are the modules of this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"harness.cli.{name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from harness.check import unknown

        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            raise unknown("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


@click.command(cls=Commands, no_args_is_help=False, invoke_without_command=True)
@click.version_option(package_name="sgbench")
@click.pass_context
def sgbench(ctx: click.Context) -> None:
    """Measure what synthetic gradients are good for.

    \b
    Example:  sgbench run "plain_copy(bits=4)" "tbptt(T=3)" "dni(T=3)" --seeds 3
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _data(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value:
        if not Path(value).is_dir():
            raise ValueError(f"no folder {value!r} for --data")
        os.environ["SGBENCH_DATA"] = value  # worker processes inherit it


def results(function: F) -> F:
    """--results: the folder of the records."""
    return click.option(
        "--results", metavar="DIR", default="results/local", show_default=True,
        help="Folder of the records.",
    )(function)  # fmt: skip


def plugins(function: F) -> F:
    """--plugin: files with a trainer, task, model, figure or suite of the user's own."""
    return click.option(
        "--plugin", "plugin", metavar="FILE", multiple=True,
        help="File with a trainer, task, model, figure or suite of yours; repeatable.",
    )(function)  # fmt: skip


def data(function: F) -> F:
    """--data: where the files of named corpora lie."""
    return click.option(
        "--data", metavar="DIR", callback=_data, expose_value=False, is_eager=True,
        help="Folder with the files of named corpora [or SGBENCH_DATA].",
    )(function)  # fmt: skip


def setting(function: F) -> F:
    """--model, --batch, --lr, --optimiser, ... and --device: what all trainers named share."""
    for option in (
        click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:0."),
        click.option("--corpus", metavar="NAME|PATH",
                     help="Text for char_lm, in place of the one that the task names."),
        click.option("--clip", default=1.0, show_default=True,
                     help="Norm at which the model's gradient is clipped; 0: never."),
        click.option("--schedule", default="constant", show_default=True, metavar="CALL",
                     help='Of the learning rate: constant, linear, "cosine(warmup=100)".'),
        click.option("--optimiser", default="adam", show_default=True, metavar="CALL",
                     help='Of the model: adam, adamw, rmsprop, "sgd(momentum=0.9)".'),
        click.option("--lr", default=1e-2, show_default=True,
                     help="Peak learning rate of the model."),
        click.option("--batch", default=32, show_default=True, help="Sequences side by side."),
        click.option("--model", default="lstm(hidden=64)", show_default=True),
    ):  # fmt: skip
        function = option(function)
    return function


def runs(task: str, trainers: Sequence[str], *, corpus: str | None, **fields: Any) -> list[RunSpec]:
    """A run of every trainer on a task; --corpus takes the place of the text that char_lm names."""
    from harness.names.call import Call
    from harness.spec import RunSpec

    call = Call.parse(task)
    if corpus is not None and call.name != "char_lm":
        raise ValueError(f"--corpus is for char_lm, not for {call.name}")
    if corpus is not None:
        call = Call(call.name, dict(sorted({**call.options, "corpus": corpus}.items())))
    return [RunSpec(task=str(call), trainer=trainer, **fields) for trainer in trainers]


HOW = ("executor", "jobs", "stack", "address", "cpus", "gpus", "engine", "limit", "again",
       "tensorboard")  # fmt: skip


def conditions(function: F) -> F:
    """How runs are made: where, how many at once, by which engine; as one argument, `how`."""

    @wraps(function)
    def bundled(**given: Any) -> Any:
        return function(how={name: given.pop(name) for name in HOW}, **given)

    command = cast(F, bundled)
    for option in (
        click.option("--gpus", default=0.0, show_default=True, help="GPUs a run takes, on Ray."),
        click.option("--cpus", default=1.0, show_default=True, help="Cores a run takes, on Ray."),
        click.option("--address", metavar="ADDRESS",
                     help="Of a Ray cluster that is there: auto, ray://host:10001 [default: one "
                     "is begun on this machine]."),
        click.option("--executor", type=click.Choice(["local", "ray"]), default="local",
                     show_default=True, help="Processes of this machine, or a Ray cluster."),
        click.option("--tensorboard", metavar="DIR", help="Folder for live scalars."),
        click.option("--again", is_flag=True, help="Make finished runs anew."),
        click.option("--limit", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
                     help="Give a run, or a stack, up after so long, and go on with the others."),
        click.option("--engine", default="eager", show_default=True,
                     help="eager, compiled, or auto: whichever is sooner done."),
        click.option("--stack", type=click.IntRange(min=1), default=1, show_default=True,
                     metavar="N", help="Make N runs that differ in their seed alone as one, in one "
                     "process: sooner where models are small. For methods with windows."),
        click.option("--jobs", type=click.IntRange(min=1), metavar="N",
                     help="Processes, of one thread each [default: one a core]."),
    ):  # fmt: skip
        command = option(command)
    return command


def make(
    specs: list[RunSpec],
    store: Store,
    registry: Registry,
    *,
    executor: str = "local",
    jobs: int | None = None,
    stack: int = 1,
    address: str | None = None,
    cpus: float = 1.0,
    gpus: float = 0.0,
    engine: str = "eager",
    limit: float | None = None,
    again: bool = False,
    tensorboard: str | None = None,
) -> tuple[list[Record], int]:
    """Make runs, print how they compare and what went wrong; return records and the exit code."""
    from harness.analysis.comparison import comparison
    from harness.executors.execute import execute
    from harness.executors.local import Local
    from harness.executors.ray import Cluster
    from harness.runs import scalars
    from harness.spec import Conditions

    if executor == "local" and (address is not None or (cpus, gpus) != (1.0, 0.0)):
        raise ValueError("--address, --cpus and --gpus are for --executor ray")
    if executor == "ray" and stack != 1:
        raise ValueError("--stack is for --executor local")
    if executor == "ray" and jobs is not None:
        raise ValueError("--jobs is for --executor local; on Ray --cpus says what a run takes")
    if tensorboard:
        if executor != "local":
            raise ValueError("--tensorboard is for --executor local: a node has no folder of yours")
        scalars.check(tensorboard)
    places = Local(jobs) if executor == "local" else Cluster(address, cpus, gpus)
    how = Conditions(engine=engine, again=again, limit=limit, stack=stack, tensorboard=tensorboard)
    began = time.perf_counter()
    statuses = execute(specs, store, registry, how, places)
    hours = (time.perf_counter() - began) / 3600
    records = [record for spec in statuses if (record := store.record(spec))]
    click.echo(comparison(records))
    found = sum(status == "found" for status in statuses.values())
    made = len(statuses) - found
    rate = f" ({made / hours:,.0f} an hour)" if made else ""
    click.echo(f"\nruns: {made} made{rate}, {found} found finished; records in {store.folder}")
    bad = [record for record in records if record.status != "complete"]
    for record in bad:
        click.echo(f"{record.status}: {record.spec.label}: {record.end.get('error')}", err=True)
    return records, 1 if bad or "failed" in statuses.values() else 0


def draw(
    names: Sequence[str] | None, records: list[Record], registry: Registry, folder: Path
) -> Iterator[Path]:
    """Draw figures of records; None: all that there is data for."""
    from harness.figure import save

    for name in registry.names("figure") if names is None else names:
        try:
            drawing = registry.make("figure", name).draw(records)
        except LookupError as error:
            if names is not None:
                raise ValueError(f"figure {name!r}: {error}") from None
            continue
        yield from save(drawing, folder, name)
