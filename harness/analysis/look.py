"""How methods look in every figure, table and report: order, colour, dashes, marker, hatch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple


class Look(NamedTuple):
    """How one method is drawn.

    dashes: lengths on and off, in line widths; empty: solid
    marker: as matplotlib names it; all can be filled
    """

    colour: str
    dashes: tuple[float, ...]
    marker: Any
    hatch: str


# No two share dashes, marker or hatch, so that colour is never needed to tell them apart. The
# first five colours and the first spare are Okabe & Ito's, made for the colour-blind.
LOOKS = {
    "bptt": Look("#000000", (), "o", ""),
    "tbptt": Look("#0072b2", (6, 2), "s", "//"),
    "sg": Look("#d55e00", (2, 1.5), "^", ".."),
    "dni": Look("#009e73", (7, 1.5, 1.5, 1.5), "D", "xx"),
    "dni_aux": Look("#cc79a7", (1, 1), "v", "\\\\"),
    "dni_lambda": Look("#00705e", (9, 1.5, 3, 1.5, 3, 1.5), (5, 1, 0), "x/"),
    "dni_steady": Look("#0b5a65", (8, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), (8, 1, 0), "x\\"),
    "dni_control": Look("#7fb7a3", (2, 2, 2, 5), (4, 0, 0), "x."),
    "reservoir": Look("#8a8f5a", (2, 2, 2, 2, 2, 7), (9, 1, 0), "+x"),
    "recomputed": Look("#5c4b8a", (12, 2), "h", "--"),
    "artbp": Look("#56b4e9", (5, 1, 1, 1, 1, 1), "<", "||"),
    "rtrl": Look("#6b1020", (9, 4), "*", "**"),
    "snap": Look("#b8a000", (4, 2, 1, 2, 1, 2), "p", "oo"),
    "behind": Look("#1b4d3e", (12, 1.5, 4, 1.5), "X", "OO"),
    "behind_low": Look("#3f8f5a", (9, 1, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), (7, 0, 0), "O|"),
    "both_sides": Look("#962674", (10, 5), (4, 1, 45), "Ox"),
    "uoro": Look("#9a9a9a", (1, 3), ">", "/."),
    "kf_rtrl": Look("#7a4a12", (7, 1, 1, 1, 1, 1, 1, 1), "d", "|-"),
    "bp_lambda": Look("#8fc257", (5, 1, 1, 1, 1, 1, 1, 1, 1, 1), "P", "x|"),
    "dni_depth": Look("#007a78", (8, 1, 3, 1), (5, 0, 0), ".|"),
    "dni_unlocked": Look("#a85a00", (3, 1, 3, 4), (7, 1, 0), "--|"),
}
"""The methods with a fixed look, in the order of legends: full gradient to predicted one."""

SPARES = (
    Look("#e69f00", (3, 5), (4, 1, 0), "++"),
    Look("#c2955c", (6, 5, 3, 5), "8", "-."),
    Look("#4d4d4d", (4, 1, 1, 1), "H", "\\-"),
    Look("#ff8fab", (1, 1, 1, 4), (6, 1, 0), "/o"),
    Look("#2f2f8f", (10, 2, 1, 2, 1, 2, 1, 2), (3, 1, 0), "+."),
)
"""For plug-ins' methods, in the order of their names."""

METHODS = tuple(LOOKS)
WIDTH, WIDTHS = 2.0, (1.2, 3.0)
"""Of lines, in points: for a method drawn once; for its shortest window and its longest."""
PALEST = 0.55
"""Share of white in the colour of a method's shortest window; the longest has none."""


def method(label: str) -> str:
    """The method in a label: dni in "dni(T=3), lr 0.1, clip 1"."""
    return re.split(r"[(,]", label, maxsplit=1)[0]


def ordered(labels: Iterable[str]) -> list[str]:
    """Trainers as legends and tables list them: in the order of METHODS, then by name; by T."""

    def rank(label: str) -> tuple[int, str, int, str]:
        name, T = method(label), re.search(r"\bT=(\d+)", label)
        place = METHODS.index(name) if name in METHODS else len(METHODS)
        return place, name, int(T[1]) if T else 0, label

    return sorted(set(labels), key=rank)


def looks(methods: Iterable[str]) -> dict[str, Look]:
    """The look of every method: its own, the same everywhere, or a spare one."""
    names = ordered(methods)
    others = [name for name in names if name not in LOOKS]
    return {n: LOOKS[n] if n in LOOKS else SPARES[others.index(n) % len(SPARES)] for n in names}


def styles(labels: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Colour, dashes, marker, hatch and line width of every label, as seaborn takes them.

    The method decides colour, dashes, marker and hatch. Where several settings of one method are
    drawn, its colour goes from pale to full and its line from thin to thick along them.
    """
    shown = ordered(labels)
    own = looks(map(method, shown))
    found: dict[str, dict[str, Any]] = {
        "palette": {}, "dashes": {}, "markers": {}, "hatches": {}, "widths": {},
    }  # fmt: skip
    for label in shown:
        look = own[method(label)]
        mates = [each for each in shown if method(each) == method(label)]
        along = mates.index(label) / (len(mates) - 1) if len(mates) > 1 else 1.0
        found["palette"][label] = _pale(look.colour, PALEST * (1 - along))
        thin, thick = WIDTHS if len(mates) > 1 else (WIDTH, WIDTH)
        found["widths"][label] = thin + along * (thick - thin)
        found["dashes"][label] = look.dashes
        found["markers"][label] = look.marker
        found["hatches"][label] = look.hatch
    return found


def _pale(colour: str, share: float) -> str:
    """A colour mixed with a share of white."""
    channels = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    mixed = (round(c + (255 - c) * share) for c in channels)
    return "#" + "".join(f"{c:02x}" for c in mixed)
