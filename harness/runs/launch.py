"""What torchrun has told the processes that it has started, in their environment."""

# No torch here: every command asks.

from __future__ import annotations

import os


def launched() -> bool:
    """Whether torchrun has started this process, or one that has started this."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def one_machine() -> bool:
    """Whether all processes of a run are on this machine."""
    return os.environ.get("GROUP_WORLD_SIZE", "1") == "1"
