"""Models in depth and in time: stages make up the network, timesteps the fused kernel's window."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, jvp, vjp, vmap

from harness.engines.unrolled import by_the_cell, unrolled
from harness.model import Layer, Model, Recurrent
from harness.models.lstm import LstmLayer
from harness.registry import Registry
from tests.conftest import (
    D_IN,
    D_OUT,
    REGISTRY,
    excite,
    flat_gradient,
    make_model,
    make_trainer,
    random_episode,
)

F64 = torch.float64
TOYS = Registry([Path(__file__).with_name("toys") / "feed_forward.py"])
CELLS = [f"{cell}(hidden=4, layers={n})" for cell in ("lstm", "gru", "rnn") for n in (1, 2)]
FEED_FORWARD = ["feed_forward(width=5, depth=2)", "feed_forward(depth=0)"]
B, L = 3, 5


def made(text: str) -> Model:
    model: Model = TOYS.make("model", text, D_IN, D_OUT)
    excite(model)
    return model.double()


def recurrent(text: str) -> Recurrent:
    model = made(text)
    assert isinstance(model, Recurrent)
    return model


def drawn(model: Model, *, ids: bool = False) -> tuple[Tensor, Tensor]:
    """A sequence and a state that enters."""
    x = torch.randint(D_IN, (L, B)) if ids else torch.randn(L, B, D_IN, dtype=F64)
    return x, torch.randn(B, model.d_state, dtype=F64)


def gradients(outputs: list[Tensor], inputs: list[Tensor]) -> list[Tensor]:
    """Of a sum over the outputs that weighs every number differently."""
    rng = torch.Generator().manual_seed(1)
    total = sum(
        (each * torch.randn(each.shape, dtype=F64, generator=rng)).sum() for each in outputs
    )
    return list(torch.autograd.grad(total, inputs, materialize_grads=True))  # type: ignore[arg-type]


@pytest.mark.parametrize("ids", [False, True])
@pytest.mark.parametrize("text", CELLS + FEED_FORWARD)
def test_the_stages_one_after_the_other_are_the_network(text: str, ids: bool) -> None:
    model = made(text)
    x, state = drawn(model, ids=ids)
    expected = model(x, state)
    stages = model.stages()
    flow, leaving = model.encoded(x), []
    widths = [(stage.d_in, stage.d_out) for stage in stages]
    assert [model.d_in, *(d_out for _, d_out in widths)] == [*(d for d, _ in widths), model.d_out]
    for stage, entering in zip(stages, model.split(state), strict=True):
        assert entering.shape == (B, stage.d_state)
        flow, left = stage(flow, entering)
        leaving.append(left)
    torch.testing.assert_close((flow, model.join(leaving)), expected, rtol=0, atol=0)
    assert torch.equal(model.join(list(model.split(state))), state)
    assert sum(stage.d_state for stage in stages) == model.d_state == state.shape[1]
    owned = [id(p) for stage in stages for p in stage.parameters()]
    assert sorted(owned) == sorted(map(id, model.parameters())), "each in one stage, none a copy"


def test_a_stage_trained_alone_has_the_gradient_that_it_has_in_the_network() -> None:
    model = made("gru(hidden=4, layers=2)")
    x, state = drawn(model)
    below, above, readout = model.stages()
    parts = model.split(state)
    cut = below(x, parts[0])[0].detach().requires_grad_()
    outputs, _ = readout(above(cut, parts[1])[0], parts[2])
    (sent,) = gradients([outputs], [cut])
    below(x, parts[0])[0].backward(sent)
    found = [p.grad for p in below.parameters()]
    expected = gradients([model(x, state)[0]], list(below.parameters()))
    torch.testing.assert_close(found, expected)


def test_a_forget_bias_keeps_the_cell() -> None:
    """It is added to what is drawn without it; alone, it decides what is left of a cell."""
    drawn = []
    for bias in (0.0, 1.5):
        torch.manual_seed(0)
        text = f"lstm(hidden=2, layers=2, forget_bias={bias})"
        model = REGISTRY.make("model", text, D_IN, D_OUT).double()
        drawn.append(model.state_dict())
    before, after = drawn
    model.load_state_dict({name: after[name] - before[name] for name in after})
    state = torch.tensor([0.0, 0.0, 1.0, -2.0, 0.0, 0.0, 3.0, 0.5], dtype=F64)  # h, c; h, c
    _, c, _, further = model.step(torch.zeros(D_IN, dtype=F64), state).chunk(4)
    kept = torch.tensor(1.5, dtype=F64).sigmoid()
    torch.testing.assert_close(
        (c, further), (kept * state[2:4], kept * state[6:]), rtol=0, atol=1e-7
    )


def stepped(model: Recurrent, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    outputs = []
    for x_t in x:
        state = model.step(x_t, state)
        outputs.append(model.read(state))
    return torch.stack(outputs), state


@pytest.mark.parametrize("ids", [False, True])
@pytest.mark.parametrize("text", CELLS)
def test_timesteps_are_the_fused_kernels_own(text: str, ids: bool) -> None:
    model = recurrent(text)
    x, state = drawn(model, ids=ids)
    wanted = [*model.parameters(), state.requires_grad_()] + ([] if ids else [x.requires_grad_()])
    fused, alone = list(model(x, state)), list(stepped(model, x, state))
    torch.testing.assert_close(alone, fused)
    torch.testing.assert_close(gradients(alone, wanted), gradients(fused, wanted))


@pytest.mark.parametrize("text", CELLS)
def test_a_window_in_plain_operations_is_the_fused_kernels_own(text: str) -> None:
    model = recurrent(text)
    x, state = drawn(model)
    wanted = [*model.parameters(), state.requires_grad_(), x.requires_grad_()]
    fused = list(model(x, state))
    before = gradients(fused, wanted)
    with unrolled(model):
        plain = list(model(x, state))
    torch.testing.assert_close(plain, fused)
    torch.testing.assert_close(gradients(plain, wanted), before)
    assert all("forward" not in vars(layer) for layer in model.layers), "the kernel is back"


def test_a_layer_of_ones_own_is_unrolled_by_its_own_cell() -> None:
    class Leaky(LstmLayer):
        def cell(self, driven: Tensor, recurred: Tensor, state: Tensor) -> Tensor:
            return 0.5 * super().cell(driven, recurred, state)

        forward = by_the_cell  # type: ignore[assignment]

    model = Recurrent(D_IN, D_OUT, Leaky, hidden=4, layers=1).double()
    x, state = drawn(model)
    with unrolled(nn.ModuleList([model])):
        found = model(x, state)
    torch.testing.assert_close(found, model(x, state))
    torch.testing.assert_close(found, stepped(model, x, state))


@pytest.mark.parametrize("text", CELLS)
def test_forward_and_backward_derivatives_of_a_timestep_agree(text: str) -> None:
    model = recurrent(text)
    x, state = drawn(model)
    x_t, s, weights = x[0], state, dict(model.named_parameters())
    along = {name: torch.randn_like(weight) for name, weight in weights.items()}
    v = torch.randn_like(s)

    def f(weights: dict[str, Tensor], s: Tensor) -> Tensor:
        return model.step(x_t, s, weights)

    leaving, pushed = jvp(f, (weights, s), (along, v))
    torch.testing.assert_close(leaving, model.step(x_t, s))
    u = torch.randn_like(s)
    _, pull = vjp(f, weights, s)
    pulled, pulled_s = pull(u)
    both = sum((pulled[name] * along[name]).sum() for name in weights) + (pulled_s * v).sum()
    torch.testing.assert_close((u * pushed).sum(), both)


@pytest.mark.parametrize("ids", [False, True])
@pytest.mark.parametrize("text", CELLS)
def test_a_gradient_carried_forward_is_that_of_full_backpropagation(text: str, ids: bool) -> None:
    """Real-time recurrent learning, a sequence at a time under vmap: J' = ∂f/∂s J + ∂f/∂θ."""
    model = recurrent(text)
    x, _ = drawn(model, ids=ids)
    core = {n: p.detach() for n, p in model.named_parameters() if not n.startswith("readout")}
    d_y = torch.randn(L, B, D_OUT, dtype=F64)

    def f(weights: dict[str, Tensor], x_t: Tensor, s: Tensor) -> Tensor:
        return model.step(x_t, s, weights)

    jacobians = vmap(jacrev(f, argnums=(0, 2)), in_dims=(None, 0, 0))
    backwards = vmap(lambda s, d: vjp(model.read, s)[1](d)[0])
    state = model.initial_state(B)
    influence = {n: state.new_zeros(B, model.d_state, *p.shape) for n, p in core.items()}
    found = {n: torch.zeros_like(p) for n, p in core.items()}
    with torch.no_grad():
        for x_t, d in zip(x, d_y, strict=True):
            own, through = jacobians(core, x_t, state)
            state = model.step(x_t, state)
            for name, J in influence.items():
                influence[name] = torch.einsum("bij,bj...->bi...", through, J) + own[name]
            d_s = backwards(state, d)
            for name, J in influence.items():
                found[name] += torch.einsum("bi,bi...->...", d_s, J)
    (model(x, model.initial_state(B))[0] * d_y).sum().backward()
    expected = {n: p.grad for n, p in model.named_parameters() if n in core}
    torch.testing.assert_close(found, expected)


def test_a_timestep_reads_the_weights_that_it_is_given() -> None:
    model, other = recurrent(CELLS[1]), recurrent(CELLS[1])
    x, state = drawn(model)
    weights = dict(other.named_parameters())
    torch.testing.assert_close(model.step(x[0], state, weights), other.step(x[0], state))
    torch.testing.assert_close(model.read(state, weights), other.read(state))
    torch.testing.assert_close(functional_call(model, weights, (x, state)), other(x, state))
    own = {"readout.body.bias": torch.zeros(D_OUT, dtype=F64)}
    shift = model.read(state) - model.read(state, own)
    torch.testing.assert_close(shift, model.readout.body.bias.expand(B, -1))


@pytest.mark.parametrize("text", ["bptt", "tbptt(T=3)"])
def test_a_network_without_a_state_has_nothing_to_truncate(text: str) -> None:
    model, episode = made(FEED_FORWARD[0]), random_episode(7, dtype=F64)
    assert model.initial_state(4).shape == (4, 0)
    list(make_trainer("bptt", model).gradients(episode))
    full = flat_gradient(model)
    model.zero_grad()
    trainer = make_trainer(text, model)
    list(trainer.gradients(episode))
    torch.testing.assert_close(flat_gradient(model), full)
    assert trainer.carried is not None
    assert trainer.carried.shape == (3, 0)


def test_weights_are_drawn_as_torchs_own_stacked_kernel_draws_them() -> None:
    """So that a seed means the same weights as in what was recorded: the read-out first."""
    for cell, kernel in (("lstm", nn.LSTM), ("gru", nn.GRU), ("rnn", nn.RNN)):
        torch.manual_seed(5)
        readout, core = nn.Linear(6, D_OUT), kernel(D_IN, 6, 2)  # type: ignore[operator]
        torch.manual_seed(5)
        model = TOYS.make("model", f"{cell}(hidden=6, layers=2)", D_IN, D_OUT)
        expected = [*readout.parameters(), *core.parameters()]
        for ours, theirs in zip(model.parameters(), expected, strict=True):
            assert torch.equal(ours, theirs)


def test_a_layers_equations_stand_in_its_cell_alone() -> None:
    model = make_model("gru(hidden=4)")
    (layer,) = (each for each in model.modules() if isinstance(each, Layer))
    x, state = drawn(model)
    h = state
    for driven in layer.driven(x):
        h = layer.next(driven, h)
    torch.testing.assert_close(layer(x, state)[1], h)


def test_widths_follow_each_other() -> None:
    stages = made("lstm(hidden=4, layers=2)").stages()
    assert all(below.d_out == above.d_in for below, above in pairwise(stages))
