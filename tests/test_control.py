"""What tells a control from the method it controls: float64."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from harness.episode import Episode
from tests.conftest import make_model, make_trainer
from tests.test_remedies import close, found_by, stream, weigh

ROWS = ["permuted", "averaged"]


def same_in_every_row(episode: Episode) -> Episode:
    alike = {k: getattr(episode, k)[:, :1].expand_as(getattr(episode, k)).clone()
             for k in ("x", "y", "weight")}  # fmt: skip
    return replace(episode, **alike)


@pytest.mark.parametrize("rows", ROWS)
def test_where_all_sequences_are_the_same_a_control_is_dni(rows: str) -> None:
    model, different = make_model("lstm(hidden=5)"), stream(7, 4)
    for episodes in ([same_in_every_row(e) for e in different], stream(7, 4, B=1)):
        ours, theirs = (found_by(text, model, episodes)
                        for text in (f"dni_control(T=3, rows='{rows}')", "dni(T=3)"))  # fmt: skip
        close(ours, theirs)
    ours, theirs = (found_by(text, model, different)[0]
                    for text in (f"dni_control(T=3, rows='{rows}')", "dni(T=3)"))  # fmt: skip
    assert not torch.allclose(ours[0], theirs[0])


@pytest.mark.parametrize("rows", ROWS)
def test_a_sequence_hears_what_was_predicted_for_another_or_for_all(rows: str) -> None:
    """The first window's gradient by hand, which is linear in what is consumed."""
    model, (episode, *_) = make_model("lstm(hidden=5)"), stream(3, 3)
    control = make_trainer(f"dni_control(T=3, rows='{rows}', scale=0.4)", model, 3)
    weigh(control, model)
    loss, h_T = control.unroll(episode, control.boundary(episode))
    predicted = control.synthesiser(h_T).detach()
    heard = {"permuted": predicted[[2, 0, 1]], "averaged": predicted.mean(0).expand(3, -1)}[rows]
    expected = torch.autograd.grad(
        loss + (0.4 / 3 * heard * h_T).sum(), list(model.parameters()), allow_unused=True
    )
    control.carried = None
    next(iter(control.gradients(episode)))
    close([p.grad for p in model.parameters()], list(expected))
