"""The command line: `sgbench`, or `python -m harness`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import click

import harness
from harness.cli import sgbench


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; a user's mistake becomes one line on stderr and exit code 2."""
    if arguments is not None:  # from Python, long after it imported the package
        harness.began = time.monotonic()
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
    sys.exit(code or 0)


def _refuse(message: str) -> int:
    print("sgbench: " + " ".join(message.split()), file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
