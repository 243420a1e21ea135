"""The command line: `sgbench`, or `python -m harness`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from functools import partial

import click

import harness
from harness.cli import sgbench
from harness.runs.launch import launched


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; a user's mistake becomes one line on stderr and exit code 2."""
    if arguments is not None:  # from Python, long after it imported the package
        harness.began = time.monotonic()
    if not launched():
        sys.exit(_run(arguments))
    from harness.runs.torchrun import together

    sys.exit(together(partial(_run, arguments)))


def _run(arguments: Sequence[str] | None) -> int:
    """Run a command; return its exit code, or raise SystemExit with it."""
    try:
        code = sgbench.main(arguments, prog_name="sgbench", standalone_mode=False)
    except click.ClickException as error:
        code = _refuse(error.format_message())
    except ValueError as error:
        code = _refuse(str(error))
    except OSError as error:  # a full disk, a dead worker: the rows already recorded are whole
        print(f"sgbench: {error}", file=sys.stderr)
        code = 1
    except (click.Abort, KeyboardInterrupt):
        print(
            "sgbench: stopped; run the same command to resume from checkpoints seconds old",
            file=sys.stderr,
        )
        code = 130
    return code or 0


def _refuse(message: str) -> int:
    print("sgbench: " + " ".join(message.split()), file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
