"""What tells a control from the method it controls, in float64; and how controls are judged."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from harness.episode import Episode
from harness.registry import Registry
from harness.spec import RunSpec
from harness.store import Record
from harness.suites import controls, long_controls
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


@pytest.mark.parametrize("model_name", ["lstm(hidden=5, layers=2)", "rnn(hidden=4)"])
def test_of_a_reservoir_the_read_out_alone_has_a_gradient_which_is_exact(model_name: str) -> None:
    """That of truncation, window by window; over an episode, of full backpropagation."""
    model, episodes = make_model(model_name), stream(7, 4)

    def found(text: str) -> list[list[Tensor | None]]:
        trainer, updates = make_trainer(text, model, 3), []
        for episode in episodes:
            for _ in trainer.gradients(episode):
                updates.append([p.grad for p in model.parameters()])
                trainer.zero_grad()
        return updates

    read_out = [name.startswith("readout") for name, _ in model.named_parameters()]

    def kept(gradients: list[Tensor | None]) -> list[Tensor | None]:
        return [g if mine else None for g, mine in zip(gradients, read_out, strict=True)]

    ours = found("reservoir(T=3)")
    close(ours, [kept(gradients) for gradients in found("tbptt(T=3)")])
    (whole, _), first = found("bptt"), [[g for g in each if g is not None] for each in ours[:3]]
    close(
        [sum(parts) for parts in zip(*first, strict=True)],
        [g for g in kept(whole) if g is not None],
    )


def made(spec: RunSpec, level: int, flops: float) -> Record:
    """A run that solves T_task = `level` half-way, at so many FLOPs in all."""
    protocol = "stream"
    for other in controls.PROTOCOLS:
        protocol = other if other in spec.task else protocol
    header = {"unit": "bits per output bit", "options": {"task": {"protocol": protocol}}}
    record = Record(spec, header)
    record.curve = [
        {"timesteps": share * spec.timesteps, "updates": 1, "seconds": share,
         "flops": share * flops, "bits": 0.1, "t_task": level if share >= 0.5 else 0, "level_n": 1}
        for share in (0.25, 0.5, 1)
    ]  # fmt: skip
    record.end = {"status": "complete", "activation_bytes": 1, "peak_memory_bytes": 1}
    return record


def test_controls_are_judged_part_by_part(registry: Registry) -> None:
    reached = {"dni(T=3)": 8, "sg(T=3)": 8, "sg(T=3, scale=0.5)": 4, "dni(T=3, scale=1.0)": 6}

    def level(spec: RunSpec) -> int:
        if "reset" in spec.task or spec.timesteps != controls.TIMESTEPS:
            return 10 if spec.trainer == "tbptt(T=16)" else 5
        return reached.get(spec.trainer, 4)

    specs = [*controls.beside(), *controls.protocols(), *controls.windows(), *controls.published()]
    records = [
        made(spec, 99 if spec.seed < 103 and spec.model != "lstm(hidden=64)" else level(spec),
             1.0 if "dni" in spec.trainer else 4.0)
        for spec in dict.fromkeys(specs)
    ]  # fmt: skip
    found = registry.make("claim", "controls").findings(records)
    effects = {(f.says, "reset" in f.where, "50,000" in f.where): f.paired.effect for f in found}

    def effect(ours: str, theirs: str, *, reset: bool = False, long: bool = False) -> float:
        return effects[f"{ours} solves longer dependencies than {theirs}", reset, long].centre

    assert effect("dni(T=3)", "dni_control(T=3)") == pytest.approx(2)
    assert effect("dni_control(T=3)", "tbptt(T=3)") == pytest.approx(1)
    assert effect("dni(T=3)", "sg(T=3, scale=0.5)") == pytest.approx(2)
    assert effect("dni(T=3, scale=1.0)", "sg(T=3)") == pytest.approx(0.75)
    assert effect("dni(T=3)", "tbptt(T=3)", reset=True) == pytest.approx(1)
    assert effect("dni(T=16)", "tbptt(T=16)", long=True) == pytest.approx(0.5)
    assert effect("dni(T=3)", "tbptt(T=3)", long=True) == pytest.approx(1)
    (best,) = (f for f in found if "at equal FLOPs" in f.says)
    assert best.paired.effect.centre == pytest.approx(5 / 3)  # tbptt is cut at a quarter
    assert {f.paired.effect.n for f in found} == {12}


def test_what_the_gap_of_long_training_depends_on_is_judged_change_by_change(
    registry: Registry,
) -> None:
    """Each change has levels of its own, so that runs of another part would be seen."""
    changed = {
        "reset": (long_controls.reset(), {"dni": 10, "tbptt": 10}),
        "width": (long_controls.wider(3), {"dni": 14, "tbptt": 4}),
        "width at T = 5": (long_controls.wider(5), {"dni": 12, "tbptt": 8}),
        "schedule": (long_controls.falling(), {"dni": 10, "tbptt": 5}),
        "updates": (long_controls.longer(), {"dni": 9, "tbptt": 3}),
        "rate": (long_controls.faster(), {"tbptt": 4}),
        "warm-up": (long_controls.warmed(30_000), {"dni": 12}),
        "untrained": (long_controls.untrained(long_controls.READ_OUT), {"reservoir": 2}),
        "none": (long_controls.unchanged(), {"dni": 8, "tbptt": 5}),
    }
    records = [
        made(spec, levels[spec.trainer.partition("(")[0]], 1.0)
        for part, levels in changed.values()
        for spec in part
    ]
    found = registry.make("claim", "long_controls").findings(records)
    effects = [(f.paired.effect.centre, f.paired.effect.n) for f in found]
    assert effects == [
        (pytest.approx(1), 12), (pytest.approx(3), 10),
        (pytest.approx(14 / 4), 12), (pytest.approx(12 / 8), 12), (pytest.approx(2), 12),
        (pytest.approx(5 / 4), 12), (pytest.approx(5 / 3), 12), (pytest.approx(4), 12),
    ]  # fmt: skip
    assert ["reset" in f.where for f in found] == [True] + 7 * [False]
    assert ["1,500,000" in f.where for f in found] == [False, True] + 6 * [False]
    assert ["T=5" in f.where for f in found] == 3 * [False] + [True] + 4 * [False]
