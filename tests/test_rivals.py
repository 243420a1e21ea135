"""The proofs of every other way to learn across the cut, in float64."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from harness.episode import Episode
from harness.influence import LARGEST, UnitTrace
from harness.measure.cost import gauge, peak_memory_bytes
from harness.model import Model, Recurrent
from harness.trainer import Trainer
from harness.trainers.rtrl import Rtrl
from tests.conftest import (
    flat_gradient,
    make_model,
    make_trainer,
    random_episode,
    squared_error,
    window_gradients,
)

F64 = torch.float64
LAYER = ["lstm(hidden=5)", "gru(hidden=4)", "rnn(hidden=6)"]
DEEP = [*LAYER, "lstm(hidden=3, layers=2)"]


def summed(text: str, model: Model, *episodes: Episode) -> Tensor:
    """The gradient summed over episodes that follow each other, the weights held."""
    trainer = make_trainer(text, model)
    each = [gradient for episode in episodes for gradient in window_gradients(trainer, episode)]
    return torch.stack(each).sum(0)


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-13)


def untied(model: Model) -> Recurrent:
    """The model, U's blocks made diagonal: no unit depends on another."""
    assert isinstance(model, Recurrent)
    _, U, _, _ = model.layers[0].weights()  # type: ignore[operator]
    with torch.no_grad():
        U.mul_(torch.eye(U.shape[1], dtype=F64).repeat(len(U) // U.shape[1], 1))
    return model


@pytest.mark.parametrize("model_name", DEEP)
@pytest.mark.parametrize("L", [1, 4, 7])
@pytest.mark.parametrize(("T", "every"), [(3, 1), (3, 2), (4, 3), (5, 2), (9, 1)])
def test_overlapping_windows_are_what_autograd_says_of_them(
    model_name: str, L: int, T: int, every: int
) -> None:
    model, episode = make_model(model_name), random_episode(L, dtype=F64)
    states, expected = [model.initial_state(episode.batch)], []
    for x_t in episode.x.split(1):
        states.append(model(x_t, states[-1])[1].detach())
    for new in range(0, L, every):
        start = max(0, new - (T - every))  # each loss of the new timesteps, T back from their end
        outputs, _ = model(episode.x[start : new + every], states[start])
        model.zero_grad()
        squared_error(outputs[new - start :], episode.part(new, new + every)).backward()
        expected.append(flat_gradient(model))
    trainer = make_trainer(f"tbptt(T={T}, every={every})", model)
    found = window_gradients(trainer, episode)
    close(torch.stack(found), torch.stack(expected))
    assert trainer.carried is not None
    close(trainer.carried, states[-1])


def test_windows_side_by_side_are_the_default() -> None:
    model = make_model()
    episodes = [random_episode(fresh=fresh, dtype=F64) for fresh in (True, False)]
    assert torch.equal(
        summed("tbptt(T=3)", model, *episodes), summed("tbptt(T=3, every=3)", model, *episodes)
    )


@pytest.mark.parametrize("model_name", DEEP)
@pytest.mark.parametrize(("L", "T"), [(7, 3), (6, 3), (1, 4), (5, 9), (6, 1)])
def test_recomputation_is_full_backpropagation(model_name: str, L: int, T: int) -> None:
    model = make_model(model_name)
    episodes = [random_episode(L, fresh=fresh, dtype=F64) for fresh in (True, False)]
    found = {}
    for text in ("bptt", f"recomputed(T={T})"):
        trainer = make_trainer(text, model)
        for episode in episodes:
            (found[text, episode.fresh],) = window_gradients(trainer, episode)
        found[text, "left"] = trainer.carried  # type: ignore[assignment]
    for what in (True, False, "left"):
        close(found[f"recomputed(T={T})", what], found["bptt", what])


def test_recomputation_holds_one_window_and_the_boundary_states() -> None:
    model = make_model("lstm(hidden=16)")
    short, long = (random_episode(L, B=8, dtype=F64) for L in (15, 30))
    window, ours, longer, whole = (
        (gauge(trainer, episode).activation_bytes, peak_memory_bytes(trainer, episode))
        for trainer, episode in (
            (make_trainer("tbptt(T=3)", model), long),
            (make_trainer("recomputed(T=3)", model), short),
            (make_trainer("recomputed(T=3)", model), long),
            (make_trainer("bptt", model), long),
        )
    )
    states = 5 * 8 * model.d_state * 8  # five more windows: what enters each, in float64
    assert ours[0] == longer[0] == pytest.approx(window[0], rel=0.05)
    assert states <= longer[1] - ours[1] < 2 * states
    assert 4 * longer[0] < whole[0]
    assert 2 * longer[1] < whole[1]


@pytest.mark.parametrize("model_name", DEEP)
@pytest.mark.parametrize("T", [1, 3, 7])
def test_real_time_recurrent_learning_is_full_backpropagation(model_name: str, T: int) -> None:
    model, episode = make_model(model_name), random_episode(7, dtype=F64)
    close(summed(f"rtrl(T={T})", model, episode), summed("bptt", model, episode))


@pytest.mark.parametrize("text", ["rtrl(T=2)", "snap(T=2)", "behind(T=2)"])
def test_a_trace_reaches_over_episodes_of_a_stream(text: str) -> None:
    """Two stretches are one of twice the length; a fresh episode forgets."""
    model, whole = untied(make_model()), random_episode(8, dtype=F64)
    first, second = whole.part(0, 4), whole.part(4, 8)
    close(summed(text, model, first, second), summed("bptt", model, whole))
    fresh = random_episode(4, dtype=F64)
    alone = summed(text, model, first) + summed(text, model, fresh)
    close(summed(text, model, first, fresh), alone)


@pytest.mark.parametrize("model_name", LAYER)
@pytest.mark.parametrize("T", [1, 2, 7])
def test_snap_is_exact_where_no_unit_depends_on_another(model_name: str, T: int) -> None:
    model, episode = untied(make_model(model_name)), random_episode(7, dtype=F64)
    exact = summed("rtrl", model, episode)
    close(summed(f"snap(T={T})", model, episode), exact)
    close(summed(f"behind(T={T})", model, episode), exact)


@pytest.mark.parametrize("model_name", LAYER)
def test_snap_keeps_the_entries_that_one_timestep_can_fill(model_name: str) -> None:
    """Not the others; and all timesteps of a window at once are each by itself."""
    model, episode = make_model(model_name), random_episode(6, dtype=F64)
    assert isinstance(model, Recurrent)
    snap, exact = (make_trainer(text, model) for text in ("snap", "rtrl"))
    for trainer in (snap, exact):
        window_gradients(trainer, episode.part(0, 1))
    full, kept = exact.memory["P"], in_full(snap)
    assert 0 < int((kept != 0).sum()) < full.numel()
    close(kept, full)
    at_once = [summed(f"snap(T={T})", model, episode) for T in (1, 2, 4, 6)]
    for each in at_once:
        close(each, at_once[0])


def in_full(trainer: Trainer) -> Tensor:
    """The trace of a unit's weights as rtrl has it, (B, d_state, |θ|): zero where none is kept."""
    assert isinstance(trainer, UnitTrace)
    layer, matrices, biases = trainer.layer, [], []
    for names in trainer.parts():
        P = torch.stack([trainer.memory[name] for name in names], 1)  # (B, S, G, H, d + 1)
        dense = torch.einsum("bsgjk,ji->bsigjk", P, torch.eye(layer.d_out, dtype=F64))
        dense = dense.flatten(3, 4).flatten(1, 2)  # (B, S H, G H, d + 1)
        matrices.append(dense[..., :-1].flatten(2))
        biases.append(dense[..., -1])
    return torch.cat(matrices + biases, -1)


def test_without_the_path_through_h_an_lstms_trace_decays_by_its_forget_gate() -> None:
    """e-prop: c_t = f c_{t-1} + i g, so c's trace is f times the one before, plus what is new."""
    model, episode = make_model(), random_episode(2, dtype=F64)
    assert isinstance(model, Recurrent)
    layer = model.layers[0]
    trainer = make_trainer("snap(T=1, through_h=False)", model)
    window_gradients(trainer, episode.part(0, 1))
    before, state = trainer.memory["W1"], trainer.carried
    assert state is not None
    window_gradients(trainer, episode.part(1, 2))
    drive = layer.driven(episode.x[1]) + layer.recurred(layer.output(state))  # type: ignore[operator]
    i, f, g, _ = drive.chunk(4, -1)
    c = state[:, 5:]
    by_gate = torch.stack([
        g.tanh() * i.sigmoid() * (1 - i.sigmoid()), c * f.sigmoid() * (1 - f.sigmoid()),
        i.sigmoid() * (1 - g.tanh() ** 2), torch.zeros_like(c),
    ])  # fmt: skip
    z = torch.cat([episode.x[1], torch.ones(3, 1, dtype=F64)], 1)
    aged = torch.einsum("bj,bgjk->bgjk", f.sigmoid(), before)
    close(trainer.memory["W1"], aged + torch.einsum("gbj,bk->bgjk", by_gate, z))


@pytest.mark.parametrize("model_name", LAYER)
@pytest.mark.parametrize("T", [1, 3])
def test_a_trace_behind_exact_windows_is_bptt_where_it_is_exact(
    model_name: str, T: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, episode = make_model(model_name), random_episode(7, dtype=F64)
    """And window by window it is then `rtrl` of T timesteps: the limit of better traces."""
    exact, limit = make_trainer("rtrl(T=1)", model), make_trainer(f"rtrl(T={T})", model)
    assert isinstance(exact, Rtrl)
    ours = make_trainer(f"behind(T={T})", model)

    def spend(error: Tensor) -> None:
        exact.fill(error.flatten() @ exact.memory["P"].flatten(0, 1))

    monkeypatch.setattr(ours, "spend", spend)
    total = torch.zeros(())
    for window in episode.windows(T):
        (gradient,) = window_gradients(ours, window)
        close(gradient, window_gradients(limit, window)[0])
        total = total + gradient
        window_gradients(exact, window)
    close(total, summed("bptt", model, episode))


@pytest.mark.parametrize("model_name", LAYER)
def test_without_its_trace_it_is_truncation_bit_for_bit(
    model_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(model_name)
    episodes = [random_episode(7, fresh=fresh, dtype=F64) for fresh in (True, False)]
    expected = summed("tbptt(T=3)", model, *episodes)
    assert not torch.equal(summed("behind(T=3)", model, *episodes), expected)
    monkeypatch.setattr(UnitTrace, "advance", lambda *arguments: None)
    assert torch.equal(summed("behind(T=3)", model, *episodes), expected)


def test_inside_a_window_it_is_nearer_to_the_truth_than_snap() -> None:
    """By the distance to the full gradient, over many models: that is what it is for."""
    distances: dict[str, list[float]] = {"tbptt(T=3)": [], "snap(T=3)": [], "behind(T=3)": []}
    for _ in range(20):
        model, episode = make_model("lstm(hidden=8)"), random_episode(12, dtype=F64)
        with torch.no_grad():
            for weight in model.parameters():
                weight.mul_(2)
        true = summed("bptt", model, episode)
        for text, found in distances.items():
            error = summed(text, model, episode) - true
            found.append(float(error.norm() / true.norm()))
    truncated, snap, behind = (sum(found) / len(found) for found in distances.values())
    assert behind < 0.7 * min(truncated, snap)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("snap(n=0)", "n must be 1"),
        ("snap(n=2)", "n must be 1"),
        ("snap(T=0)", "T must be at least 1"),
        ("behind(T=0)", "T must be at least 1"),
        ("recomputed(T=0)", "T must be at least 1"),
        ("tbptt(T=3, every=0)", "every must be at least 1"),
        ("tbptt(T=3, every=4)", "every must be at most T = 3"),
    ],
)
def test_a_bad_option_is_one_line(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        make_trainer(text, make_model())


def test_a_trace_that_is_too_large_is_refused_with_its_size() -> None:
    model = make_model("lstm(hidden=64)")
    weights = sum(weight.numel() for weight in model.layers.parameters())  # type: ignore[union-attr]
    batch = math.ceil(LARGEST / (8 * 128 * weights))
    trainer = make_trainer("rtrl", model)
    with pytest.raises(ValueError, match=rf"would hold {LARGEST / 1e9:g}\.\d GB"):
        trainer.begin(batch)
    make_trainer("snap", model).begin(batch)
