"""The runs of `table1_desk` that verdict (a) compares, each update one graph: the faster engine.

Seeds, tasks, rates and budgets are those of `table1_desk`. Full BPTT needs a graph for each length
of an episode; building is not training, and is not counted as such.
"""

from __future__ import annotations

from harness.names.call import Call
from harness.registry import Registry
from harness.spec import RunSpec
from harness.suite import Suite
from harness.suites import table1_desk

METHODS = ("bptt", "tbptt", "dni")


class Table1Compiled(Suite):
    """Truncation, DNI and full BPTT of Table 1, compiled."""

    engine = "compiled"
    claims = ("speed_compiled", "dependency_compiled")

    def runs(self, registry: Registry) -> list[RunSpec]:
        return [
            spec
            for spec in table1_desk.Table1Desk().runs(registry)
            if Call.parse(spec.trainer).name in METHODS and spec.T not in table1_desk.TEXT_LONGER_T
        ]
