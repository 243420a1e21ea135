"""Tables as lines of text, and what stands in their brackets."""

from __future__ import annotations

from collections.abc import Sequence

from harness.statistics import LEAST


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


def brackets(*counts: int) -> str:
    """What the brackets of a table are, whose rows are of so many values each.

    >>> brackets(6, 8), brackets(5, 1)
    ('95 % interval', 'range of 5, which covers 93.75 %')
    """
    said = {n: 1 - 2.0 ** (1 - n) for n in sorted(counts, reverse=True) if n > 1}
    kinds = (
        "95 % interval" if covered >= LEAST else f"range of {n}, which covers {100 * covered:g} %"
        for n, covered in said.items()
    )
    return " or ".join(dict.fromkeys(kinds))
