"""FLOPs against a count made by hand, memory against its growth with the episode, the clock."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from harness.episode import Episode
from harness.measure import cost
from harness.measure.cost import HeldForBackward, Meter, gauge, peak_memory_bytes
from harness.names.call import Call
from harness.registry import Registry
from harness.runs.estimate import estimate
from harness.runs.run import Run
from harness.spec import RunSpec
from tests.conftest import Clock, random_episode, squared_error

B, D_IN, D_OUT = 4, 9, 8
GATES = {"lstm": 4, "gru": 3, "rnn": 1}
MODELS = [
    "lstm(hidden=16)", "lstm(hidden=16, layers=2)", "gru(hidden=16)", "gru(hidden=8, layers=2)",
    "rnn(hidden=16)", "rnn(hidden=8, layers=2)",
]  # fmt: skip
TRAINERS = [
    "bptt", "tbptt(T=3)", "sg(T=3)", "dni(T=3)", "dni(T=3, hidden=40, layers=2)",
    "dni(T=3, discount=1.0)", "dni(T=3, warmup=99)",
]  # fmt: skip


def core_products(model: Call, L: int, *, state_gradient: bool, fused: bool) -> tuple[int, int]:
    """Multiply-accumulates of the core over L timesteps: forward and backward.

    A fused kernel (the LSTM's everywhere, all three cells' on CUDA) computes the gradient of its
    input and of its first state whether wanted or not; GRU and RNN are put together from matrix
    products on a CPU, and autograd leaves out both where nobody wants them.
    """
    hidden, layers = model.options["hidden"], model.options.get("layers", 1)
    units = GATES[model.name] * hidden
    forward = backward = 0
    for layer in range(layers):
        width = D_IN if layer == 0 else hidden
        inputs, recurrent = L * B * units * width, L * B * units * hidden
        forward += inputs + recurrent
        backward += inputs + recurrent  # weights
        backward += inputs if fused or layer > 0 else 0
        backward += recurrent if fused or state_gradient else recurrent * (L - 1) // L
    return forward, backward


def window_products(model: Call, trainer: Call, L: int, *, final: bool, cuda: bool = False) -> int:
    """One window of L timesteps, one trainer's update."""
    hidden = model.options["hidden"]
    d_state = hidden * model.options.get("layers", 1) * (2 if model.name == "lstm" else 1)
    synthetic = trainer.name in ("sg", "dni")
    fused = cuda or model.name == "lstm"
    forward, backward = core_products(model, L, state_gradient=synthetic, fused=fused)
    readout = L * B * hidden * D_OUT
    total = forward + backward + 3 * readout
    if not synthetic:
        return total
    width = trainer.options.get("hidden", d_state)
    layers = trainer.options.get("layers", 0)
    sizes = [d_state, *[width] * layers, d_state]
    products = [B * a * b for a, b in pairwise(sizes)]
    total += 3 * sum(products) - products[0]  # regress: no gradient of the state is wanted
    if not final:
        total += sum(products)  # predict beyond
        two_passes = trainer.name == "sg" or "discount" in trainer.options
        total += backward if two_passes else 0
    return total


def count_and_gauge(
    registry: Registry, model_text: str, trainer_text: str, final: bool, device: str
) -> tuple[int, int]:
    """FLOPs of an episode of 17 timesteps, by hand and as gauged."""
    model_call, trainer_call = Call.parse(model_text), Call.parse(trainer_text)
    model = registry.make("model", model_text, D_IN, D_OUT)
    trainer = registry.make("trainer", trainer_text, model, squared_error).to(device)
    episode = random_episode(17, B, final=final, d_in=D_IN, d_out=D_OUT, dtype=torch.float32)
    lengths = [17] if trainer_call.name == "bptt" else [3, 3, 3, 3, 3, 2]
    warm = "warmup" in trainer_call.options  # nothing is predicted then
    products = sum(
        window_products(
            model_call, trainer_call, n, cuda=device == "cuda",
            final=warm or (final and i == len(lengths) - 1),
        )
        for i, n in enumerate(lengths)
    )  # fmt: skip
    moved = episode.to(torch.device(device), torch.float32)
    return 2 * products, gauge(trainer, moved).flops


@pytest.mark.parametrize("model_text", MODELS)
@pytest.mark.parametrize("trainer_text", TRAINERS)
@pytest.mark.parametrize("final", [True, False])
def test_flops_are_what_a_count_by_hand_gives(
    model_text: str, trainer_text: str, final: bool, registry: Registry
) -> None:
    expected, found = count_and_gauge(registry, model_text, trainer_text, final, "cpu")
    assert found == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("trainer", ["recomputed", "snap", "behind", "behind_low"])
def test_flops_of_rivals_are_what_a_count_by_hand_gives(trainer: str, registry: Registry) -> None:
    """An LSTM of 6 units over two windows of 3 timesteps."""
    H, L = 6, 3
    lstm = Call.parse(f"lstm(hidden={H})")
    forward, backward = core_products(lstm, L, state_gradient=True, fused=True)
    _, plain = core_products(lstm, L, state_gradient=True, fused=False)
    readout = L * B * H * D_OUT
    window = forward + backward + 3 * readout
    columns = L * B * 4 * H * (D_IN + 1 + H + 1)  # T times a column of [x, 1] and one of [h, 1]
    theta, state = 4 * H * (D_IN + H + 2), 2 * H
    trace = B * theta  # of h, or of c
    moved = 2 * forward + 2 * columns + 4 * trace  # states, their derivatives; D … D P + Σ … I zᵀ
    row = forward + plain + 4 * trace  # QᵀJ, QᵀI; QᵀJ P, Qᵀ P
    row += B * (state**2 + 2 * state + 2 * theta)  # C; ∂L/∂h Q R, QᵀJ Q R
    of_two = {
        "recomputed": 2 * window + forward + readout,
        "snap": 2 * (moved + 3 * readout + columns + 2 * trace),
        "behind": 2 * (window + moved + 2 * trace),
        "behind_low": 2 * (window + moved + 2 * trace + row),
    }
    model = registry.make("model", f"lstm(hidden={H})", D_IN, D_OUT)
    episode = random_episode(2 * L, B, d_in=D_IN, d_out=D_OUT, dtype=torch.float32)
    made = registry.make("trainer", f"{trainer}(T={L})", model, squared_error)
    made.begin(B)
    assert gauge(made, episode).flops == 2 * of_two[trainer]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("model_text", MODELS)
@pytest.mark.parametrize("trainer_text", TRAINERS)
def test_flops_on_cuda_are_what_a_count_by_hand_gives(
    model_text: str, trainer_text: str, registry: Registry
) -> None:
    expected, found = count_and_gauge(registry, model_text, trainer_text, False, "cuda")
    assert found == pytest.approx(expected, rel=0.01)


def held(registry: Registry, trainer_text: str, L: int, model_text: str) -> int:
    """At a batch of 32: the fused LSTM pads its workspace, which shows at the smallest sizes."""
    model = registry.make("model", model_text, D_IN, D_OUT)
    trainer = registry.make("trainer", trainer_text, model, squared_error)
    episode = random_episode(L, 32, d_in=D_IN, d_out=D_OUT, dtype=torch.float32)
    return gauge(trainer, episode).activation_bytes


@pytest.mark.parametrize("model_text", ["lstm", "lstm(layers=2)", "gru", "rnn(layers=2)"])
def test_bptt_holds_more_with_every_timestep_and_truncation_does_not(
    model_text: str, registry: Registry
) -> None:
    lengths = (6, 12, 18, 24)
    full = [held(registry, "bptt", L, model_text) for L in lengths]
    slopes = [(full[i + 1] - full[i]) / (lengths[i + 1] - lengths[i]) for i in range(3)]
    assert slopes[0] > 32 * 64 * 4  # at least h itself is kept at every timestep
    assert slopes == pytest.approx([slopes[0]] * 3, rel=0.01)
    for text in ("tbptt(T=3)", "sg(T=3)", "dni(T=3)", "dni(T=3, discount=1.0)"):
        flat = [held(registry, text, L, model_text) for L in lengths]
        assert flat == [flat[0]] * 4, text
        assert flat[0] < full[0]


def test_held_bytes_are_those_of_the_tensors_that_autograd_saves() -> None:
    x = torch.randn(10, 10, requires_grad=True)
    layer = nn.Linear(10, 5)
    held = HeldForBackward()
    with held:
        y = x.exp()  # saves its result: 400 bytes
        assert held.bytes == 400
        z = layer(y)  # saves its input, 400 bytes, and its weight, which is not counted
        assert held.bytes == 800
        z.sum().backward()
        assert held.bytes == 0
    assert held.peak_bytes == 800


def test_a_missing_detach_is_seen(registry: Registry) -> None:
    model = registry.make("model", "lstm(hidden=16)", D_IN, D_OUT)
    trainer = registry.make("trainer", "tbptt(T=3)", model, squared_error)
    episodes = [random_episode(L, B, d_in=D_IN, d_out=D_OUT, dtype=torch.float32) for L in (12, 48)]
    kept: list[object] = []
    honest = type(trainer).unroll

    class Leaky(type(trainer)):  # type: ignore[misc]
        def unroll(self, window, h_0):  # type: ignore[no-untyped-def]
            outputs = self.model(window.x, h_0.requires_grad_())
            kept.append(outputs)
            return honest(self, window, h_0)

    trainer.__class__ = Leaky
    short, long = (gauge(trainer, episode).activation_bytes for episode in episodes)
    assert long > 2 * short


def test_peak_memory_is_over_what_autograd_holds(registry: Registry) -> None:
    model = registry.make("model", "lstm(hidden=64)", D_IN, D_OUT)
    for text in ("bptt", "tbptt(T=3)", "sg(T=3)", "dni(T=3)"):
        trainer = registry.make("trainer", text, model, squared_error)
        episode = random_episode(30, 32, d_in=D_IN, d_out=D_OUT, dtype=torch.float32)
        activations = gauge(trainer, episode).activation_bytes
        assert activations < peak_memory_bytes(trainer, episode) < 4 * activations


def test_gauging_leaves_no_trace(registry: Registry) -> None:
    model = registry.make("model", "lstm(hidden=16)", D_IN, D_OUT)
    trainer = registry.make("trainer", "dni(T=3, warmup=20)", model, squared_error)
    before = {k: v.clone() for k, v in trainer.named_parameters()}
    random_state = torch.get_rng_state()
    episode = random_episode(12, B, d_in=D_IN, d_out=D_OUT, dtype=torch.float32)
    random_state = torch.get_rng_state()
    gauge(trainer, episode)
    peak_memory_bytes(trainer, episode)
    assert all(torch.equal(before[k], v) and v.grad is None for k, v in trainer.named_parameters())
    assert trainer.carried is None
    assert trainer.phase == "warm-up"
    assert torch.equal(random_state, torch.get_rng_state())


def test_the_meter_counts_what_is_inside_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(cost, "time", clock)
    meter = Meter(torch.device("cpu"))
    for _ in range(3):
        with meter:
            clock.seconds += 2.0
        clock.seconds += 5.0
    assert meter.seconds == 6.0


@pytest.mark.parametrize("trainer", ["bptt", "tbptt(T=5)", "dni(T=5)"])
def test_a_run_of_one_episode_is_estimated_from_its_beginning(
    trainer: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its FLOPs are those of the whole episode, though no more than a part of it is learnt."""
    learnt: list[int] = []
    honest = Run.learn

    def learn(run: Run, episode: Episode) -> float:
        learnt.append(episode.length)
        return honest(run, episode)

    monkeypatch.setattr(Run, "learn", learn)
    spec = RunSpec(
        task="plain_copy(bits=2, protocol='reset', start=200)", trainer=trainer,
        model="lstm(hidden=8)", batch=2, timesteps=1,
    )  # fmt: skip
    both = [spec, replace(spec, timesteps=10**6)]
    (_, seconds, flops), (_, longer, more) = estimate(both, registry)
    with closing(Run(spec, registry)) as run:
        whole = next(run.episodes())
        assert flops == pytest.approx(run.costs.of(whole).flops, rel=0.02)
    assert set(learnt) == {96 if trainer == "bptt" else 100}  # to whole windows
    assert (longer / seconds, more / flops) == pytest.approx((10**6 / whole.length,) * 2)
