"""Are synthetic gradients faster, an update or to a target, where every update is one graph?"""

from __future__ import annotations

from harness.claims.speed import Speed


class SpeedCompiled(Speed):
    """As `speed`, by the engine that a user would take: without the overhead of eager updates."""

    letter = "ab"
    question = "Does it train faster, compiled?"
    suite = "table1_compiled"
