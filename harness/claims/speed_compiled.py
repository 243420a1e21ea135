"""Are synthetic gradients faster, an update or to a target, where every update is one graph?"""

from __future__ import annotations

from harness.claims.speed import Speed


class SpeedCompiled(Speed):
    """As `speed`, without the overhead of eager updates; what graphs take to build is left out."""

    letter = "ab"
    question = "Does it train faster, compiled?"
    suite = "table1_compiled"
