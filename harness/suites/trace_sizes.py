"""From which length of an episode on a trace takes less memory than what it replaces.

One episode each, by width and batch. A trace grows with the square of the width and does not grow
with the episode; what backpropagation keeps grows with both, and all of it with the batch.
"""

from __future__ import annotations

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite
from harness.suites.rivals import EPISODE_SYMBOLS

WIDTHS, BATCHES = (16, 64), (4, 32)
METHODS = (
    "bptt", "recomputed(T=3)", "dni(T=3)", "behind(T=3)",
    "behind(T=3, dtype='bfloat16', share=0.25)",
)  # fmt: skip


class TraceSizes(Suite):
    """Memory by width, batch and length."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [
            RunSpec(
                task=f"plain_copy(bits=4, protocol='reset', start={n})", trainer=trainer,
                model=f"lstm(hidden={width})", batch=batch, timesteps=1,
            )
            for width in WIDTHS
            for batch in BATCHES
            for n in EPISODE_SYMBOLS
            for trainer in METHODS
        ]  # fmt: skip
