"""The proofs of what is done for a trace that is too large and for an M that learns too little.

All in float64, but for what is stored in two bytes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.engines.compiled import Compiled
from harness.engines.traced import as_traced
from harness.episode import Episode
from harness.measure.cost import gauge
from harness.model import Model
from harness.registry import Registry
from harness.spec import RunSpec
from tests.conftest import (
    hold_resumed,
    make_model,
    make_trainer,
    random_episode,
    squared_error,
    unrolled,
    window_gradients,
)
from tests.test_engine import hold, pair, updates_of
from tests.test_identities import Oracle, targets_of

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


# ---------------------------------------------------------------- behind, larger


@pytest.mark.parametrize("model_name", LAYER)
@pytest.mark.parametrize("T", [1, 3])
def test_a_trace_of_full_rank_beside_snaps_is_exact(model_name: str, T: int) -> None:
    """Window by window what `rtrl` gives, and of an episode the full gradient."""
    model, episodes = make_model(model_name), stream(7, 4)
    rank = model.d_state
    ours, exact = (
        found_by(text, model, episodes)[0]
        for text in (f"behind_low(T={T}, rank={rank})", f"rtrl(T={T})")
    )
    close(ours, exact)
    whole, _ = found_by(f"behind_low(T={T}, rank={rank})", model, episodes[:1])
    close(whole.sum(0), found_by("bptt", model, episodes[:1])[0].sum(0))


@pytest.mark.parametrize("model_name", LAYER)
def test_without_its_second_trace_it_is_behind_bit_for_bit(
    model_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, episodes = make_model(model_name), stream(7, 4)
    low, behind = "behind_low(T=3)", found_by("behind(T=3)", model, episodes)[0]
    assert not torch.equal(found_by(low, model, episodes)[0], behind)
    monkeypatch.setattr("harness.trainers.behind_low.BehindLow.fill", lambda *_: None)
    assert torch.equal(found_by(low, model, episodes)[0], behind)


def test_the_more_directions_the_nearer_to_the_truth() -> None:
    """In the mean over many models, along a stream whose losses look in many directions."""
    off: dict[int, list[Tensor]] = {0: [], 1: [], 3: [], 6: []}
    for _ in range(20):
        model, episodes = make_model("rnn(hidden=8)"), stream(9, 9)
        exact = found_by("rtrl(T=3)", model, episodes)[0].sum(0)
        for rank, errors in off.items():
            text = f"behind_low(T=3, rank={rank})" if rank else "behind(T=3)"
            errors.append((found_by(text, model, episodes)[0].sum(0) - exact).norm() / exact.norm())
    means = [float(torch.stack(errors).mean()) for errors in off.values()]
    assert means == sorted(means, reverse=True)
    assert means[-1] < 0.5 * means[0]


def test_its_directions_are_those_in_which_losses_looked_of_late() -> None:
    """By the singular vectors of all ∂L_k/∂h_k, each by itself, older ones by 0.99 a window."""
    model, (episode,) = make_model("rnn(hidden=6)"), stream(8)
    trainer: Any = make_trainer("behind_low(T=2, rank=2)", model)
    looked, h = torch.empty(0, 6, dtype=F64), torch.zeros(3, 6, dtype=F64)
    for window in episode.windows(2):
        h_k = h.detach().requires_grad_()
        outputs, h = model(window.x, h_k)
        (found,) = torch.autograd.grad(squared_error(outputs, window), h_k)
        looked = torch.cat([0.99**0.5 * looked, found])
        window_gradients(trainer, window)
    most = torch.linalg.svd(looked)[2][:2].t()
    Q = trainer.memory["Q"]
    close(Q @ Q.t(), most @ most.t())


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
@pytest.mark.parametrize("discount", ["None", "1.0", "0.0", "0.28"])
def test_in_between_it_is_the_mixture_of_the_two(model_name: str, discount: str) -> None:
    """In every update; and M learns what it learns in dni. At 0.28 γ is (1 - m) s, once."""
    model, episodes, mix = make_model(model_name), stream(7, 4), 0.3
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


# ---------------------------------------------------------------- dni_lambda


def taught_by(
    text: str, model: Model, episode: Episode, monkeypatch: pytest.MonkeyPatch, M: Any = None
) -> list[Tensor]:
    """The targets of an episode's boundaries, in order; M: instead of one with weights."""
    trainer: Any = make_trainer(text, model)
    weigh(trainer, model)
    if M is not None:
        trainer.synthesiser = M
    trainer.carried = model.initial_state(episode.batch) + 0.3
    targets = targets_of(trainer, monkeypatch)
    window_gradients(trainer, episode)
    return targets


@pytest.mark.parametrize(
    "model_name", ["lstm(hidden=5)", "gru(hidden=3, layers=2)", "rnn(hidden=4)"]
)
@pytest.mark.parametrize("more", ["", ", discount=1.0", ", discount=0.3", ", warmup=5"])
def test_dni_lambda_over_one_window_is_dni_bit_for_bit(model_name: str, more: str) -> None:
    model, episodes = make_model(model_name), stream(7, 4)
    theirs = found_by(f"dni(T=3{more})", model, episodes)
    for lam in (0.0, 0.6, 1.0):
        ours = found_by(f"dni_lambda(T=3, K=1, lam={lam}{more})", model, episodes)
        assert torch.equal(ours[0], theirs[0])
        assert all(torch.equal(a, b) for a, b in zip(ours[1], theirs[1], strict=True))


@pytest.mark.parametrize("K", [2, 3, 9])
@pytest.mark.parametrize("final", [True, False])
def test_dni_lambda_consumes_as_dni_and_at_0_is_taught_as_it_is(
    K: int, final: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, episode = make_model(), random_episode(14, fresh=False, final=final, dtype=F64)
    shared = "scale=0.4, discount=0.7"
    ours = found_by(f"dni_lambda(T=3, K={K}, {shared})", model, [episode])[0]
    close(ours, found_by(f"dni(T=3, {shared})", model, [episode])[0])
    found = taught_by(f"dni_lambda(T=3, K={K}, lam=0.0, {shared})", model, episode, monkeypatch)
    close(found, taught_by(f"dni(T=3, {shared})", model, episode, monkeypatch))


@pytest.mark.parametrize(
    "model_name", ["lstm(hidden=5)", "gru(hidden=3, layers=2)", "rnn(hidden=4)"]
)
@pytest.mark.parametrize(("lam", "discount"), [(1.0, 1.0), (0.6, 0.7), (0.3, 1.0), (0.8, 0.0)])
@pytest.mark.parametrize("final", [True, False])
def test_a_boundary_is_taught_what_the_windows_of_its_block_send_back(
    model_name: str, lam: float, discount: float, final: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against sums over n-step returns, (1 - λ) λ^(n - 1) of each: autograd through n windows."""
    model, episode = make_model(model_name), random_episode(14, fresh=False, final=final, dtype=F64)
    text, K = f"dni_lambda(T=3, K=3, lam={lam}, discount={discount}, scale=0.4)", 3
    found = taught_by(text, model, episode, monkeypatch)
    trainer: Any = make_trainer(text, model)
    weigh(trainer, model)
    M, B, windows = trainer.synthesiser, episode.batch, list(episode.windows(3))
    states = [model.initial_state(B) + 0.3]
    for window in windows:
        states.append(model(window.x, states[-1])[1].detach())
    expected = []
    for k in range(len(windows)):
        h_k = h = states[k].clone().requires_grad_()
        end = min(k - k % K + K, len(windows))
        heard, total = torch.zeros((), dtype=F64), torch.zeros((), dtype=F64)
        for n, window in enumerate(windows[k:end], start=1):
            outputs, h = model(window.x, h)
            heard = heard + discount ** (n - 1) * B * squared_error(outputs, window)
            beyond = 0 * h if window.final else discount**n * M(h).detach() * h
            share = (1 - lam if k + n < end else 1) * lam ** (n - 1)
            total = total + share * (heard + beyond.sum())
        expected.append(torch.autograd.grad(total, h_k)[0])
    close(found, expected)


@pytest.mark.parametrize(("L", "K"), [(7, 3), (6, 2), (3, 1), (7, 9)])
@pytest.mark.parametrize("final", [True, False])
def test_a_block_that_ends_with_the_episode_teaches_the_true_gradient(
    L: int, K: int, final: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever M says, where the episode ends for good; the weights held."""
    model, episode = make_model(), random_episode(L, fresh=False, final=final, dtype=F64)
    boundaries, loss = unrolled(model, episode, 3, model.initial_state(3) + 0.3)
    true = [3 * g for g in torch.autograd.grad(loss, boundaries)]
    text = f"dni_lambda(T=3, K={K}, lam=1.0, discount=1.0)"
    found = taught_by(text, model, episode, monkeypatch)
    if final:
        close(found, true)
    else:
        assert not torch.allclose(found[-1], true[-1])


@pytest.mark.parametrize("K", [1, 2, 4])
@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0])
def test_an_oracle_is_taught_the_truth_by_every_return(
    K: int, lam: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, episode = make_model(), random_episode(14, fresh=False, dtype=F64)
    h = model.initial_state(3) + 0.3
    oracle = Oracle(model, episode, 3, h)
    text = f"dni_lambda(T=3, K={K}, lam={lam}, discount=1.0, scale=1.0)"
    close(taught_by(text, model, episode, monkeypatch, oracle), [g for _, g in oracle.known])


@pytest.mark.parametrize("text", ["dni_lambda(T=3)", "dni_lambda(T=3, K=2, discount=1.0)"])
def test_a_silent_dni_lambda_is_truncation_bit_for_bit(text: str) -> None:
    model, episodes = make_model(), stream(10, 4)
    trainer, cut = make_trainer(text, model), make_trainer("tbptt(T=3)", model)
    for episode in episodes:
        ours, theirs = window_gradients(trainer, episode), window_gradients(cut, episode)
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
        assert torch.equal(trainer.carried, cut.carried)  # type: ignore[arg-type]


def test_a_block_is_run_again_with_the_weights_of_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    model, episode = make_model(), random_episode(6, fresh=False, dtype=F64)
    h = model.initial_state(3) + 0.3
    trainer: Any = make_trainer("dni_lambda(T=3, K=2, discount=1.0)", model)
    trainer.carried, targets = h, targets_of(trainer, monkeypatch)
    updates, (first, second) = trainer.gradients(episode), episode.windows(3)
    next(updates)
    entering = trainer.carried
    assert not targets
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.1)
    next(updates)
    h_1 = entering.clone().requires_grad_()
    (last,) = torch.autograd.grad(squared_error(model(second.x, h_1)[0], second), h_1)
    h_0 = h.clone().requires_grad_()
    outputs, left = model(first.x, h_0)
    (sent,) = torch.autograd.grad(squared_error(outputs, first) + (last * left).sum(), h_0)
    close(targets, [3 * sent, 3 * last])


def test_dni_lambda_holds_one_window_and_the_states_of_a_block() -> None:
    model, episode = make_model("lstm(hidden=16)"), random_episode(30, 8, dtype=F64)
    texts = ("tbptt(T=3)", "dni(T=3)", "dni_lambda(T=3, K=10)")
    costs = [gauge(make_trainer(text, model, 8), episode) for text in texts]
    truncated, dni, ours = (cost.flops for cost in costs)
    assert costs[2].activation_bytes == pytest.approx(costs[1].activation_bytes, rel=0.05)
    # nine windows of ten again: forward, and back to the state alone, two thirds of the work
    assert 0.6 < (ours - dni) / (0.9 * truncated) < 0.75


# ---------------------------------------------------------------- dni_steady


@pytest.mark.parametrize(
    "model_name", ["lstm(hidden=5)", "gru(hidden=3, layers=2)", "rnn(hidden=4)"]
)
@pytest.mark.parametrize("more", ["", ", discount=1.0", ", warmup=5", ", layers=1, hidden=3"])
def test_with_every_remedy_off_it_is_dni_bit_for_bit(model_name: str, more: str) -> None:
    model, episodes = make_model(model_name), stream(7, 4)
    ours = found_by(f"dni_steady(T=3{more})", model, episodes)
    theirs = found_by(f"dni(T=3{more})", model, episodes)
    assert torch.equal(ours[0], theirs[0])
    assert all(torch.equal(a, b) for a, b in zip(ours[1], theirs[1], strict=True))
    assert not make_trainer(f"dni_steady(T=3{more})", model).memory


def steady(options: str, model: Model, average: float | None = None) -> Any:
    """Begun, with weights; average: what all weights of the average are, else M's own."""
    trainer: Any = make_trainer(f"dni_steady(T=3, scale=0.4, {options})", model)
    weigh(trainer, model)
    if "average" in trainer.memory:
        own = trainer.flat()
        trainer.memory["average"] = own if average is None else torch.full_like(own, average)
    return trainer


def updates_by(trainer: Any, episodes: list[Episode]) -> tuple[Tensor, list[Tensor]]:
    """As found_by(), of a trainer as it is."""
    of_model, of_M = [], []
    trainer.zero_grad()
    for episode in episodes:
        for _ in trainer.gradients(episode):
            of_model.append(torch.cat([p.grad.flatten() for p in trainer.model.parameters()]))
            of_M += [p.grad.clone() for p in trainer.own_parameters()]
            trainer.zero_grad()
    return torch.stack(of_model), of_M


@pytest.mark.parametrize("where", ["target", "consumed", "both"])
@pytest.mark.parametrize("more", ["", "discount=1.0", "layers=1, hidden=3"])
def test_an_average_of_weights_that_are_held_is_the_weights(where: str, more: str) -> None:
    model, episodes = make_model(), stream(7, 4)
    ours = updates_by(steady(f"average=0.9, averaged='{where}', {more}", model), episodes)
    close(ours, found_by(f"dni(T=3, scale=0.4, {more})", model, episodes))


@pytest.mark.parametrize("where", ["target", "consumed", "both"])
@pytest.mark.parametrize("discount", ["None", "1.0"])
def test_a_silent_average_is_silent_where_it_is_used_alone(where: str, discount: str) -> None:
    """In the target: nothing from beyond is taught. Consumed: the model's gradient is cut."""
    model, episodes = make_model(), stream(7, 4)
    trainer = steady(f"average=0.9999999999999999, averaged='{where}', discount={discount}",
                     model, 0.0)  # fmt: skip
    ours, taught = updates_by(trainer, episodes)
    cut, blind = found_by("sg(T=3, scale=0.0)", model, episodes)
    dni, far = found_by(f"dni(T=3, scale=0.4, discount={discount})", model, episodes)
    close(ours, dni if where == "target" else cut)
    close(taught, far if where == "consumed" else blind)


def test_the_average_follows_m_and_is_what_a_probe_sees_where_it_is_consumed() -> None:
    model, episodes = make_model(), stream(7, 4)
    for where in ("target", "consumed"):
        trainer = steady(f"average=0.75, averaged='{where}'", model, 2.0)
        updates_by(trainer, episodes)
        own, expected = trainer.flat(), torch.full_like(trainer.flat(), 2.0)
        for _ in range(5):
            expected = 0.75 * expected + 0.25 * own
        close(trainer.memory["average"], expected)
        state = torch.randn(3, 10, dtype=F64)
        said, M = trainer.synthetic_gradient(state), trainer.synthesiser(state)
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(expected, trainer.synthesiser.parameters())
        close(said, M if where == "target" else trainer.synthesiser(state))


def test_replay_is_the_mean_over_the_last_boundaries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer at first, with their targets as they were, over the ends of episodes."""
    model, episodes = make_model(), stream(7, 4)
    ours, taught = updates_by(steady("replay=3", model), episodes)
    dni, each = found_by("dni(T=3, scale=0.4)", model, episodes)
    assert torch.equal(ours, dni)
    expected = []
    for k in range(5):
        first = max(0, k - 2)
        expected += [sum(each[2 * i + part] for i in range(first, k + 1)) / (k + 1 - first)
                     for part in (0, 1)]  # fmt: skip
    close(taught, expected)


@pytest.mark.parametrize(("error", "gamma"), [(0.3, 0.7), (1.0, 0.0), (1.7, 0.0), (0.0, 1.0)])
def test_an_adaptive_discount_is_what_m_explains(error: float, gamma: float) -> None:
    model, window = make_model(), random_episode(3, fresh=False, final=False, dtype=F64)
    trainer = steady("discount='adaptive'", model)
    trainer.memory |= {"E": torch.tensor(2 * error, dtype=F64), "S": torch.tensor(2.0, dtype=F64)}
    ours = updates_by(trainer, [window])
    close(ours, found_by(f"dni(T=3, scale=0.4, discount={gamma})", model, [window]))


def test_an_adaptive_discount_is_judged_by_error_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    model, window = make_model(), random_episode(3, fresh=False, final=False, dtype=F64)
    trainer = steady("discount='adaptive'", model)
    targets, h = targets_of(trainer, monkeypatch), model.initial_state(3) + 0.3
    for _ in range(2):
        trainer.carried = h
        updates_by(trainer, [window])
    E = S = 1e-12
    for target in targets:
        E = 0.99 * E + 0.01 * ((trainer.synthesiser(h) - target) ** 2).sum().item() / 3
        S = 0.99 * S + 0.01 * (target**2).sum().item() / 3
    assert trainer.memory["E"].item() == pytest.approx(E)
    assert trainer.memory["S"].item() == pytest.approx(S)
    silenced: Any = make_trainer("dni_steady(T=3, discount='adaptive')", model)
    updates_by(silenced, [window] * 3)
    assert silenced.memory["E"] == silenced.memory["S"] > 1e-9, "a silent M has explained nothing"


@pytest.mark.parametrize("model_name", ["lstm(hidden=5)", "gru(hidden=3, layers=2)"])
def test_m_that_reads_inputs_reads_the_next_windows_first(model_name: str) -> None:
    """Against dni with a bias for the input, where it is known; zeros where it is not."""
    model, episodes = make_model(model_name), stream(7, 6, 4)
    trainer = steady("reads='input', discount=1.0", model)
    asked: list[Tensor] = []
    trainer.synthesiser.register_forward_pre_hook(lambda _, given: asked.append(given[0].detach()))
    updates_by(trainer, episodes)
    expected, nothing = [], torch.zeros(3, 3, dtype=F64)
    states = [model.initial_state(3)]
    for episode in episodes:
        windows = list(episode.windows(3))
        for k, window in enumerate(windows):
            states.append(model(window.x, states[-1])[1].detach())
            if not window.final:
                following = windows[k + 1].x[0] if k + 1 < len(windows) else nothing
                expected.append(torch.cat([states[-1], following], 1))
            expected.append(torch.cat([states[-2], window.x[0] if k else nothing], 1))
    close(asked, expected)


def test_m_that_reads_inputs_without_weights_for_them_is_dni() -> None:
    model, episodes = make_model(), stream(7, 4)
    trainer = steady("reads='input'", model)
    like: Any = make_trainer("dni(T=3)", model)
    weigh(like, model)
    with torch.no_grad():
        layer, own = trainer.synthesiser[-1], like.synthesiser[-1]
        layer.weight.zero_()[:, :10] = own.weight
        layer.bias.copy_(own.bias)
    ours, taught = updates_by(trainer, episodes)
    dni, expected = found_by("dni(T=3, scale=0.4)", model, episodes)
    close(ours, dni)
    close(taught[1::2], expected[1::2])
    close([each[:, :10] for each in taught[::2]], expected[::2])


def test_remedies_add_up() -> None:
    """All at once: finite, of one shape, and other than each alone."""
    model, episodes = make_model(), stream(7, 6, 4)
    options = "average=0.9, averaged='both', replay=3, reads='input', discount='adaptive'"
    trainer = steady(options, model)
    before = {name: kept.shape for name, kept in trainer.memory.items()}
    of_model, of_M = updates_by(trainer, episodes)
    assert {name: kept.shape for name, kept in trainer.memory.items()} == before
    assert torch.isfinite(of_model).all()
    assert all(torch.isfinite(each).all() for each in of_M)


@pytest.mark.parametrize("text", ["dni_lambda(T=3)", "dni_steady(T=3, reads='input')"])
def test_a_method_of_whole_episodes_is_not_compiled_and_says_why(text: str) -> None:
    trainer = make_trainer(text, make_model())
    with pytest.raises(TypeError, match="yields 2 times for an episode that cut"):
        Compiled(trainer, updates_of(trainer), as_traced).prepare(random_episode(6, dtype=F64))


# ---------------------------------------------------------------- all


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("behind(share=0.0)", "share must be above 0 and at most 1, got 0.0"),
        ("behind(share=1.5)", "share must be above 0 and at most 1, got 1.5"),
        ("behind(dtype='float16')", "must be 'float32' or 'bfloat16'"),
        ("behind_low(rank=0)", "rank must be at least 1, got 0"),
        ("behind_low(rank=11)", "rank must be at most d_state = 10, got 11"),
        ("both_sides(mix=-0.1)", "mix must be at least 0, got -0.1"),
        ("both_sides(mix=1.1)", "mix must be at most 1, got 1.1"),
        ("both_sides(share=2)", "share must be above 0 and at most 1, got 2"),
        ("both_sides(T=0)", "T must be at least 1, got 0"),
        ("dni_lambda(K=0)", "K must be at least 1, got 0"),
        ("dni_lambda(lam=-0.1)", "lam must be at least 0, got -0.1"),
        ("dni_lambda(lam=1.1)", "lam must be at most 1, got 1.1"),
        ("dni_steady(average=1.0)", "average must be at least 0 and below 1, got 1.0"),
        ("dni_steady(replay=0)", "replay must be at least 1, got 0"),
        ("dni_steady(discount='other')", "must be a number or 'adaptive' or None, got 'other'"),
        ("dni_steady(reads='input', warmup=5)", "warmup must be 0 where M reads inputs, got 5"),
        ("dni_steady(averaged='all')", "must be 'target' or 'consumed' or 'both', got 'all'"),
    ],
)
def test_bad_options_are_refused_in_a_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refusal:
        make_trainer(text, make_model())
    assert "\n" not in str(refusal.value)


TRACED = [
    "behind(T=3, share=0.5, dtype='bfloat16')",
    "behind_low(T=3, rank=2)",
    "dni_steady(T=3, average=0.9, replay=2, discount='adaptive')",
]
"""With options that decide what is kept; defaults are traced in test_engine."""

KEEPING = [*TRACED, "both_sides(T=3, mix=0.3, warmup=9)", "dni_lambda(T=3, K=2)"]


@pytest.mark.parametrize("text", TRACED)
def test_a_traced_update_is_the_trainers_own(text: str) -> None:
    eager, other = pair(text, "lstm(hidden=3)")
    hold(eager, Compiled(other, updates_of(other), as_traced), [(3, False, False)] * 2)


@pytest.mark.parametrize("text", KEEPING)
def test_a_stopped_run_goes_on_bit_for_bit(
    text: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.measure.costs.DRAWS", 1)  # costs are not asked
    monkeypatch.setattr("harness.measure.costs.peak_memory_bytes", lambda *_: 1)
    spec = RunSpec(task="plain_copy(bits=2)", trainer=text, model="lstm(hidden=3)", batch=3,
                   timesteps=36)  # fmt: skip

    hold_resumed(spec, registry)
