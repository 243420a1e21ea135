"""Commands one after the other on every rank of torchrun, so that it is started once for all.

They are in commands.json of a folder, lists of words. What rank R says in command N goes to the
file N.R, its exit codes to R.json.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from harness.__main__ import main
from harness.runs import record as recording
from harness.runs import torchrun


def together(folder: Path) -> None:
    """Run the commands of a folder on this rank."""
    recording.CHECKPOINT_SECONDS, recording.SAVING_SHARE = 0.0, 1e9  # at every mark
    torchrun.LAST_SECONDS = 0.5
    rank, codes = os.environ["RANK"], []
    for number, words in enumerate(json.loads((folder / "commands.json").read_text())):
        file = os.open(folder / f"{number}.{rank}", os.O_WRONLY | os.O_CREAT)
        os.dup2(file, 1)
        os.dup2(file, 2)
        try:
            main(words)
        except SystemExit as end:
            codes.append(end.code)
        (folder / f"{rank}.json").write_text(json.dumps(codes))


if __name__ == "__main__":
    together(Path(sys.argv[1]))
