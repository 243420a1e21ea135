"""The proofs of what is done for a trace that is too large and for an M that learns too little.

All in float64, but for what is stored in two bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.engines.compiled import Compiled
from harness.engines.traced import as_traced
from harness.episode import Episode
from harness.model import Model
from harness.registry import Registry
from harness.runs.run import Run
from harness.spec import RunSpec
from tests.conftest import make_model, make_trainer, random_episode, window_gradients
from tests.test_engine import hold, pair, updates_of

F64 = torch.float64
LAYER = ["lstm(hidden=5)", "gru(hidden=4)", "rnn(hidden=6)"]


def close(found: Any, expected: Any) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-13)


def stream(*lengths: int, B: int = 3) -> list[Episode]:
    """A fresh episode without an end, and stretches that go on from it; the last one ends."""
    last = len(lengths) - 1
    return [
        random_episode(L, B, fresh=k == 0, final=k == last, dtype=F64)
        for k, L in enumerate(lengths)
    ]


def found_by(text: str, model: Model, episodes: list[Episode]) -> tuple[Tensor, list[Tensor]]:
    """The model's gradient in every update and, update by update, what M's weights got.

    The weights are held; those of M are the same for every trainer with such an M.
    """
    trainer = make_trainer(text, model, episodes[0].batch)
    weigh(trainer, model)
    of_model, of_M = [], []
    for episode in episodes:
        for _ in trainer.gradients(episode):
            of_model.append(torch.cat([p.grad.flatten() for p in model.parameters()]))  # type: ignore[union-attr]
            of_M += [p.grad.clone() for p in trainer.own_parameters() if p.grad is not None]
            trainer.zero_grad()
    return torch.stack(of_model), of_M


def weigh(trainer: Any, model: Model) -> None:
    """Give M weights that the model decides, alike in all trainers."""
    if not trainer.own_parameters():
        return
    numbers = torch.Generator().manual_seed(model.d_state)
    for phi in trainer.own_parameters():
        with torch.no_grad():
            phi.copy_(0.3 * torch.randn(phi.shape, dtype=F64, generator=numbers))


# ---------------------------------------------------------------- behind, smaller


@pytest.mark.parametrize("model_name", LAYER)
@pytest.mark.parametrize(("share", "B"), [(0.5, 4), (0.5, 3), (0.01, 3)])
def test_sequences_that_are_the_same_need_one_trace(model_name: str, share: float, B: int) -> None:
    model, episodes = make_model(model_name), stream(7, 4, B=B)
    for episode in episodes:
        for tensor in (episode.x, episode.y, episode.weight):
            tensor[:] = tensor[:, :1].clone()
    whole, some = (
        found_by(f"behind(T=3, share={share})", model, episodes)[0] for share in (1.0, share)
    )
    close(some, whole)


@pytest.mark.parametrize("model_name", LAYER)
def test_a_share_of_the_traces_is_all_of_them_on_average(model_name: str) -> None:
    """Over which sequences come first, each as often: the mean of the gradients is that of all."""
    model, episodes = make_model(model_name), stream(7, 4)
    rolled = [
        [replace(e, x=e.x.roll(n, 1), y=e.y.roll(n, 1), weight=e.weight.roll(n, 1))
         for e in episodes] for n in range(3)
    ]  # fmt: skip
    expected, _ = found_by("behind(T=3)", model, episodes)
    for share in (0.3, 0.5):  # one of three, and two
        found = [found_by(f"behind(T=3, share={share})", model, each)[0] for each in rolled]
        assert not torch.allclose(found[0], expected)
        close(sum(found) / 3, expected)


@pytest.mark.parametrize("model_name", LAYER)
def test_a_trace_in_two_bytes_is_rounded_where_it_is_stored_and_nowhere_else(
    model_name: str,
) -> None:
    model, first, second = make_model(model_name), *stream(3, 3)
    short: Any = make_trainer("behind(T=3, dtype='bfloat16')", model)
    full: Any = make_trainer("behind(T=3)", model)
    for window in (first, second):
        (ours,), (theirs,) = window_gradients(short, window), window_gradients(full, window)
        assert torch.equal(ours, theirs)
        rounded = {name: kept.bfloat16() for name, kept in full.memory.items()}
        assert short.memory.keys() == rounded.keys()
        assert all(torch.equal(kept, rounded[name]) for name, kept in short.memory.items())
        full.memory = {name: kept.double() for name, kept in rounded.items()}


def test_a_trace_in_two_bytes_is_near_one_of_all(registry: Registry) -> None:
    """A rounding of 2^-9 each window, over twenty of them."""
    model, episodes = make_model(), stream(*[6] * 10)
    exact, rounded, nothing = (
        found_by(text, model, episodes)[0].sum(0)
        for text in ("behind(T=3)", "behind(T=3, dtype='bfloat16')", "tbptt(T=3)")
    )
    assert 0 < (rounded - exact).norm() < 2**-7 * (exact - nothing).norm()


def test_the_bytes_of_a_trace_follow_its_share_and_its_dtype() -> None:
    def held(options: str) -> int:
        trainer = make_trainer(f"behind(T=3{options})", make_model(), 8)
        before = sum(kept.nbytes for kept in trainer.memory.values())
        for episode in stream(6, 3, B=8):
            window_gradients(trainer, episode)
        assert sum(kept.nbytes for kept in trainer.memory.values()) == before
        return before

    whole = held("")
    assert held(", share=0.5") == whole / 2
    assert held(", share=0.26") == whole * 3 / 8
    assert held(", dtype='bfloat16'") == whole / 4  # of float64, here
    assert held(", share=0.25, dtype='bfloat16'") == whole / 16


def test_what_is_too_large_whole_may_be_small_enough_in_part() -> None:
    model = make_model("lstm(hidden=64)")
    weights = sum(weight.numel() for weight in model.layers.parameters())  # type: ignore[union-attr]
    batch = int(4e9 / (8 * 2 * weights)) + 10
    with pytest.raises(ValueError, match="would hold"):
        make_trainer("behind(T=3)", model).begin(batch)
    with pytest.raises(ValueError, match="would hold"):
        make_trainer("behind(T=3, dtype='bfloat16')", model).begin(4 * batch)


# ---------------------------------------------------------------- both sides


@pytest.mark.parametrize("model_name", LAYER)
@pytest.mark.parametrize("more", ["", ", discount=1.0", ", warmup=5", ", layers=1, hidden=3"])
def test_both_sides_at_0_is_dni_bit_for_bit(model_name: str, more: str) -> None:
    model, episodes = make_model(model_name), stream(7, 4)
    ours = found_by(f"both_sides(T=3, mix=0.0{more})", model, episodes)
    theirs = found_by(f"dni(T=3{more})", model, episodes)
    assert torch.equal(ours[0], theirs[0])
    assert all(torch.equal(a, b) for a, b in zip(ours[1], theirs[1], strict=True))


@pytest.mark.parametrize("model_name", LAYER)
@pytest.mark.parametrize("more", ["", ", share=0.5", ", dtype='bfloat16'"])
def test_both_sides_at_1_is_behind_bit_for_bit(model_name: str, more: str) -> None:
    model, episodes = make_model(model_name), stream(7, 4)
    ours, taught = found_by(f"both_sides(T=3, mix=1.0{more})", model, episodes)
    assert torch.equal(ours, found_by(f"behind(T=3{more})", model, episodes)[0])
    assert not taught, "M is idle"


@pytest.mark.parametrize("model_name", LAYER)
@pytest.mark.parametrize("mix", [0.3, 0.5])
@pytest.mark.parametrize("discount", ["None", "1.0", "0.0", "0.28"])
def test_in_between_it_is_the_mixture_of_the_two(
    model_name: str, mix: float, discount: str
) -> None:
    """In every update; and M learns what it learns in dni. At 0.28 γ is (1 - m) s, once."""
    model, episodes = make_model(model_name), stream(7, 4)
    shared = f"scale=0.4, discount={discount}"
    ours, taught = found_by(f"both_sides(T=3, mix={mix}, {shared})", model, episodes)
    dni, expected = found_by(f"dni(T=3, {shared})", model, episodes)
    behind, _ = found_by("behind(T=3)", model, episodes)
    close(ours, mix * behind + (1 - mix) * dni)
    close(taught, expected)


def test_both_sides_forgets_where_an_episode_starts() -> None:
    model, episodes = make_model(), stream(6, 6)
    fresh = random_episode(6, dtype=F64)
    after, _ = found_by("both_sides(T=3)", model, [*episodes, fresh])
    assert torch.equal(after[-2:], found_by("both_sides(T=3)", model, [fresh])[0])


def test_at_scale_0_there_is_the_trace_alone() -> None:
    model, episodes = make_model(), stream(6, 6)
    ours, _ = found_by("both_sides(T=3, scale=0.0, mix=0.4)", model, episodes)
    behind, cut = (found_by(text, model, episodes)[0] for text in ("behind(T=3)", "tbptt(T=3)"))
    close(ours, 0.4 * behind + 0.6 * cut)


# ---------------------------------------------------------------- all


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("behind(share=0.0)", "share must be above 0 and at most 1, got 0.0"),
        ("behind(share=1.5)", "share must be above 0 and at most 1, got 1.5"),
        ("behind(dtype='float16')", "must be 'float32' or 'bfloat16'"),
        ("both_sides(mix=-0.1)", "mix must be at least 0, got -0.1"),
        ("both_sides(mix=1.1)", "mix must be at most 1, got 1.1"),
        ("both_sides(share=2)", "share must be above 0 and at most 1, got 2"),
        ("both_sides(T=0)", "T must be at least 1, got 0"),
    ],
)
def test_bad_options_are_refused_in_a_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refusal:
        make_trainer(text, make_model())
    assert "\n" not in str(refusal.value)


KEEPING = ["behind(T=3, share=0.5, dtype='bfloat16')", "both_sides(T=3, mix=0.3, warmup=9)"]
"""With options that decide what is kept; defaults are traced in test_engine."""


@pytest.mark.parametrize("text", KEEPING[:1])
def test_a_traced_update_is_the_trainers_own(text: str) -> None:
    eager, other = pair(text, "lstm(hidden=3)")
    hold(eager, Compiled(other, updates_of(other), as_traced), [(3, False, False)] * 2)


@pytest.mark.parametrize("text", KEEPING)
def test_a_stopped_run_goes_on_bit_for_bit(text: str, registry: Registry) -> None:
    spec = RunSpec(task="plain_copy(bits=2)", trainer=text, model="lstm(hidden=3)", batch=3,
                   timesteps=36)  # fmt: skip

    def told(rows: Iterable[tuple[str, dict[str, object]]]) -> list[dict[str, object]]:
        return [{k: v for k, v in row.items() if k != "seconds"} for _, row in rows]

    straight = Run(spec, registry, "eager")
    rows, episodes = straight.train(), 0
    while episodes < 3:
        episodes += next(rows)[0] == "episode"
    file = io.BytesIO()
    torch.save(straight.state_dict(), file)
    file.seek(0)
    restored = Run(spec, registry, "eager")
    restored.load_state_dict(torch.load(file, weights_only=True))
    assert told(restored.train()) == told(rows)
    for a, b in zip(straight.trainer.parameters(), restored.trainer.parameters(), strict=True):
        assert torch.equal(a, b)
