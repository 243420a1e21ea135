"""DESIGN's identities: the proof that a trainer is what it says. All in float64."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from harness.episode import Episode
from harness.model import Model
from harness.registry import Registry
from harness.runs.run import Run
from harness.spec import RunSpec
from harness.trainer import Trainer
from tests.conftest import (
    a_model_for,
    excite,
    make_model,
    make_trainer,
    random_episode,
    squared_error,
    unrolled,
    window_gradients,
)
from tests.test_conformance import TRAINERS

MODELS = ["lstm(hidden=5)", "lstm(hidden=4, layers=2)", "gru(hidden=5)", "rnn(hidden=5, layers=2)"]
LENGTHS = [(7, 3), (6, 3), (5, 1), (4, 4)]  # (L, T): T dividing L, and not
F64 = torch.float64


class Oracle(nn.Module):
    """A synthesiser that knows the true gradient at every boundary, per sequence."""

    def __init__(self, model: Model, episode: Episode, T: int, h: Tensor) -> None:
        super().__init__()
        boundaries, loss = unrolled(model, episode, T, h)
        gradients = torch.autograd.grad(loss, boundaries)
        self.known = [
            (b.detach(), episode.batch * g) for b, g in zip(boundaries, gradients, strict=True)
        ]
        self.nothing = nn.Parameter(torch.zeros((), dtype=F64))

    def forward(self, state: Tensor) -> Tensor:
        found = [g for b, g in self.known if torch.allclose(b, state, rtol=0, atol=1e-12)]
        assert len(found) == 1, "asked about a state that is no boundary"
        return found[0] + self.nothing


def carried_state(model: Model, episode: Episode) -> Tensor:
    return torch.randn(episode.batch, model.d_state, dtype=F64) * 0.5


def targets_of(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Record what the synthesiser is asked to regress on."""
    seen: list[Tensor] = []
    regress: Callable[[Tensor, Tensor], None] = trainer.regress  # type: ignore[assignment]

    def spy(state: Tensor, target: Tensor) -> None:
        seen.append(target.clone())
        regress(state, target)

    monkeypatch.setattr(trainer, "regress", spy)
    return seen


@pytest.mark.parametrize("model_name", MODELS)
@pytest.mark.parametrize("fresh", [True, False])
def test_1_tbptt_over_the_whole_episode_is_bptt_bit_for_bit(model_name: str, fresh: bool) -> None:
    model = make_model(model_name)
    episode = random_episode(fresh=fresh, dtype=F64)
    h = carried_state(model, episode)
    found = []
    for text in ("bptt", f"tbptt(T={episode.length})", "tbptt(T=100)"):
        trainer = make_trainer(text, model)
        trainer.carried = h
        (gradient,) = window_gradients(trainer, episode)
        found.append(gradient)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize("model_name", MODELS)
@pytest.mark.parametrize(
    "method", ["sg", "dni", "dni(discount=1.0)", "dni(discount=0.3)", "dni_aux(core=False)"]
)
@pytest.mark.parametrize("final", [True, False])
def test_2_a_silent_synthesiser_leaves_tbptt(model_name: str, method: str, final: bool) -> None:
    model = make_model(model_name)
    episode = random_episode(L=7, final=final, dtype=F64)
    silent = make_trainer(method, model)
    silent.T = 3
    ours = window_gradients(silent, episode)
    theirs = window_gradients(make_trainer("tbptt(T=3)", model), episode)
    assert len(ours) == len(theirs) == 3
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("model_name", MODELS)
@pytest.mark.parametrize(("L", "T"), LENGTHS)
@pytest.mark.parametrize(
    "method",
    ["sg(scale=1.0)", "dni(scale=1.0)", "dni(scale=1.0, discount=0.5)", "dni_aux(scale=1.0)"],
)
def test_3_an_oracle_makes_it_bptt(model_name: str, L: int, T: int, method: str) -> None:
    model = make_model(model_name)
    episode = random_episode(L, fresh=False, dtype=F64)
    h = carried_state(model, episode)
    trainer = make_trainer(method, model)
    trainer.T, trainer.carried = T, h
    trainer.synthesiser = Oracle(model, episode, T, h)
    ours = torch.stack(window_gradients(trainer, episode)).sum(0)
    full = make_trainer("bptt", model)
    full.carried = h
    (true,) = window_gradients(full, episode)
    torch.testing.assert_close(ours, true, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(("L", "T"), LENGTHS)
@pytest.mark.parametrize(
    "method",
    ["sg(scale=0.7)", "dni(scale=0.7)", "dni(scale=0.7, discount=1.0)",
     "dni(scale=0.7, discount=0.0)", "dni_aux(scale=0.7)", "dni_aux(scale=0.7, discount=0.2)"],
)  # fmt: skip
def test_3_at_scale_s_an_oracle_gives_s_of_what_truncation_misses(
    L: int, T: int, method: str
) -> None:
    model = make_model()
    episode = random_episode(L, fresh=False, dtype=F64)
    h = carried_state(model, episode)
    found = {}
    for text in ("bptt", f"tbptt(T={T})", method):
        trainer = make_trainer(text, model)
        trainer.carried = h
        if text == method:
            trainer.T, trainer.synthesiser = T, Oracle(model, episode, T, h)
        found[text] = torch.stack(window_gradients(trainer, episode)).sum(0)
    full, cut, ours = found.values()
    torch.testing.assert_close(ours, cut + 0.7 * (full - cut), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("text", [*TRAINERS, "dni(T=3, warmup=9)", "dni_aux(T=3, warmup=9)"])
def test_a_fresh_episode_starts_at_zero_whatever_was_before(text: str) -> None:
    trainer = make_trainer(text, a_model_for(text))
    excite(trainer)
    memory = {name: torch.randn_like(kept) for name, kept in trainer.memory.items()}
    fresh, going_on = (random_episode(fresh=is_fresh, dtype=F64) for is_fresh in (True, False))
    found = {}
    for name, carried in (("nothing", None), ("zero", 0.0), ("something", 0.5)):
        for kind, episode in (("fresh", fresh), ("going on", going_on)):
            trainer.seen, trainer.memory = 0, dict(memory)
            trainer.rng.manual_seed(0)
            state = trainer.model.initial_state(episode.batch)
            trainer.carried = None if carried is None else state + carried
            found[kind, name] = torch.stack(window_gradients(trainer, episode))
    for kind in ("fresh", "going on"):
        assert torch.equal(found[kind, "zero"], found[kind, "nothing"])
    assert torch.equal(found["fresh", "something"], found["fresh", "nothing"])
    assert not torch.equal(found["going on", "something"], found["going on", "nothing"])


@pytest.mark.parametrize("model_name", MODELS)
@pytest.mark.parametrize(("L", "T"), LENGTHS)
@pytest.mark.parametrize(
    "method", ["dni(scale=1.0)", "dni(scale=0.5, discount=1.0)", "dni_aux(scale=1.0, core=False)"]
)
def test_4_dni_with_an_oracle_is_taught_the_true_gradient(
    model_name: str, L: int, T: int, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(model_name)
    episode = random_episode(L, fresh=False, dtype=F64)
    h = carried_state(model, episode)
    trainer = make_trainer(method, model)
    trainer.T, trainer.carried = T, h
    oracle = trainer.synthesiser = Oracle(model, episode, T, h)
    targets = targets_of(trainer, monkeypatch)
    window_gradients(trainer, episode)
    assert len(targets) == len(oracle.known)
    for target, (_, true) in zip(targets, oracle.known, strict=True):
        torch.testing.assert_close(target, true, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("model_name", MODELS)
@pytest.mark.parametrize("discount", [None, 0.0, 0.7, 1.0])
def test_4_targets_are_the_own_gradient_and_the_discounted_prediction(
    model_name: str, discount: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None stands for sg: the next window's own gradient, whatever the scale."""
    model = make_model(model_name)
    episode = random_episode(6, fresh=False, final=False, dtype=F64)
    method = "sg(T=3)" if discount is None else f"dni(T=3, scale=0.7, discount={discount})"
    trainer = make_trainer(method, model)
    excite(trainer.synthesiser)
    trainer.carried = carried_state(model, episode)
    expected = []
    h = trainer.carried
    for window in episode.windows(3):
        h_0 = h.clone().requires_grad_()
        outputs, h_T = model(window.x, h_0)
        predicted = trainer.synthesiser(h_T).detach() / episode.batch
        heard = [squared_error(outputs, window), (discount or 0) * (h_T * predicted).sum()]
        (gradient,) = torch.autograd.grad(torch.stack(heard).sum(), h_0)
        expected.append(episode.batch * gradient)
        h = h_T.detach()
    targets = targets_of(trainer, monkeypatch)
    window_gradients(trainer, episode)
    for target, wanted in zip(targets, expected, strict=True):
        torch.testing.assert_close(target, wanted, rtol=1e-10, atol=1e-13)


def test_4_regression_is_per_sequence_and_summed_over_the_state() -> None:
    """The trap: a mean over B and d_state shrinks the synthesiser's gradient to nothing."""
    trainer = make_trainer("dni(layers=0)", make_model())
    state, target = torch.randn(4, 10, dtype=F64), torch.randn(4, 10, dtype=F64)
    trainer.zero_grad()
    trainer.regress(state, target)
    _, layer = trainer.synthesiser
    # silent: error = -target, so that d/dbias of mean_B sum_d error² is -2 mean_B target
    torch.testing.assert_close(layer.bias.grad, -2 * target.mean(0))


@pytest.mark.parametrize(
    "text", ["bptt", "tbptt(T=3)", "sg(T=3)", "dni(T=3)", "dni(T=3, warmup=9)", "dni_aux(T=3)"]
)
@pytest.mark.parametrize("L", [6, 7])
def test_5_losses_add_up_to_one_forward_pass(text: str, L: int) -> None:
    model = make_model()
    episode = random_episode(L, dtype=F64)
    trainer = make_trainer(text, model)
    losses = list(trainer.gradients(episode))
    outputs, _ = model(episode.x, model.initial_state(episode.batch))
    expected = squared_error(outputs, episode).detach()
    torch.testing.assert_close(torch.stack(losses).sum(), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("model_name", MODELS)
@pytest.mark.parametrize(("L", "T"), LENGTHS[:3])
def test_5_tbptt_misses_exactly_the_terms_beyond_its_windows(
    model_name: str, L: int, T: int
) -> None:
    model = make_model(model_name)
    episode = random_episode(L, dtype=F64)
    h = model.initial_state(episode.batch)
    boundaries, loss = unrolled(model, episode, T, h)
    true = torch.autograd.grad(loss, boundaries)
    (full,) = window_gradients(make_trainer("bptt", model), episode)
    truncated = window_gradients(make_trainer(f"tbptt(T={T})", model), episode)
    missing = torch.zeros_like(full)
    windows = list(episode.windows(T))
    for k in range(len(windows) - 1):
        _, h_T = model(windows[k].x, boundaries[k].detach())
        model.zero_grad()
        h_T.backward(true[k + 1])
        # the read-out has no gradient here: nothing beyond the boundary goes through it
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in model.parameters()]
        missing += torch.cat([g.flatten() for g in grads])
    assert missing.norm() > 0
    torch.testing.assert_close(full - sum(truncated), missing, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("core", [True, False])
@pytest.mark.parametrize("warmup", [0, 9])
@pytest.mark.parametrize("fresh", [True, False])
def test_dni_aux_of_weight_0_is_dni(
    core: bool, warmup: int, fresh: bool, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit, through every update of a run, the synthesiser's included."""
    monkeypatch.setattr("harness.runs.run.EVALUATIONS", 1)
    runs = [
        Run(
            RunSpec(
                task=f"plain_copy(bits=2, protocol='{'reset' if fresh else 'stream'}')",
                trainer=trainer, model="lstm(hidden=6)", batch=4, timesteps=200, lr=1e-2,
            ),
            registry,
        )
        for trainer in (
            f"dni(T=2, warmup={warmup})",
            f"dni_aux(T=2, warmup={warmup}, weight=0.0, core={core})",
        )
    ]  # fmt: skip
    for run in runs:
        for _ in run.train():
            pass
    ours, theirs = (dict(run.trainer.named_parameters()) for run in runs)
    assert len(ours) < len(theirs)
    assert all(torch.equal(weight, theirs[name]) for name, weight in ours.items())


@pytest.mark.parametrize("core", [True, False])
@pytest.mark.parametrize("final", [True, False])
def test_dni_aux_foretells_the_next_prediction(
    core: bool, final: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What A and M are taught, written out apart from the trainer."""
    model = make_model()
    episode = random_episode(6, fresh=False, final=final, dtype=F64)
    weight, scale = 0.3, 0.7
    trainer = make_trainer(f"dni_aux(T=3, weight={weight}, core={core}, scale={scale})", model)
    excite(trainer.synthesiser)
    excite(trainer.auxiliary)
    trainer.carried = h = carried_state(model, episode)
    expected, auxiliary_gradients = [], []
    for window in episode.windows(3):
        h_0 = h.clone().requires_grad_()
        outputs, h_T = model(window.x, h_0)
        predicted = 0 * h_T.detach() if window.final else trainer.synthesiser(h_T).detach()
        difference = trainer.auxiliary(h_0) - predicted
        auxiliary_loss = weight * difference.square().sum() / episode.batch
        auxiliary_gradients.append(
            torch.autograd.grad(
                auxiliary_loss, list(trainer.auxiliary.parameters()), retain_graph=True
            )
        )
        heard = squared_error(outputs, window) + scale * (h_T * predicted).sum() / episode.batch
        if core:
            heard = heard + auxiliary_loss
        (gradient,) = torch.autograd.grad(heard, h_0)
        expected.append(episode.batch * gradient)
        h = h_T.detach()
    targets = targets_of(trainer, monkeypatch)
    trainer.zero_grad()
    for k, _ in enumerate(trainer.gradients(episode)):
        torch.testing.assert_close(targets[k], expected[k], rtol=1e-10, atol=1e-13)
        for p, wanted in zip(trainer.auxiliary.parameters(), auxiliary_gradients[k], strict=True):
            torch.testing.assert_close(p.grad, wanted, rtol=1e-10, atol=1e-13)
        trainer.zero_grad()


@pytest.mark.parametrize("model_name", MODELS)
def test_warm_up_is_bptt_and_teaches_the_true_gradients(
    model_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(model_name)
    episode = random_episode(7, fresh=False, dtype=F64)
    h = carried_state(model, episode)
    trainer = make_trainer("dni(T=3, warmup=8)", model)
    trainer.carried = h
    excite(trainer.synthesiser)  # what it predicts must not matter
    targets = targets_of(trainer, monkeypatch)
    (ours,) = window_gradients(trainer, episode)
    full = make_trainer("bptt", model)
    full.carried = h
    (true,) = window_gradients(full, episode)
    torch.testing.assert_close(ours, true, rtol=1e-10, atol=1e-13)
    oracle = Oracle(model, episode, 3, h)
    torch.testing.assert_close(targets[0], torch.cat([g for _, g in oracle.known]))


def test_warm_up_ends_after_its_timesteps() -> None:
    trainer = make_trainer("dni(T=2, warmup=9)", make_model())
    updates = [len(window_gradients(trainer, random_episode(4, dtype=F64))) for _ in range(4)]
    assert updates == [1, 1, 1, 2]  # 12 timesteps are the first count not under 9
    assert trainer.phase == ""


@pytest.mark.parametrize(
    "text", ["bptt", "tbptt(T=3)", "sg(T=3)", "dni(T=3)", "dni(T=3, warmup=9)", "dni_aux(T=3)"]
)
def test_6_a_trainer_leaves_the_weights_alone(text: str) -> None:
    trainer = make_trainer(text, make_model())
    before = [p.clone() for p in trainer.parameters()]
    for _ in range(3):
        window_gradients(trainer, random_episode(fresh=False, final=False, dtype=F64))
    assert all(torch.equal(a, b) for a, b in zip(before, trainer.parameters(), strict=True))


def test_6_one_seed_gives_every_trainer_the_same_weights_and_data(registry: Registry) -> None:
    tasks = ["plain_copy", "plain_copy(protocol='reset')", "repeat_copy", "char_lm"]
    for task in tasks:
        runs = [
            Run(RunSpec(task=task, trainer=trainer, seed=3), registry)
            for trainer in ("bptt", "tbptt(T=1)", "sg(T=1)", "dni(T=1, hidden=7)", "dni_aux(T=1)")
        ]
        weights = [list(run.model.parameters()) for run in runs]
        data = [next(run.episodes()) for run in runs]
        for other in weights[1:]:
            assert all(torch.equal(a, b) for a, b in zip(weights[0], other, strict=True))
        for episode in data[1:]:
            assert torch.equal(data[0].x, episode.x)
            assert torch.equal(data[0].y, episode.y)
        other = Run(RunSpec(task=task, trainer="bptt", seed=4), registry)
        assert not torch.equal(weights[0][0], next(iter(other.model.parameters())))
        more = [[e.x for e, _ in zip(run.episodes(), range(4), strict=False)]
                for run in (runs[0], other)]  # fmt: skip
        assert not all(torch.equal(a, b) for a, b in zip(*more, strict=True))


@pytest.mark.parametrize("task", ["plain_copy(bits=2)", "repeat_copy(bits=2)", "char_lm(length=8)"])
@pytest.mark.parametrize(
    "trainer", ["bptt", "tbptt(T=3)", "sg(T=3)", "dni(T=3, warmup=150)", "dni_aux(T=3)"]
)
def test_7_a_restored_run_goes_on_bit_for_bit(
    task: str, trainer: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.runs.run.EVALUATIONS", 8)  # before the checkpoint, and after it
    spec = RunSpec(
        task=task, trainer=trainer, model="lstm(hidden=6)", batch=4, timesteps=400, lr=1e-2,
        probe=20,
    )  # fmt: skip

    def rest(run: Run) -> list[dict[str, object]]:
        return [{k: v for k, v in row.items() if k != "seconds"} for _, row in run.train()]

    straight = Run(spec, registry)
    rows, episodes = straight.train(), 0
    while episodes < 23:  # between two points of the curve
        episodes += next(rows)[0] == "episode"
    file = io.BytesIO()
    torch.save(straight.state_dict(), file)
    file.seek(0)
    restored = Run(spec, registry)
    restored.load_state_dict(torch.load(file, weights_only=True))
    assert restored.meter.seconds > 0
    expected = [{k: v for k, v in row.items() if k != "seconds"} for _, row in rows]
    assert rest(restored) == expected
    for a, b in zip(straight.trainer.parameters(), restored.trainer.parameters(), strict=True):
        assert torch.equal(a, b)


def test_probe_of_an_oracle_finds_no_fault(registry: Registry) -> None:
    from harness.measure.probe import probe

    model = make_model()
    episode = random_episode(7, fresh=False, dtype=F64)
    h = carried_state(model, episode)
    trainer = make_trainer("dni(T=2, scale=1.0)", model)
    trainer.carried = h
    trainer.synthesiser = Oracle(model, episode, 2, h)
    found = probe(trainer, episode)
    assert found["cosine"] == pytest.approx(1)
    assert found["norm_ratio"] == pytest.approx(1)
    assert found["boundary_cosine"] == pytest.approx([1, 1, 1])
    assert found["boundary_norm_ratio"] == pytest.approx([1, 1, 1])
    assert found["added_ratio"] == found["missing_ratio"] > 0
    assert found["added_cosine"] == pytest.approx(1)
    assert found["distances"] == [0]  # every timestep is scored
    assert found["distance_cosine"] == found["distance_norm_ratio"] == pytest.approx([1])


def test_probe_against_gradients_taken_one_by_one(registry: Registry) -> None:
    """The reach, and what is missing and added, written out apart from the probe."""
    from harness.measure.probe import probe

    model = make_model()
    episode = random_episode(6, fresh=False, dtype=F64)
    episode.weight[:4] = 0
    episode.weight[4, 1] = 0
    h = carried_state(model, episode)
    boundaries, _ = unrolled(model, episode, 2, h)
    outputs, _ = model(episode.x[4:], boundaries[2])
    last = squared_error(outputs, next(itertools.islice(episode.windows(2), 2, None)))
    norms = [g.norm().item() for g in torch.autograd.grad(last, boundaries[::-1])]
    trainer = make_trainer("dni(T=2)", model)
    excite(trainer.synthesiser)
    trainer.carried = h
    found = probe(trainer, episode)
    assert found["reach"] == pytest.approx([norm / norms[0] for norm in norms], rel=1e-4)
    assert found["distances"] == [0, 1, 2, 3]
    flat = {}
    for text in ("bptt", "tbptt(T=2)"):
        other = make_trainer(text, model)
        other.carried = h
        flat[text] = torch.stack(window_gradients(other, episode)).sum(0)
    added = torch.stack(window_gradients(trainer, episode)).sum(0) - flat["tbptt(T=2)"]
    missing = flat["bptt"] - flat["tbptt(T=2)"]
    kept = flat["tbptt(T=2)"].norm()
    assert found["added_ratio"] == pytest.approx((added.norm() / kept).item(), rel=1e-4)
    assert found["missing_ratio"] == pytest.approx((missing.norm() / kept).item(), rel=1e-4)
    cosine = torch.nn.functional.cosine_similarity(added, missing, dim=0).item()
    assert found["added_cosine"] == pytest.approx(cosine, rel=1e-4)


def test_probe_of_truncation_adds_nothing_and_of_bptt_reaches_every_timestep() -> None:
    from harness.measure.probe import probe

    model = make_model()
    episode = random_episode(6, dtype=F64)
    found = probe(make_trainer("tbptt(T=3)", model), episode)
    assert found["added_ratio"] == 0
    assert found["missing_ratio"] > 0
    assert found["distances"] == []
    whole = probe(make_trainer("bptt", model), episode)
    assert whole["cosine"] == 1
    assert len(whole["reach"]) == 6
    assert "missing_ratio" not in whole
