"""How methods are drawn: all can be told apart, in grey and by the colour-blind too."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from harness.analysis.look import LOOKS, METHODS, SPARES, Look, looks, ordered, styles

ALL = {**LOOKS, **{f"spare {i}": look for i, look in enumerate(SPARES)}}

# Machado, Oliveira & Fernandes (2009), full severity, on linear RGB
EYES = {
    "usual": np.eye(3),
    "grey": np.tile([0.2126, 0.7152, 0.0722], (3, 1)),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                            [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                              [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                            [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip


def lab(colour: str, eye: str) -> np.ndarray:
    """CIE L*a*b* (D65) of a colour as an eye sees it."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(EYES[eye] @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722],
                    [0.0193, 0.1192, 0.9505]]) @ seen / [0.9505, 1, 1.089]  # fmt: skip
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def drawn(look: Look) -> float:
    """The share of a line that is drawn."""
    return sum(look.dashes[::2]) / sum(look.dashes) if look.dashes else 1.0


def apart_without_colour(a: Look, b: Look) -> bool:
    """Lines of another rhythm: more pieces in it, or another share of it drawn."""
    return len(a.dashes) != len(b.dashes) or abs(drawn(a) - drawn(b)) > 0.07


def test_every_method_has_dashes_marker_and_hatch_of_its_own() -> None:
    assert len(ALL) >= 15
    for field in ("colour", "dashes", "marker", "hatch"):
        assert len({str(getattr(look, field)) for look in ALL.values()}) == len(ALL), field
    named = [*METHODS, "mine", "yours"]
    assert len(set(looks(named).values())) == len(named)


@pytest.mark.parametrize("eye", EYES)
def test_colours_that_look_alike_go_with_other_dashes(eye: str) -> None:
    """In grey neighbours in lightness; for other eyes what is nearest in their colours."""
    for (n, a), (m, b) in combinations(ALL.items(), 2):
        difference = float(np.linalg.norm(lab(a.colour, eye) - lab(b.colour, eye)))
        assert difference > 12 or apart_without_colour(a, b), (eye, n, m, round(difference, 1))


def test_lines_stand_out_from_paper() -> None:
    for name, look in ALL.items():
        assert lab(look.colour, "usual")[0] < 80, name


def test_a_method_keeps_its_look_whoever_else_is_drawn() -> None:
    alone, beside = styles(["dni(T=3)"]), styles(["bptt", "dni(T=3)", "mine", "sg(T=3)"])
    for aspect in alone:
        assert alone[aspect]["dni(T=3)"] == beside[aspect]["dni(T=3)"]
    assert beside["palette"]["mine"] == SPARES[0].colour


def test_windows_of_a_method_are_told_apart_by_shade_and_width_and_share_the_rest() -> None:
    labels = ["dni(T=2)", "dni(T=4)", "dni(T=10)", "dni(T=4), lr 0.1, clip 1"]
    style = styles(labels)
    assert ordered(labels) == [labels[0], labels[1], labels[3], labels[2]]
    assert len(set(style["palette"].values())) == len(set(style["widths"].values())) == 4
    assert set(style["dashes"].values()) == {LOOKS["dni"].dashes}
    assert style["palette"]["dni(T=10)"] == LOOKS["dni"].colour
    pale = [lab(style["palette"][label], "grey")[0] for label in ordered(labels)]
    assert pale == sorted(pale, reverse=True)


def test_tables_list_windows_by_their_length() -> None:
    assert ordered(["tbptt(T=20)", "mine", "tbptt(T=3)", "bptt"]) == [
        "bptt", "tbptt(T=3)", "tbptt(T=20)", "mine",
    ]  # fmt: skip
