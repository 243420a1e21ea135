"""What the rivals hold, trace and all, against the length of the episode."""

from __future__ import annotations

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suites import rivals
from plots.activation_bytes import ActivationBytes


class TraceBytes(ActivationBytes):
    """As `activation_bytes`, for the methods of `rivals`."""

    def runs(self, registry: Registry) -> list[RunSpec]:
        return rivals.episode_lengths()
