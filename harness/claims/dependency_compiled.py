"""Do synthetic gradients learn longer dependencies in equal seconds, every update one graph?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.claim import Finding
from harness.claims.dependency import Dependency
from harness.store import Record


class DependencyCompiled(Dependency):
    """What `dependency` says of equal seconds. What graphs take to build is left out."""

    letter = "ac"
    question = "Does it learn longer dependencies in equal seconds, compiled?"
    suite = "table1_compiled"

    def findings(self, records: Sequence[Record]) -> list[Finding]:
        return [finding for finding in super().findings(records) if "seconds" in finding.says]
