"""Optimisers and schedules: eager and in plain operations, in every engine, resumed, refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from harness.analysis.comparison import comparison
from harness.analysis.paired import contrasts, trainers
from harness.analysis.pairs import of, pairs
from harness.compat.torch_internals import clip
from harness.engines import compiled
from harness.engines.stacked import Going, Stack
from harness.engines.traced import Executable, as_traced
from harness.names.call import Call as Named
from harness.optimiser import Optimiser, Rule, Schedule
from harness.registry import Registry
from harness.runs import checkpoint
from harness.runs.record import driven, record
from harness.runs.run import Run
from harness.spec import RunSpec
from harness.store import Store
from plots import _shared
from tests.conftest import REGISTRY
from tests.test_cli import TINY, call

RULES = [
    "adam", "adam(beta_1=0.8, beta_2=0.99, epsilon=0.001, weight_decay=0.1)",
    "adamw", "adamw(beta_1=0.8, beta_2=0.99, epsilon=0.001, weight_decay=0.3)",
    "sgd", "sgd(momentum=0.9)", "sgd(momentum=0.9, nesterov=True, weight_decay=0.1)",
    "rmsprop", "rmsprop(centered=True)", "rmsprop(alpha=0.9, momentum=0.9, weight_decay=0.1)",
    "rmsprop(centered=True, epsilon=0.01, momentum=0.5)",
]  # fmt: skip
SCHEDULES = ["constant(warmup=20)", "linear(end=0.1, warmup=20)", "cosine(end=0.1, warmup=20)"]
CLOSE = {"rtol": 1e-9, "atol": 1e-12}


def test_every_option_of_every_entry_is_tried_here() -> None:
    for kind, calls in (("optimiser", RULES), ("schedule", SCHEDULES)):
        tried: dict[str, set[str]] = {name: set() for name in REGISTRY.names(kind)}
        for each in map(Named.parse, calls):
            tried[each.name] |= set(each.options)
        for name, options in tried.items():
            assert options == set(REGISTRY.options(kind, name)), name


def made(text: str, clip: float = 0.0) -> Optimiser:
    return Optimiser(text, 0.1, clip, REGISTRY.make("schedule", "cosine(warmup=2)", 6))


def drawn(seed: int = 0) -> list[nn.Parameter]:
    rng = torch.Generator().manual_seed(seed)
    shapes = ((4, 3), (5,), (2,))
    return [
        nn.Parameter(torch.randn(shape, generator=rng, dtype=torch.float64)) for shape in shapes
    ]


def gradients(number: int) -> list[Tensor | None]:
    """Of each update; the last parameter has none at times, so that it counts fewer updates."""
    found: list[Tensor | None] = [p.detach() for p in drawn(100 + number)]
    if number % 2:
        found[-1] = None
    return found


def eagerly(update: Callable[[], None], parameters: list[nn.Parameter], number: int) -> None:
    for parameter, gradient in zip(parameters, gradients(number), strict=True):
        parameter.grad = None if gradient is None else gradient.clone()
    update()


@pytest.mark.parametrize("clip", [0.0, 0.5])
@pytest.mark.parametrize("text", RULES)
def test_the_update_in_plain_operations_is_torchs_own(text: str, clip: float) -> None:
    ours, theirs = drawn(), drawn()
    written, eager = made(text, clip).over(ours), made(text, clip).over(theirs)
    for number in range(6):
        written.at(number + 0.5)
        eager.at(number + 0.5)
        eagerly(eager, theirs, number)
        with torch.no_grad():
            written.written_out([*ours], gradients(number), written.moments(), written.rate)
        torch.testing.assert_close(ours, theirs, **CLOSE)
        torch.testing.assert_close(written.moments(), eager.moments(), **CLOSE)
    assert all(not torch.equal(a, b) for a, b in zip(ours, drawn(), strict=True)), "all have moved"


@pytest.mark.parametrize("text", RULES)
def test_an_optimiser_goes_on_bit_for_bit(text: str, tmp_path: Path) -> None:
    through = drawn()
    update = made(text).over(through)
    for number in range(3):
        update.at(number)
        eagerly(update, through, number)
    resumed = [nn.Parameter(p.detach().clone()) for p in through]
    other = made(text).over(resumed)
    torch.save(update.state_dict(), tmp_path / "state.pt")
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for number in range(3, 6):
        for each, parameters in ((update, through), (other, resumed)):
            each.at(number)
            eagerly(each, parameters, number)
    for a, b in zip([*through, *update.moments()], [*resumed, *other.moments()], strict=True):
        assert torch.equal(a, b)


def test_an_optimiser_by_its_name_is_what_it_was() -> None:
    parameters, theirs = drawn(), drawn()
    update = Optimiser("adam", lr=0.1, clip=0.5).over(parameters)
    adam = torch.optim.Adam(theirs, lr=0.1, fused=True)
    for number in range(3):
        update.at(1e9)  # without a schedule the rate stays
        eagerly(update, parameters, number)
        for parameter, gradient in zip(theirs, gradients(number), strict=True):
            parameter.grad = None if gradient is None else gradient.clone()
        nn.utils.clip_grad_norm_(theirs, 0.5)
        adam.step()
    assert all(torch.equal(a, b) for a, b in zip(parameters, theirs, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [0.0, 1e-3, 1.0, 1e3, float("inf")])
def test_clipping_is_torchs(size: float, dtype: torch.dtype) -> None:
    ours, theirs = ([nn.Parameter(p.to(dtype)) for p in drawn()] for _ in range(2))
    for parameter, other in list(zip(ours, theirs, strict=True))[1:]:  # the first has none
        parameter.grad = torch.randn_like(parameter) * size
        other.grad = parameter.grad.clone()
    clip([p.grad for p in ours if p.grad is not None], 0.5)
    nn.utils.clip_grad_norm_(theirs, 0.5)
    for parameter, other in zip(ours[1:], theirs[1:], strict=True):
        torch.testing.assert_close(parameter.grad, other.grad, rtol=0, atol=0, equal_nan=True)
    clip([], 0.5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("constant", [1, 1, 1, 1, 1, 1]),
        ("constant(warmup=100)", [0, 0.5, 1, 1, 1, 1]),
        ("linear", [1, 5 / 6, 2 / 3, 1 / 3, 0, 0]),
        ("linear(warmup=100, end=0.2)", [0, 0.5, 1, 0.6, 0.2, 0.2]),
        ("cosine(warmup=100)", [0, 0.5, 1, 0.5, 0, 0]),
        ("cosine(warmup=100, end=0.2)", [0, 0.5, 1, 0.6, 0.2, 0.2]),
        ("cosine(warmup=300)", [0, 1 / 6, 1 / 3, 2 / 3, 0, 0]),
    ],
)
def test_a_schedule_by_hand(text: str, expected: list[float]) -> None:
    schedule: Schedule = REGISTRY.make("schedule", text, 300)
    found = [schedule.factor(timesteps) for timesteps in (0, 50, 100, 200, 300, 350)]
    assert found == pytest.approx(expected)


def spec_of(**fields: object) -> RunSpec:
    given = {
        "task": "plain_copy(bits=2)", "trainer": "dni(T=3)", "model": "lstm(hidden=6)", "batch": 4,
        "timesteps": 200, "lr": 0.1, "optimiser": "sgd(momentum=0.9)",
        "schedule": "cosine(warmup=50)", **fields,
    }  # fmt: skip
    return RunSpec(**given)  # type: ignore[arg-type]


def finished(spec: RunSpec, engine: str = "eager") -> Run:
    run = Run(spec, REGISTRY, engine)
    list(run.train())
    return run


def weights(run: Run) -> list[Tensor]:
    return [p.detach() for p in run.trainer.parameters()]


def test_all_trainers_have_one_rate_on_one_episode_and_the_synthesiser_its_own() -> None:
    courses = []
    for trainer in ("bptt", "tbptt(T=3)", "dni(T=3)"):
        run = Run(spec_of(trainer=trainer), REGISTRY)
        rates, supply = [], run.episodes()
        while run.done["timesteps"] < 200:
            before, episode = run.done["timesteps"], next(supply)
            run.learn(episode)
            rates.append((before, episode.length, run.optimisers[0].rate.item()))
        courses.append(rates)
    schedule = REGISTRY.make("schedule", "cosine(warmup=50)", 200)
    for rates in courses:
        for before, length, rate in rates:
            assert rate == 0.1 * schedule.factor(before + length / 2)
    assert max(rate for *_, rate in courses[-1]) > 0.09
    assert courses[-1][-1][-1] < 0.01
    assert run.trainer.own_optimiser is not None
    assert run.optimisers[1].rate.item() == run.trainer.own_optimiser.lr


@pytest.mark.parametrize("optimiser", ["adamw", "sgd(momentum=0.9)", "rmsprop"])
def test_a_traced_update_follows_the_schedule_without_another_trace(
    optimiser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    traces = []

    def counted(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Executable:
        traces.append(graph)
        return graph

    monkeypatch.setattr(compiled, "inductor", counted)
    spec = spec_of(optimiser=optimiser, lr=0.01)
    eager, traced = finished(spec), finished(spec, "compiled")
    assert traced.engine.name == "compiled"
    assert len(traces) == len(traced.engine._calls)  # type: ignore[attr-defined]
    torch.testing.assert_close(weights(traced), weights(eager), rtol=1e-2, atol=1e-4)
    constant = finished(spec_of(optimiser=optimiser, lr=0.01, schedule="constant"))
    with pytest.raises(AssertionError):
        torch.testing.assert_close(weights(constant), weights(eager), rtol=1e-2, atol=1e-4)


def halves(path: Path, spec: RunSpec, engine: str, stack: Stack | None, resume: bool) -> Going[Run]:
    """A whole run, with a checkpoint left amid it; or the rest of it, from that checkpoint."""
    run = Run(spec, REGISTRY, engine, stack)
    if resume:
        state = checkpoint.load(path, spec.id)
        assert state is not None
        run.load_state_dict(state)
    for kind, row in run.train():
        if kind == "waiting":
            yield row["engine"]
        elif kind == "episode" and row["timesteps"] >= 100 and not resume and not path.exists():
            checkpoint.save(path, spec.id, run.state_dict())
    return run


@pytest.mark.parametrize("optimiser", ["sgd(momentum=0.9)", "rmsprop(centered=True)", "adamw"])
@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_run_goes_on_bit_for_bit(
    engine: str, optimiser: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "inductor", as_traced)
    spec, path = spec_of(optimiser=optimiser), tmp_path / "half.pt"
    through, rest = (driven(halves(path, spec, engine, None, resume)) for resume in (False, True))
    assert 0 < through.optimisers[0].rate.item() < 0.01
    assert all(torch.equal(a, b) for a, b in zip(weights(through), weights(rest), strict=True))


def test_a_stack_follows_the_schedule_and_goes_on_bit_for_bit(tmp_path: Path) -> None:
    specs = [spec_of(seed=seed, trainer="tbptt(T=3)") for seed in range(2)]

    def together(resume: bool) -> list[Run]:
        stack = Stack("eager", 200)
        return stack.together([
            halves(tmp_path / f"{spec.id}.pt", spec, "eager", stack, resume)
            for spec in specs
        ])  # fmt: skip

    for through, rest, spec in zip(together(False), together(True), specs, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(weights(through), weights(rest), strict=True))
        alone = finished(spec)
        torch.testing.assert_close(weights(through), weights(alone), rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--optimiser", "lion"], "no optimiser 'lion'; there are: adam, adamw, rmsprop, sgd"),
        (["--optimiser", "sgd(momentun=0.9)"], "did you mean 'momentum'?"),
        (["--optimiser", "sgd(momentum='high')"], "option momentum of optimiser 'sgd' must be a"),
        (["--optimiser", "sgd(momentum=-0.1)"], "momentum must be at least 0 and below 1, got -0"),
        (["--optimiser", "sgd(nesterov=True)"], "nesterov needs a momentum above 0"),
        (["--optimiser", "adam(beta_2=1.0)"], "beta_2 must be at least 0 and below 1, got 1.0"),
        (["--optimiser", "adamw(weight_decay=-1)"], "weight_decay must be at least 0, got -1"),
        (["--optimiser", "rmsprop(epsilon=-1)"], "epsilon must be at least 0, got -1"),
        (["--optimiser", "adam("], "cannot read 'adam('"),
        (["--schedule", "cosin"], "no schedule 'cosin'; there are: constant, cosine, linear (did"),
        (["--schedule", "cosine(warmup=0.5)"], "warmup of schedule 'cosine' must be a whole numb"),
        (["--schedule", "cosine(warmup=-1)"], "warmup must be at least 0, got -1"),
        (["--schedule", "linear(end=-1)"], "end must be at least 0 and below 1, got -1"),
        (["--schedule", "cosine(warmup=41)"],
         "schedule cosine(warmup=41): warmup must be at most the budget of 40 timesteps, got 41"),
    ],
)  # fmt: skip
def test_what_a_user_got_wrong_is_one_line(
    option: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["run", "plain_copy(bits=2)", "tbptt(T=3)", *TINY, *option]
    assert call(*asked, "--results", str(tmp_path / "r")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / "r").exists()


MINE = '''"""Mine: plain descent, with a rate that falls by half."""
import torch
from harness.optimiser import Rule, Schedule


class Mine(Rule):
    """Descent."""

    def in_torch(self, parameters, lr):
        return torch.optim.SGD(parameters, lr=lr)


class Half(Schedule):
    """Half of it, half-way."""

    def course(self, share):
        return 1.0 if share < 0.5 else 0.5
'''


def test_a_plug_in_brings_an_optimiser_and_a_schedule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, results = tmp_path / "mine.py", tmp_path / "r"
    path.write_text(MINE, encoding="utf-8")
    asked = ["run", "plain_copy(bits=2)", "tbptt(T=3)", *TINY, "--optimiser", "mine",
             "--schedule", "mine(warmup=8)", "--plugin", str(path),
             "--results", str(results)]  # fmt: skip
    assert call(*asked) == 0
    assert "batch 2, mine 0.01, mine(warmup=8), clipped at 1, 40" in capsys.readouterr().out
    (found,) = Store(results).records()
    assert found.header["options"]["schedule"] == {"warmup": 8}
    assert found.header["options"]["optimiser"] == {}
    for kind in ("optimiser", "schedule"):
        assert call("list", kind, "--plugin", str(path)) == 0
        assert "  mine  " in capsys.readouterr().out
    assert call(*asked, "--again", "--engine", "compiled") == 1
    assert "cannot be compiled or stacked: Mine has no moved()" in capsys.readouterr().err
    assert call(*asked, "--again") == 0
    path.write_text(MINE.replace("0.5 else 0.5", "0.5 else 0.25"), encoding="utf-8")
    assert call(*asked) == 2
    assert "is recorded with another mine.py" in capsys.readouterr().err


def test_runs_that_differ_in_optimiser_or_schedule_are_never_taken_together(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    store.create()
    for optimiser, schedule in (
        ("adam", "constant"), ("sgd(momentum=0.9)", "constant"), ("adam", "cosine(warmup=10)"),
        ("sgd", "linear"),
    ):  # fmt: skip
        for trainer in ("tbptt(T=3)", "tbptt(T=2)"):
            spec = spec_of(
                trainer=trainer, optimiser=optimiser, schedule=schedule, timesteps=40, lr=0.01
            )
            assert record(spec, REGISTRY, store, lambda timesteps, word: None) == "complete"
    records = store.records()
    said = [line for line in comparison(records).splitlines() if line.startswith("plain_copy")]
    assert sorted(line.split(", ", 2)[2] for line in said) == [
        "Adam 0.01 clipped at 1, 40 timesteps, cpu",
        "Adam 0.01, cosine(warmup=10), clipped at 1, 40 timesteps, cpu",
        "sgd 0.01, linear, clipped at 1, 40 timesteps, cpu",
        "sgd(momentum=0.9) 0.01 clipped at 1, 40 timesteps, cpu",
    ]
    assert len({each.spec.label for each in records}) == len(records) == 8
    beside = pairs(records, of("tbptt", T=3), of("tbptt", T=2), lambda each: None)
    assert len(beside) == 4
    for a, b in beside:
        assert (a.spec.optimiser, a.spec.schedule) == (b.spec.optimiser, b.spec.schedule)
    found = contrasts(records, *trainers(records, "tbptt(T=3)", "tbptt(T=2)"))
    assert len({contrast.where for contrast in found}) == 4
    panels = _shared.completed(records, lambda each: True)
    assert len(set(map(_shared.title, panels))) == len(panels) == 4


def test_a_record_from_before_there_was_a_choice_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["run", "plain_copy(bits=2)", "tbptt(T=3)", *TINY, "--results", str(tmp_path)]
    assert call(*asked) == 0
    (path,) = tmp_path.glob("runs/*.jsonl")
    header, *rest = path.read_text(encoding="utf-8").splitlines()
    row = json.loads(header)
    assert row["options"].keys() == {"task", "trainer", "model", "optimiser", "schedule"}
    for kind in ("optimiser", "schedule"):
        del row["options"][kind]
    path.write_text("\n".join([json.dumps(row), *rest, ""]), encoding="utf-8")
    capsys.readouterr()
    assert call(*asked) == 0
    assert "1 already recorded" in capsys.readouterr().out


def test_a_rule_without_plain_operations_says_so() -> None:
    class Bare(Rule):
        def in_torch(self, parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
            return torch.optim.SGD(parameters, lr=lr)

    parameters = drawn()
    update = Optimiser(Bare(), 0.1, 0.0).over(parameters)
    with pytest.raises(TypeError, match=r"^Bare has no moved\(\)"), torch.no_grad():
        update.written_out([*parameters], gradients(0), update.moments(), update.rate)


def test_list_shows_optimisers_and_schedules(
    registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in ("optimiser", "schedule"):
        assert call("list", kind) == 0
        said = capsys.readouterr().out
        assert all(f"  {name} " in said for name in registry.names(kind))
