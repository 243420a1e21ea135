"""The methods of `rivals` that compile, for comparing seconds: all of them compiled.

Seeds, tasks and rates are those of `rivals`. Compiled, a timestep of `dni` takes a quarter of the
time of one of `behind`, and a comparison of seconds ends with the first of a pair: four times the
budget gives `dni` about what `behind` takes for the timesteps of `rivals`.
"""

from __future__ import annotations

from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite
from harness.suites import rivals

TIMESTEPS = 4 * rivals.TIMESTEPS
METHODS = (
    "tbptt(T=3)", "tbptt(T=4)", "tbptt(T=8)", "sg(T=3)", "dni(T=3)", "dni_aux(T=3)",
    "snap(T=3)", "behind(T=3)", "behind(T=3, dtype='bfloat16', share=0.25)",
)  # fmt: skip


class RivalsCompiled(Suite):
    """What each method reaches in equal seconds, each update one graph."""

    engine = "compiled"
    claims = ("same_seconds", "same_data_longer")

    def runs(self, registry: Registry) -> list[RunSpec]:
        return rivals.learning(METHODS, TIMESTEPS)
