"""Proofs of the methods that draw, by all that they can draw, and of the one with a trace of M.

All in float64. `artbp` is full backpropagation on average over cuts; `uoro` and `kf_rtrl` are
real-time recurrent learning on average over signs; `bp_lambda` is a regression on λ-returns.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.engines.compiled import Compiled
from harness.engines.traced import as_traced
from harness.episode import Episode
from harness.model import Model
from harness.registry import Registry
from harness.spec import RunSpec
from harness.synthesiser import squared_error as regressed
from harness.trainer import Trainer
from harness.trainers import _signs, kf_rtrl, uoro
from tests.conftest import (
    excite,
    flat_gradient,
    hold_resumed,
    make_model,
    make_trainer,
    random_episode,
    squared_error,
    unrolled,
)
from tests.test_engine import updates_of

F64 = torch.float64
EXACT = {"rtol": 1e-12, "atol": 1e-12}


def over(trainer: Trainer, *episodes: Episode) -> Tensor:
    """The gradient of the model summed over all updates, the weights held."""
    trainer.zero_grad()
    for episode in episodes:
        trainer(episode)
    return flat_gradient(trainer.model).clone()


# ---------------------------------------------------------------- artbp


def patterns(L: int) -> Iterator[list[int]]:
    """Every way to cut L timesteps: the ends of the windows."""
    for cuts in itertools.product([False, True], repeat=L - 1):
        yield [t + 1 for t, is_cut in enumerate(cuts) if is_cut] + [L]


def likelihood(ends: list[int], T: int, alpha: float) -> float:
    """The chance of a pattern, from the paper's c_t alone."""
    chance, start = 1.0, 0
    for end in ends:
        for t in range(start + 1, end + 1):
            c = (alpha - 1) / ((alpha - 2) * T + t - start)
            if t < ends[-1]:  # the end of an episode is not drawn
                chance *= c if t == end else 1 - c
        start = end
    return chance


def cut_at(trainer: Trainer, ends: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(episode: Episode) -> Iterator[Episode]:
        return (episode.part(a, b) for a, b in zip([0, *ends], ends, strict=False))

    monkeypatch.setattr(trainer, "cut", cut)


def by_cuts(
    text: str, model: Model, episode: Episode, monkeypatch: pytest.MonkeyPatch
) -> dict[tuple[int, ...], Tensor]:
    trainer, found = make_trainer(text, model, episode.batch), {}
    for ends in patterns(episode.length):
        cut_at(trainer, ends, monkeypatch)
        found[tuple(ends)] = over(trainer, episode)
    return found


@pytest.mark.parametrize("model_name", ["lstm(hidden=4)", "gru(hidden=3, layers=2)"])
@pytest.mark.parametrize(("T", "alpha"), [(2, 4.0), (3, 2.5), (5, 6.0)])
def test_artbp_is_bptt_on_average_over_all_cuts(
    model_name: str, T: int, alpha: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, episode = make_model(model_name), random_episode(6, dtype=F64)
    found = by_cuts(f"artbp(T={T}, alpha={alpha})", model, episode, monkeypatch)
    chances = [likelihood(list(ends), T, alpha) for ends in found]
    assert sum(chances) == pytest.approx(1, rel=1e-12)
    mean = sum(chance * each for chance, each in zip(chances, found.values(), strict=True))
    torch.testing.assert_close(mean, over(make_trainer("bptt", model), episode), **EXACT)


def test_artbp_draws_its_cuts_with_the_papers_chances(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean over cuts as drawn is bptt's, and without compensation it is not."""
    model, episode = make_model("lstm(hidden=4)"), random_episode(6, dtype=F64)
    ours = by_cuts("artbp(T=3)", model, episode, monkeypatch)
    bare = dict(ours)
    for ends in bare:
        parts = zip([0, *ends], ends, strict=False)
        bare[ends] = over(make_trainer("tbptt(T=9)", model), *(episode.part(*p) for p in parts))
    full = over(make_trainer("bptt", model), episode)
    missing = full - sum(likelihood(list(ends), 3, 4.0) * each for ends, each in bare.items())
    drawing = make_trainer("artbp(T=3)", model)
    drawing.rng.manual_seed(int(torch.randint(10**6, ())))
    drawn = []
    for _ in range(4000):
        lengths = [window.length for window in drawing.cut(episode)]
        drawn.append(tuple(itertools.accumulate(lengths)))
    off = []
    for gradients in (ours, bare):
        along = torch.stack([(gradients[ends] - full) @ missing for ends in drawn])
        off.append(abs(along.mean() / along.std()) * math.sqrt(len(drawn)))
    assert off[0] < 4.5, "in standard errors of the mean"
    assert off[1] > 20
    for ends in patterns(6):
        chance, count = likelihood(ends, 3, 4.0), drawn.count(tuple(ends))
        spread = math.sqrt(4000 * chance * (1 - chance))
        assert abs(count - 4000 * chance) < 5.5 * spread + 1


def test_artbps_windows_have_t_timesteps_on_average_and_a_long_tail() -> None:
    trainer = make_trainer("artbp(T=5, alpha=6.0)", make_model())
    episode = random_episode(60_000, 1, d_in=1, d_out=1, dtype=F64)
    lengths = torch.tensor([window.length for window in trainer.cut(episode)], dtype=F64)
    assert lengths.sum() == 60_000
    error = (lengths.std() / math.sqrt(len(lengths))).item()
    assert abs(lengths.mean().item() - 5) < 5 * error + 0.01
    beyond = [math.prod(1 - 5 / (20 + t) for t in range(1, n + 1)) for n in (5, 20)]
    for n, share in zip((5, 20), beyond, strict=True):
        spread = math.sqrt(share / len(lengths))
        assert abs((lengths > n).double().mean().item() - share) < 5 * spread


def test_artbp_varies_less_the_longer_its_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exact, over all cuts of one episode: in shares of the full gradient's square."""
    model, episode = make_model("lstm(hidden=4)"), random_episode(6, dtype=F64)
    full, spread = over(make_trainer("bptt", model), episode), []
    for T in (2, 6):
        found = by_cuts(f"artbp(T={T})", model, episode, monkeypatch)
        squares = [
            likelihood(list(ends), T, 4.0) * (each - full).square().sum()
            for ends, each in found.items()
        ]
        spread.append((sum(squares) / full.square().sum()).item())
    assert 0 < spread[1] < 0.5 * spread[0]


# ---------------------------------------------------------------- uoro and kf_rtrl


def every_sign(count: int) -> Tensor:
    return torch.tensor(list(itertools.product([1.0, -1.0], repeat=count)), dtype=F64)


def by_signs(
    text: str, model: Model, episode: Episode, count: int, monkeypatch: pytest.MonkeyPatch
) -> Tensor:
    """The gradient for each way to draw `count` signs: (2^count, |θ|)."""
    trainer, left = make_trainer(text, model, episode.batch), [torch.empty(0, dtype=F64)]

    def given(shape: tuple[int, ...], rng: torch.Generator, like: Tensor) -> Tensor:
        taken, left[0] = left[0].split([math.prod(shape), len(left[0]) - math.prod(shape)])
        return taken.view(shape)

    for module in (uoro, kf_rtrl):
        monkeypatch.setattr(module, "signs", given)
    found = []
    for drawn in every_sign(count):
        left[0] = drawn
        found.append(over(trainer, episode))
        assert len(left[0]) == 0, "other numbers of signs were drawn"
    return torch.stack(found)


@pytest.mark.parametrize(
    ("text", "model_name", "L", "B", "count"),
    [
        ("uoro(T=1)", "rnn(hidden=2)", 3, 1, 6),
        ("uoro(T=1)", "rnn(hidden=2)", 2, 2, 8),
        ("uoro(T=1)", "lstm(hidden=1)", 3, 1, 6),
        ("uoro(T=1)", "gru(hidden=1, layers=2)", 2, 1, 4),
        ("uoro(T=2)", "rnn(hidden=2)", 5, 1, 6),
        ("uoro(T=2)", "lstm(hidden=1)", 5, 1, 6),
        ("kf_rtrl(T=1)", "rnn(hidden=3)", 3, 1, 6),
        ("kf_rtrl(T=2)", "rnn(hidden=3)", 3, 1, 6),
        ("kf_rtrl(T=2)", "rnn(hidden=2)", 2, 2, 8),
    ],
)
def test_a_trace_of_rank_one_is_rtrl_on_average_over_all_signs(
    text: str, model_name: str, L: int, B: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, episode = make_model(model_name), random_episode(L, B, dtype=F64)
    found = by_signs(text, model, episode, count, monkeypatch)
    exact = over(make_trainer("rtrl", model, B), episode)
    torch.testing.assert_close(found.mean(0), exact, **EXACT)
    torch.testing.assert_close(exact, over(make_trainer("bptt", model), episode), **EXACT)
    spread = (found - exact).square().sum(1).mean().item()
    assert spread > 1e-6 * exact.square().sum().item(), "it draws nothing"


@pytest.mark.parametrize("text", ["uoro(T=2)", "kf_rtrl(T=2)"])
def test_each_sequence_has_a_trace_of_its_own(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch's gradient is the sum of its sequences', with the same signs; no mean shows that."""
    model, episode = make_model("rnn(hidden=2)"), random_episode(6, 2, dtype=F64)
    left: list[Tensor] = []
    for module in (uoro, kf_rtrl):
        monkeypatch.setattr(module, "signs", lambda *_: left.pop(0))
    shapes = [(2, 2)] * 3 if text.startswith("uoro") else [(2, 2, 2, 1)] * 3
    drawn = [torch.randint(2, shape).double() * 2 - 1 for shape in shapes]
    left += drawn
    both, alone = over(make_trainer(text, model, 2), episode), []
    for b in range(2):
        parts = [each[..., b : b + 1, :] for each in drawn]
        left += parts
        x, y, weight = (each[:, b : b + 1] for each in (episode.x, episode.y, episode.weight))
        alone.append(over(make_trainer(text, model, 1), Episode(x, y, weight)))
    torch.testing.assert_close(both, alone[0] + alone[1], **EXACT)


@pytest.mark.parametrize(("method", "module"), [("uoro", uoro), ("kf_rtrl", kf_rtrl)])
def test_factors_of_one_size_have_less_variance(
    method: str, module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(4) of both methods: other factors leave the mean alone, and no more than that."""
    model, episode = make_model("rnn(hidden=2)"), random_episode(3, 1, dtype=F64)
    exact, spread = over(make_trainer("rtrl", model, 1), episode), []
    for off in (1.0, 16.0):
        factors = itertools.cycle([off, 1 / off])  # both by the same would cancel

        def balance(large: Tensor, small: Tensor, factors: Iterator[float] = factors) -> Tensor:
            return next(factors) * _signs.balance(large, small)

        monkeypatch.setattr(module, "balance", balance)
        found = by_signs(method, model, episode, 6, monkeypatch)
        torch.testing.assert_close(found.mean(0), exact, rtol=1e-11, atol=1e-13)
        spread.append((found - exact).square().sum(1).mean().item())
    assert spread[0] < 0.5 * spread[1]


def test_signs_are_fair_and_the_methods_own() -> None:
    rng = torch.Generator().manual_seed(3)
    drawn = _signs.signs((4, 1000), rng, torch.zeros((), dtype=F64))
    assert drawn.dtype is F64
    assert set(drawn.unique().tolist()) == {-1.0, 1.0}
    assert abs(drawn.mean().item()) < 5 / math.sqrt(4000)
    assert (drawn[0] * drawn[1]).mean().abs() < 5 / math.sqrt(1000)


def test_factors_are_per_sequence_and_survive_what_is_zero() -> None:
    large, small = torch.rand(3, 2, 2, dtype=F64), torch.rand(3, 5, dtype=F64)
    large[1], small[2] = 0, 0
    found = _signs.balance(large, small)
    assert found.shape == (3, 1, 1)
    assert torch.isfinite(found).all()
    assert (found > 0).all()
    assert found[0].item() ** 2 == pytest.approx((large[0].norm() / small[0].norm()).item())
    nothing = _signs.balance(0 * large, 0 * small)
    assert torch.equal(nothing, torch.ones_like(nothing))


# ---------------------------------------------------------------- bp_lambda


def heard(
    trainer: Any, episode: Episode, h: Tensor, lam: float, discount: float
) -> Iterator[list[Tensor]]:
    """What (4) says in each window, without a trace: δ_k is sent back through all windows before.

    δ_k e_k = Σ_{j ≤ k} (γ λ)^(k - j) (δ_k J_{k-1} … J_j) ∂M(h_j)/∂φ
    """
    M, B = trainer.synthesiser, episode.batch
    weights = list(M.parameters())
    h_k = h.clone().requires_grad_()
    boundaries = [h_k]
    for window in episode.windows(trainer.T):
        outputs, h_next = trainer.model(window.x, boundaries[-1])
        beyond = 0 * h_next if window.final else discount * M(h_next).detach() * h_next
        value = B * squared_error(outputs, window) + beyond.sum()
        (target,) = torch.autograd.grad(value, boundaries[-1], retain_graph=True)
        delta = target - M(boundaries[-1]).detach()
        total = [torch.zeros_like(phi) for phi in weights]
        for age, boundary in enumerate(reversed(boundaries)):
            (sent,) = (
                (delta,)
                if age == 0
                else torch.autograd.grad(boundaries[-1], boundary, delta, retain_graph=True)
            )
            said = (sent * M(boundary.detach())).sum()
            for own, share in zip(total, torch.autograd.grad(said, weights), strict=True):
                own.sub_(2 / B * (discount * lam) ** age * share)
        yield total
        boundaries.append(h_next)


@pytest.mark.parametrize(
    "model_name", ["lstm(hidden=3)", "gru(hidden=3)", "rnn(hidden=2, layers=2)"]
)
@pytest.mark.parametrize(("lam", "discount"), [(0.6, 0.7), (1.0, 0.5), (0.3, 1.0), (0.8, 0.0)])
@pytest.mark.parametrize("more", ["", ", layers=1, hidden=3", ", bounded=False"])
def test_bp_lambda_sends_each_error_back_to_every_boundary(
    model_name: str, lam: float, discount: float, more: str
) -> None:
    """In every window, and from one stretch of a stream to the next."""
    model = make_model(model_name)
    text = f"bp_lambda(T=2, lam={lam}, discount={discount}, scale=0.5{more})"
    trainer: Any = make_trainer(text, model, 3)
    excite(trainer.synthesiser)
    whole = random_episode(9, fresh=True, dtype=F64)
    expected = list(heard(trainer, whole, model.initial_state(3), lam, discount))
    found = []
    for stretch in (whole.part(0, 4), whole.part(4, 9)):
        for _ in trainer.gradients(stretch):
            found.append([phi.grad.clone() for phi in trainer.synthesiser.parameters()])
            trainer.zero_grad()
    assert len(found) == len(expected) == 5
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("model_name", ["lstm(hidden=3)", "gru(hidden=2, layers=2)"])
@pytest.mark.parametrize(("L", "T"), [(7, 3), (6, 2), (5, 1)])
def test_bp_lambda_at_1_regresses_on_the_true_gradients(model_name: str, L: int, T: int) -> None:
    """The weights of M held over an episode, γ = 1: no prediction is left in the target."""
    model, episode = make_model(model_name), random_episode(L, dtype=F64)
    trainer: Any = make_trainer(f"bp_lambda(T={T}, lam=1.0, discount=1.0)", model, 3)
    excite(trainer.synthesiser)
    boundaries, loss = unrolled(model, episode, T, model.initial_state(3))
    true = torch.autograd.grad(loss, boundaries)
    phi = list(trainer.synthesiser.parameters())
    errors = [
        regressed(trainer.synthesiser(h.detach()), 3 * g)
        for h, g in zip(boundaries, true, strict=True)
    ]
    expected = torch.autograd.grad(torch.stack(errors).sum(), phi)
    over(trainer, episode)
    torch.testing.assert_close([each.grad for each in phi], list(expected), **EXACT)


@pytest.mark.parametrize("model_name", ["lstm(hidden=3)", "rnn(hidden=2, layers=2)"])
@pytest.mark.parametrize("shared", ["", ", discount=1.0", ", discount=0.0", ", layers=1"])
@pytest.mark.parametrize("final", [True, False])
def test_bp_lambda_at_0_is_dni(model_name: str, shared: str, final: bool) -> None:
    model, episode = make_model(model_name), random_episode(7, final=final, dtype=F64)
    ours: Any = make_trainer(f"bp_lambda(T=3, lam=0.0{shared})", model, 3)
    theirs: Any = make_trainer(f"dni(T=3{shared})", model, 3)
    excite(ours.synthesiser)
    theirs.synthesiser.load_state_dict(ours.synthesiser.state_dict())
    found = []
    for trainer in (ours, theirs):
        gradient = over(trainer, episode)
        found.append([gradient, *(phi.grad for phi in trainer.synthesiser.parameters())])
    assert torch.equal(found[0][0], found[1][0]), "the model's, to the last bit"
    torch.testing.assert_close(*found, **EXACT)


def test_bp_lambda_consumes_as_dni_whatever_its_trace() -> None:
    model, episode = make_model("gru(hidden=3)"), random_episode(7, final=False, dtype=F64)
    ours: Any = make_trainer("bp_lambda(T=3, scale=0.4)", model, 3)
    theirs: Any = make_trainer("dni(T=3, scale=0.4)", model, 3)
    excite(ours.synthesiser)
    theirs.synthesiser.load_state_dict(ours.synthesiser.state_dict())
    assert torch.equal(over(ours, episode), over(theirs, episode))


# ---------------------------------------------------------------- all four

ALL = [
    ("artbp(T=3)", "lstm(hidden=3)"),
    ("uoro(T=3)", "gru(hidden=3)"),
    ("kf_rtrl(T=3)", "rnn(hidden=4)"),
    ("bp_lambda(T=3)", "lstm(hidden=3)"),
]


@pytest.mark.parametrize(("text", "model_name"), ALL)
def test_losses_add_up_and_a_fresh_episode_forgets(text: str, model_name: str) -> None:
    model, episode = make_model(model_name), random_episode(8, dtype=F64)
    new, old = make_trainer(text, model, 3), make_trainer(text, model, 3)
    excite(old)
    new.load_state_dict(old.state_dict())
    old.carried = torch.ones(3, model.d_state, dtype=F64)
    old.memory = {name: torch.randn_like(kept) for name, kept in old.memory.items()}
    outputs, _ = model(episode.x, model.initial_state(3))
    loss = squared_error(outputs, episode).detach()
    found = []
    for trainer in (new, old):
        trainer.rng.manual_seed(1)
        torch.testing.assert_close(torch.stack(trainer(episode)).sum(), loss, **EXACT)
        found.append([p.grad for p in trainer.parameters() if p.grad is not None])
        trainer.zero_grad()
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert all(torch.equal(kept, old.memory[name]) for name, kept in new.memory.items())


@pytest.mark.parametrize(("text", "model_name"), ALL)
def test_a_stopped_run_goes_on_bit_for_bit(
    text: str, model_name: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.measure.costs.DRAWS", 2)
    spec = RunSpec(task="plain_copy(bits=2)", trainer=text, model=model_name, batch=3,
                   timesteps=36, probe=20)  # fmt: skip

    hold_resumed(spec, registry)


@pytest.mark.parametrize(("text", "model_name"), ALL[1:3])
def test_a_method_that_draws_signs_is_not_compiled_and_says_why(text: str, model_name: str) -> None:
    trainer = make_trainer(text, make_model(model_name), 3)
    with pytest.raises(TypeError, match="draws random numbers"):
        Compiled(trainer, updates_of(trainer), as_traced).prepare(random_episode(6, dtype=F64))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("artbp(T=0)", "T must be at least 2, got 0"),
        ("artbp(T=1)", "T must be at least 2, got 1"),
        ("artbp(alpha=2.0)", "alpha must be above 2"),
        ("artbp(alpha=1.5)", "alpha must be at least 2, got 1.5"),
        ("uoro(T=0)", "T must be at least 1, got 0"),
        ("kf_rtrl(T=0)", "T must be at least 1, got 0"),
        ("bp_lambda(T=0)", "T must be at least 1, got 0"),
        ("bp_lambda(lam=-0.1)", "lam must be at least 0, got -0.1"),
        ("bp_lambda(lam=1.1)", "lam must be at most 1, got 1.1"),
        ("bp_lambda(scale=0.0, discount=1.0)", "scale must be above 0 if discount is"),
    ],
)
def test_bad_options_are_refused_in_a_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refusal:
        make_trainer(text, make_model())
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "model_name"), [("uoro", "lstm"), ("kf_rtrl", "rnn"), ("bp_lambda", "lstm")]
)
def test_a_trace_that_is_too_large_is_refused_in_a_line(text: str, model_name: str) -> None:
    trainer = make_trainer(text, make_model(model_name))
    with pytest.raises(ValueError, match=r"would hold [\d,.]+ GB, .* take a smaller") as refusal:
        trainer.begin(10**7)
    assert "\n" not in str(refusal.value)


def test_who_suits_whom(registry: Registry) -> None:
    def said(trainer: str, model: str) -> str:
        cls: Any = registry.load("trainer", trainer)
        answer: str = cls.suits(make_model(model), registry.make("task", "plain_copy"))
        return answer

    assert said("kf_rtrl", "rnn(hidden=3)") == ""
    assert said("kf_rtrl", "lstm(hidden=3)") == (
        "it traces a plain recurrent network (rnn), without gates"
    )
    assert said("kf_rtrl", "gru(hidden=3)").startswith("it traces a plain")
    assert said("kf_rtrl", "rnn(hidden=3, layers=2)") == (
        "it traces one recurrent layer; the model has 2"
    )
    for text in ("artbp", "uoro", "bp_lambda"):
        assert said(text, "lstm(hidden=3, layers=2)") == ""
