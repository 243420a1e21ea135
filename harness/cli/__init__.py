"""The commands, one per file of the same name; each is imported only when it is used.

The options that commands share are here.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from harness.registry import Registry
    from harness.spec import RunSpec
    from harness.store import Record

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
    """--plugin: files with the user's own trainers, tasks, models, figures or suites."""
    return click.option(
        "--plugin", "plugin", metavar="FILE", multiple=True,
        help="File with your own trainer, task, model, figure or suite; repeatable.",
    )(function)  # fmt: skip


def data(function: F) -> F:
    """--data: where the files of named corpora are."""
    return click.option(
        "--data", metavar="DIR", callback=_data, expose_value=False, is_eager=True,
        help="Folder with the files of named corpora and of mnist [or set SGBENCH_DATA].",
    )(function)  # fmt: skip


def setting(function: F) -> F:
    """What all trainers of a command share: --model, --batch, --lr, --optimiser, ... --device."""
    for option in (
        click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:0."),
        click.option("--corpus", metavar="NAME|PATH",
                     help="Text for char_lm, instead of the one that the task names."),
        click.option("--clip", default=1.0, show_default=True,
                     help="Norm at which the model's gradient is clipped; 0: no clipping."),
        click.option("--schedule", default="constant", show_default=True, metavar="CALL",
                     help='Learning-rate schedule: constant, linear, "cosine(warmup=100)".'),
        click.option("--optimiser", default="adam", show_default=True, metavar="CALL",
                     help='Model\'s optimiser: adam, adamw, rmsprop, "sgd(momentum=0.9)".'),
        click.option("--lr", default=1e-2, show_default=True,
                     help="Peak learning rate of the model."),
        click.option("--batch", default=32, show_default=True, help="Sequences per batch."),
        click.option("--model", default="lstm(hidden=64)", show_default=True, metavar="CALL",
                     help="Network: lstm, gru, rnn."),
    ):  # fmt: skip
        function = option(function)
    return function


def runs(task: str, trainers: Sequence[str], *, corpus: str | None, **fields: Any) -> list[RunSpec]:
    """One run per trainer on a task; --corpus replaces the text that char_lm names."""
    from harness.names.call import Call
    from harness.spec import RunSpec

    call = Call.parse(task)
    if corpus is not None and call.name != "char_lm":
        raise ValueError(f"--corpus is for char_lm, not for {call.name}")
    if corpus is not None:
        call = Call(call.name, dict(sorted({**call.options, "corpus": corpus}.items())))
    return [RunSpec(task=str(call), trainer=trainer, **fields) for trainer in trainers]


def draw(
    names: Sequence[str] | None, records: list[Record], registry: Registry, folder: Path
) -> Iterator[Path]:
    """Draw figures of records; names None: every figure that the records have data for."""
    from harness.figure import save

    for name in registry.names("figure") if names is None else names:
        try:
            drawing = registry.make("figure", name).draw(records)
        except LookupError as error:
            if names is not None:
                raise ValueError(f"figure {name!r}: {error}") from None
            continue
        yield from save(drawing, folder, name)
