"""Tables as lines of text."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """One line per row, the cells of a column aligned, two spaces between columns.

    left: how many columns, from the first, are left-aligned; the others are right-aligned

    >>> aligned([("trainer", "seeds"), ("bptt", "3")])
    ['trainer  seeds', 'bptt         3']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
