"""Networks cut in depth: what makes each method plain backpropagation, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.depth import DepthTrainer, blocks
from harness.episode import Episode
from harness.measure.cost import gauge
from harness.measure.probe import probe
from harness.model import Model
from harness.models.cnn import Cnn
from harness.models.implicit import Equilibrium, Implicit
from harness.models.lstm import Lstm
from harness.models.mlp import Mlp
from harness.registry import Registry
from harness.runs.run import Run
from harness.spec import RunSpec
from harness.trainers.bptt import Bptt
from harness.trainers.dni_depth import DniDepth
from harness.trainers.dni_unlocked import DniUnlocked

B, CLASSES = 8, 3


def images(seed: int = 0, pixels: int = 16) -> Episode:
    """A minibatch: one timestep of B sequences."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.rand(1, B, pixels, generator=rng, dtype=torch.float64)
    y = torch.randint(CLASSES, (1, B), generator=rng)
    return Episode(x, y, torch.full((1, B), 1 / B, dtype=torch.float64))


def sequence() -> Episode:
    """Five timesteps, of which each counts."""
    rng = torch.Generator().manual_seed(3)
    x = torch.rand(5, B, 16, generator=rng, dtype=torch.float64)
    y = torch.randint(CLASSES, (5, B), generator=rng)
    return Episode(x, y, torch.full((5, B), 1 / (5 * B), dtype=torch.float64))


def loss(outputs: Tensor, episode: Episode) -> Tensor:
    nats = F.cross_entropy(outputs.flatten(0, 1), episode.y.flatten(), reduction="none")
    return (nats * episode.weight.flatten()).sum()


def mlp(norm: str = "none") -> Model:
    return Mlp(16, CLASSES, layers=4, hidden=6, norm=norm)


def cnn() -> Model:
    return Cnn(16, CLASSES, layers=2, channels=3, norm="none")


def lstm() -> Model:
    return Lstm(16, CLASSES, hidden=5, layers=3)


def made(kind: type[Any], model: Callable[[], Model] = mlp, **options: Any) -> Any:
    """A trainer in float64; at equal models its weights are equal, M's last layer included."""
    torch.manual_seed(1)
    trainer = kind(model(), loss, **options).double()
    trainer.begin(B)
    trainer.rng.manual_seed(5)
    return trainer


def gradients(trainer: Any, *episodes: Episode) -> list[Tensor]:
    """The model's, after the updates, zeros for none; of the last one."""
    for episode in episodes:
        trainer.zero_grad(set_to_none=True)
        for _ in trainer.gradients(episode):
            pass
        trainer.seen += episode.length
    return of(trainer.model)


def of(module: nn.Module) -> list[Tensor]:
    return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in module.parameters()]


def same(a: list[Tensor], b: list[Tensor], **close: Any) -> bool:
    return len(a) == len(b) and all(
        torch.allclose(x, y, **close) if close else torch.equal(x, y)
        for x, y in zip(a, b, strict=True)
    )


def true_between(trainer: DepthTrainer, episode: Episode) -> list[Tensor]:
    """∂L/∂h_i at every cut, per sequence, by one graph through all stages."""
    state, h, between = trainer.model.split(trainer.model.initial_state(B)), episode.x, []
    for k, stage in enumerate(trainer.model.stages()):
        h, _ = stage(h, state[k])
        between.append(h)
    wanted = [between[block[-1]] for block in trainer.blocks[:-1]]
    return [B * g for g in torch.autograd.grad(loss(h, episode), wanted)]


def know(trainer: DepthTrainer, episode: Episode, only: int | None = None) -> list[Tensor]:
    """Put oracles, or one, in the place of the synthesisers."""
    true = true_between(trainer, episode)

    def say(i: int, h: Tensor, asked: Episode) -> Tensor:
        if only not in (None, i):
            return DepthTrainer.say(trainer, i, h, asked)
        return true[i] + 0 * DepthTrainer.say(trainer, i, h, asked)  # with a graph, to be taught

    trainer.say = say  # type: ignore[method-assign, assignment]
    return true


def speak(trainer: DepthTrainer) -> None:
    """Give every synthesiser an opinion."""
    rng = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for synthesiser in trainer.synthesisers:
            weight = synthesiser[-1].weight  # type: ignore[index]
            weight.copy_(torch.randn(weight.shape, generator=rng, dtype=weight.dtype))


MODELS = pytest.mark.parametrize(
    ("model", "episode"), [(mlp, images()), (cnn, images()), (lstm, sequence())]
)
KINDS = pytest.mark.parametrize("kind", [DniDepth, DniUnlocked])


@MODELS
@KINDS
def test_without_cuts_it_is_backpropagation(
    kind: type[DepthTrainer], model: Callable[[], Model], episode: Episode
) -> None:
    assert same(
        gradients(made(kind, model, cuts=()), episode), gradients(made(Bptt, model), episode)
    )


@MODELS
@KINDS
def test_oracles_make_it_backpropagation_bit_for_bit(
    kind: type[DepthTrainer], model: Callable[[], Model], episode: Episode
) -> None:
    trainer = made(kind, model)
    know(trainer, episode)
    assert same(gradients(trainer, episode), gradients(made(Bptt, model), episode))


@MODELS
@KINDS
def test_silent_synthesisers_leave_all_but_the_last_block_where_they_are(
    kind: type[DepthTrainer], model: Callable[[], Model], episode: Episode
) -> None:
    trainer, plain = made(kind, model), made(Bptt, model)
    gradients(trainer, episode), gradients(plain, episode)
    *lower, top = range(len(trainer.model.stages()))
    for k in lower:
        assert not any(g.any() for g in of(trainer.model.stages()[k])), k
    assert same(of(trainer.model.stages()[top]), of(plain.model.stages()[top]))


@pytest.mark.parametrize("conditioned", [False, True])
@KINDS
def test_a_synthesiser_below_an_oracle_learns_from_the_true_gradient(
    kind: type[DepthTrainer], conditioned: bool
) -> None:
    episode, trainer = images(), made(kind, conditioned=conditioned)
    speak(trainer)
    true = know(trainer, episode, only=2)
    taught: list[Tensor] = []
    trainer.teach = lambda said, target: taught.append(target)
    gradients(trainer, episode)
    assert torch.allclose(taught[1], true[1], atol=1e-15), "below the oracle"
    assert torch.allclose(taught[3], true[3], atol=1e-15), "below the loss"
    assert not torch.allclose(taught[0], true[0], rtol=0.1), "M_0 learns from M_1, which is none"


def test_a_chain_by_hand() -> None:
    """(1) and (2), from the weights alone."""
    episode, trainer = images(), made(DniDepth, cuts=(0, 2), conditioned=True)
    speak(trainer)
    gradients(trainer, episode)
    stages, y = trainer.model.stages(), F.one_hot(episode.y, CLASSES).double()
    nothing = torch.zeros(B, 0)
    h0 = stages[0](episode.x, nothing)[0]
    leaf0 = h0.detach().requires_grad_()
    h1 = stages[2](stages[1](leaf0, nothing)[0], nothing)[0]
    leaf1 = h1.detach().requires_grad_()
    top = loss(stages[4](stages[3](leaf1, nothing)[0], nothing)[0], episode)
    said = [
        M(torch.cat([h.detach(), y], -1))
        for M, h in zip(trainer.synthesisers, (h0, h1), strict=True)
    ]
    weights = list(trainer.model.parameters())
    moved0 = torch.autograd.grad((said[0].detach() * h0).sum() / B, weights[:2])
    *moved1, sent0 = torch.autograd.grad((said[1].detach() * h1).sum() / B, [*weights[2:6], leaf0])
    *moved2, sent1 = torch.autograd.grad(top, [*weights[6:], leaf1])
    assert same(of(trainer.model), [*moved0, *moved1, *moved2], rtol=1e-12)
    for M, guess, sent in zip(trainer.synthesisers, said, (sent0, sent1), strict=True):
        error = ((guess - B * sent) ** 2).sum() / B
        assert same(of(M), list(torch.autograd.grad(error, list(M.parameters()))), rtol=1e-12)


@KINDS
def test_in_the_warm_up_every_synthesiser_learns_from_the_true_gradient(
    kind: type[DepthTrainer],
) -> None:
    episode, trainer = images(), made(kind, warmup=1)
    speak(trainer)
    true = true_between(trainer, episode)
    taught: list[Tensor] = []
    trainer.teach = lambda said, target: taught.append(target)
    assert same(gradients(trainer, episode), gradients(made(Bptt), episode))
    assert same(taught, true, rtol=1e-12)
    assert trainer.phase == ""


def test_unlocked_in_forward_order_at_rate_one_it_is_the_plain_chain() -> None:
    chain, unlocked = made(DniDepth, conditioned=True), made(DniUnlocked, conditioned=True)
    for trainer in (chain, unlocked):
        speak(trainer)
        gradients(trainer, images())
    assert same(of(chain.model), of(unlocked.model))
    assert same(of(chain.synthesisers), of(unlocked.synthesisers))


def test_of_every_k_updates_one_runs_the_chain_and_the_others_what_is_below_the_last_cut() -> None:
    sparse, chain = made(DniDepth, cuts=(0, 2), every=3), made(DniDepth, cuts=(0, 2))
    for trainer in (sparse, chain):
        speak(trainer)
    known = 0.0
    for number, light in enumerate([False, True, True, False, True]):
        told, whole = losses(sparse, images(number)), losses(chain, images(number))
        mine, others = sparse.model.stages(), chain.model.stages()
        if light:
            assert told == [known], "the last loss that is known"
            still = [*of(mine[3]), *of(mine[4]), *of(sparse.synthesisers)]
            assert not any(gradient.any() for gradient in still)
        else:
            (known,) = told
            assert told == whole
            assert same(of(sparse.synthesisers), of(chain.synthesisers))
        for k in range(3 if light else 5):
            assert same(of(mine[k]), of(others[k])), (number, k)


def losses(trainer: Any, episode: Episode) -> list[float]:
    trainer.zero_grad(set_to_none=True)
    found = [each.item() for each in trainer.gradients(episode)]
    trainer.seen += episode.length
    return found


def test_a_block_moves_as_often_as_its_rate_says_and_teaches_only_then() -> None:
    trainer = made(DniUnlocked, rate=0.25, cuts=(1,))
    speak(trainer)
    counts, tries = [0, 0], 400
    for _ in range(tries):
        trainer.zero_grad(set_to_none=True)
        gradients(trainer, images())
        moved = [any(p.grad is not None for k in b for p in trainer.model.stages()[k].parameters())
                 for b in trainer.blocks]  # fmt: skip
        taught = any(p.grad is not None for p in trainer.synthesisers.parameters())
        assert any(moved), "an update without a gradient would be none"
        assert taught == moved[1]
        counts = [count + now for count, now in zip(counts, moved, strict=True)]
    expected = tries * (0.25 + 0.75**2 / 2)  # where neither is drawn, one of the two
    assert counts == pytest.approx([expected, expected], abs=4 * (tries / 4) ** 0.5)


def test_in_a_random_order_a_block_runs_on_what_the_one_below_left() -> None:
    trainer = made(DniUnlocked, order="random", cuts=(1,), conditioned=True)
    speak(trainer)
    first, second = images(0), images(1)
    gradients(trainer, first)  # nothing waits yet: forward
    turns = iter([[1, 0]])
    trainer.turns = lambda waiting: next(turns)
    stages, nothing = trainer.model.stages(), torch.zeros(B, 0)
    left = stages[1](stages[0](first.x, nothing)[0], nothing)[0].detach()
    (told,) = losses(trainer, second)
    h = left
    for k in (2, 3, 4):
        h = stages[k](h, nothing)[0]
    assert told == pytest.approx(loss(h, first).item(), rel=1e-12), "its own targets, too"
    y = F.one_hot(second.y, CLASSES).double()
    out = stages[1](stages[0](second.x, nothing)[0], nothing)[0]
    said = trainer.synthesisers[0](torch.cat([out.detach(), y], -1)).detach()
    lower = [p for k in (0, 1) for p in stages[k].parameters()]
    by_hand = torch.autograd.grad((said * out).sum() / B, lower)
    assert same([g for k in (0, 1) for g in of(stages[k])], list(by_hand), rtol=1e-12)
    assert torch.equal(trainer.memory["y0"], second.y)


def test_orders_are_drawn_and_all_of_them() -> None:
    trainer = made(DniUnlocked, order="random", cuts=(1,))
    gradients(trainer, images())
    episode = images()
    mail = {0: type("M", (), {"episode": episode})(), 1: type("M", (), {"episode": episode})()}
    drawn = {tuple(trainer.turns(mail)) for _ in range(40)}
    assert drawn == {(0, 1), (1, 0)}


def test_synthetic_inputs_that_are_right_make_it_the_plain_chain() -> None:
    episode = images()
    chain, unlocked = made(DniDepth, cuts=(1,)), made(DniUnlocked, cuts=(1,), inputs=True)
    for trainer in (chain, unlocked):
        speak(trainer)
    stages, nothing = unlocked.model.stages(), torch.zeros(B, 0)
    h = stages[1](stages[0](episode.x, nothing)[0], nothing)[0].detach()

    class Right(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            right: Tensor = h + 0 * x.sum().requires_grad_()
            return right

    predictor = unlocked.predictors[0]
    unlocked.predictors[0] = Right()
    assert same(gradients(unlocked, episode), gradients(chain, episode))
    assert same(of(unlocked.synthesisers), of(chain.synthesisers))
    unlocked.predictors[0] = predictor
    gradients(unlocked, episode)
    error = (predictor(episode.x) - h).square().sum() / B  # (3)
    expected = torch.autograd.grad(error, list(predictor.parameters()))
    assert same(of(predictor), list(expected), rtol=1e-12)
    (told,) = losses(unlocked, episode)
    seen = predictor(episode.x)
    for k in (2, 3, 4):
        seen = stages[k](seen, nothing)[0]
    assert told == pytest.approx(loss(seen, episode).item(), rel=1e-12)


@MODELS
def test_a_probe_tells_each_synthetic_gradient_from_the_true_one(
    model: Callable[[], Model], episode: Episode
) -> None:
    trainer = made(DniDepth, model)
    true = true_between(trainer, episode)
    noise = torch.randn_like(true[0])
    said = {0: true[0] / 2 + 0 * noise, 1: -true[1]}
    trainer.synthetic_between = lambda outputs, asked: said
    trainer.twin = lambda: trainer
    found = probe(trainer, episode)
    assert found["cuts"] == [0, 1]
    assert found["cut_cosine"] == pytest.approx([1, -1])
    assert found["cut_norm_ratio"] == pytest.approx([0.5, 1])


def test_what_a_synthesiser_says_between_stages_is_what_moves_the_block_below() -> None:
    trainer, episode = made(DniDepth, cuts=(1, 3), conditioned=True), images()
    speak(trainer)
    outputs, h = [], episode.x
    for stage in trainer.model.stages():
        h, _ = stage(h, torch.zeros(B, 0))
        outputs.append(h.detach())
    said = trainer.synthetic_between(outputs, episode)
    assert list(said) == [1, 3]
    assert torch.equal(said[3], trainer.say(1, outputs[3], episode))


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_stages_one_by_one_are_the_network(norm: str) -> None:
    torch.manual_seed(0)
    for network in (mlp(norm), Cnn(16, CLASSES, layers=3, channels=2, norm=norm)):
        network.double().eval()
        h = images().x
        for stage in network.stages():
            h, _ = stage(h, torch.zeros(B, 0))
            assert h.shape == (1, B, stage.d_out)
        assert torch.equal(h, network(images().x, network.initial_state(B))[0])


def test_a_convolution_is_torchs_own() -> None:
    torch.manual_seed(0)
    network, x = Cnn(16, CLASSES, layers=1, channels=3, norm="none").double(), images().x
    first, readout = cast(Any, network.stages()[0]), cast(Any, network.stages()[1])
    conv = first.body.body[0]
    h = F.max_pool2d(F.conv2d(x.view(B, 1, 4, 4), conv.weight, conv.bias, padding=1).relu(), 2)
    expected = readout.body(h.flatten(1))
    assert torch.allclose(network(x, torch.zeros(B, 0))[0][0], expected)


def test_blocks_and_what_is_refused() -> None:
    assert blocks(4, None) == [range(0, 1), range(1, 2), range(2, 3), range(3, 4)]
    assert blocks(4, [2, 0]) == [range(0, 1), range(1, 3), range(3, 4)]
    for cuts, said in [((3,), "after stages 0 to 2, not 3"), ((-1,), "not -1"), (2, "numbers of")]:
        with pytest.raises(ValueError, match=said):
            blocks(4, cuts)  # type: ignore[arg-type]
    unlocked: list[tuple[dict[str, Any], str]] = [
        ({"rate": 0.0}, "rate must be above 0"), ({"order": "back"}, "order must be"),
        ({"inputs": True, "order": "random"}, "inputs=True needs"), ({"norm": "x"}, "norm must"),
    ]  # fmt: skip
    for options, said in unlocked:
        with pytest.raises(ValueError, match=said):
            made(DniUnlocked, **options)
    sparse: list[tuple[dict[str, Any], str]] = [
        ({"every": 0}, "every must"), ({"every": 2, "cuts": ()}, "needs a cut"),
    ]  # fmt: skip
    for options, said in sparse:
        with pytest.raises(ValueError, match=said):
            made(DniDepth, **options)


def test_options_that_need_single_timesteps_are_refused_before_a_run_begins(
    registry: Registry,
) -> None:
    for trainer in ("dni_depth(every=2)", "dni_unlocked(order='random')"):
        Run(RunSpec(task="images", trainer=trainer, model="mlp"), registry).close()
        with pytest.raises(ValueError, match=r"does not suit task plain_copy: .* one timestep"):
            Run(RunSpec(task="plain_copy", trainer=trainer, model="lstm"), registry)


def test_an_equilibrium_is_one_and_its_gradient_that_of_a_long_unrolling() -> None:
    torch.manual_seed(0)
    layer, h = Equilibrium(6, forward=200, backward=200).double(), images(pixels=6).x
    given = h.clone().requires_grad_()
    z = layer(given)
    assert torch.allclose(z, (layer.A(z) + layer.driven(h)).tanh(), atol=1e-12)
    aim = torch.randn_like(z)
    found = torch.autograd.grad((z * aim).sum(), [given, *layer.parameters()])
    unrolled = torch.zeros_like(z)
    for _ in range(200):
        unrolled = (layer.A(unrolled) + layer.driven(given)).tanh()
    true = torch.autograd.grad((unrolled * aim).sum(), [given, *layer.parameters()])
    assert same(list(found), list(true), atol=1e-12)
    few = Equilibrium(6, forward=200, backward=1).double()
    few.load_state_dict(layer.state_dict())
    short = torch.autograd.grad((few(given) * aim).sum(), [given])[0]
    assert not torch.allclose(short, true[0], atol=1e-4), "one iteration does not solve it"


def test_the_backward_pass_of_an_equilibrium_costs_an_iteration_as_the_forward_pass_does() -> None:
    def flops(forward: int, backward: int) -> int:
        trainer = made(
            Bptt,
            lambda: Implicit(16, CLASSES, layers=1, hidden=6, forward=forward, backward=backward),
        )
        return gauge(trainer, images()).flops

    each = 2 * B * 6 * 6
    assert flops(5, 2) - flops(2, 2) == flops(2, 5) - flops(2, 2) == 3 * each


def test_after_a_warm_up_the_first_update_runs_the_chain() -> None:
    trainer = made(DniDepth, warmup=3, every=4)
    phases = []
    for _ in range(9):
        phases.append(trainer.phase)
        trainer.seen += 1
    assert phases == ["warm-up"] * 3 + ["", *["below"] * 3] + ["", "below"]


def test_where_no_block_is_drawn_the_one_that_came_nearest_moves() -> None:
    trainer = made(DniUnlocked, rate=1e-9)
    drawn = torch.rand(5, generator=torch.Generator().manual_seed(5))
    assert trainer.moving() == {int(drawn.argmin())}


def test_predictors_of_inputs_are_trained_and_learn_in_the_warm_up_too() -> None:
    trainer, episode = made(DniUnlocked, cuts=(1,), inputs=True, warmup=1), images()
    own = {id(parameter) for parameter in trainer.own_parameters()}
    assert {id(parameter) for parameter in trainer.predictors.parameters()} <= own
    gradients(trainer, episode)
    stages, nothing = trainer.model.stages(), torch.zeros(B, 0)
    h = stages[1](stages[0](episode.x, nothing)[0], nothing)[0].detach()
    first, _, last = trainer.predictors[0]
    predicted = last(first(episode.x).relu())
    error = (predicted - h).square().sum() / B
    expected = torch.autograd.grad(error, list(trainer.predictors.parameters()))
    assert same(of(trainer.predictors), list(expected), rtol=1e-12)


def test_a_layer_is_normalised_before_its_units() -> None:
    torch.manual_seed(0)
    network, x = Mlp(16, CLASSES, layers=1, hidden=6, norm="layer").double(), images().x
    first, readout = (cast(Any, stage).body for stage in network.stages())
    by_hand = readout(F.layer_norm(first[0](x), (6,)).relu())
    assert torch.allclose(network(x, network.initial_state(B))[0], by_hand)


def test_an_equilibrium_starts_with_a_of_half_the_usual_size_and_solves_as_often_as_asked() -> None:
    torch.manual_seed(3)
    layer = Equilibrium(6, forward=1, backward=0).double()
    torch.manual_seed(3)
    nn.Linear(6, 6)
    assert torch.equal(layer.A.weight, nn.Linear(6, 6, bias=False).weight.double() / 2)
    given = images(pixels=6).x.requires_grad_()
    z = layer(given)
    assert torch.allclose(z, layer.driven(given).tanh()), "one iteration, from 0"
    ours = torch.autograd.grad(z.sum(), layer.driven.bias)[0]
    assert torch.allclose(ours, (1 - z * z).sum((0, 1))), "none of (2)"
