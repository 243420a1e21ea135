"""Runs in a stack make the updates that they make alone: float64, to rounding."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TypeVar
from unittest import mock

import pytest
import torch
from torch import Tensor

from harness.__main__ import main
from harness.engines import fitness, products, stacked
from harness.engines.base import Eager, Engine
from harness.engines.replayed import Replayed
from harness.engines.stacked import Going, Stack, Stacked
from harness.episode import Episode
from harness.executors import local
from harness.registry import Registry
from harness.runs import checkpoint
from harness.runs.run import Run
from harness.spec import RunSpec
from harness.store import Store
from tests.conftest import make_model, make_trainer, random_episode
from tests.test_conformance import TRACEABLE
from tests.test_engine import F64, hold_state, updates_of

T = TypeVar("T")

KINDS = [(2, True, False), (2, False, False), (3, False, True), (4, False, False), (2, True, False)]


def episodes(shift: int, of: list[tuple[int, bool, bool]]) -> list[Episode]:
    """Of all kinds; each run meets them in an order of its own, the last runs fewer."""
    turned = shift % len(of)
    kinds = (of[turned:] + of[:turned])[: max(1, len(of) - shift)]
    return [random_episode(L, fresh=fresh, final=final, dtype=F64) for L, fresh, final in kinds]


def learn(engine: Stacked, episode: Episode) -> Generator[Engine, None, Tensor]:
    engine.prepare(episode)
    yield from engine.waiting(episode)
    return engine.learn(episode)


@pytest.mark.parametrize(
    ("text", "model"),
    [(text, "lstm(hidden=4)") for text in TRACEABLE]
    + [("tbptt(T=2)", "lstm(hidden=4, layers=2)"), ("dni(T=2, warmup=6)", "lstm(hidden=5)"),
       ("dni(T=2, clip=0)", "gru(hidden=5)"),
       ("dni(T=2, discount=1.0, optimiser='adam')", "rnn(hidden=5)")],
)  # fmt: skip
def test_each_run_of_a_stack_makes_its_own_updates(text: str, model: str) -> None:
    stack = Stack("eager", 0)
    # each kind is a graph to trace: all where lengths or phases make graphs of their own, else one
    # fresh and one not, which is what a method's memory needs
    kinds = KINDS if text in ("bptt", "dni(T=2)", "dni(T=2, warmup=6)") else [KINDS[0], KINDS[3]]
    alone, members, fed = [], [], [episodes(shift, kinds) for shift in range(3)]
    for _ in range(3):
        first, second = (make_trainer(text, make_model(model)) for _ in range(2))
        second.load_state_dict(first.state_dict())
        alone.append(Eager(first, updates_of(first)))
        members.append((second, updates_of(second)))

    def learnt(number: int) -> Going[tuple[Stacked, list[Tensor]]]:
        engine, losses = stack.join(*members[number]), []
        for episode in fed[number]:
            losses.append((yield from learn(engine, episode)))
        return engine, losses

    ends = stack.together([learnt(number) for number in range(3)])
    for eager, given, (engine, losses) in zip(alone, fed, ends, strict=True):
        torch.testing.assert_close(losses, [eager.learn(e) for e in given], rtol=1e-9, atol=1e-12)
        hold_state(eager, engine)


def spec_of(seed: int, **fields: object) -> RunSpec:
    given = {
        "task": "plain_copy(bits=2)", "trainer": "dni(T=3)", "model": "lstm(hidden=8)",
        "batch": 4, "timesteps": 300, "seed": seed,
    }  # fmt: skip
    return RunSpec(**(given | fields))  # type: ignore[arg-type]


def finished(
    spec: RunSpec, registry: Registry, stack: Stack | None
) -> Going[tuple[Run, list[float]]]:
    run, bits = Run(spec, registry, "eager", stack), []
    for kind, row in run.train():
        if kind == "waiting":
            yield row["engine"]
        if kind == "curve":
            bits.append(row["bits"])
    return run, bits


def alone(run: Going[T]) -> T:
    (end,) = Stack("eager", 0).together([run])
    return end


@pytest.mark.long
@pytest.mark.parametrize(("engine", "trainer"), [("eager", "dni(T=3)"), ("compiled", "tbptt(T=2)")])
def test_a_stack_of_runs_learns_what_each_learns_alone(
    engine: str, trainer: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With our own products of stacks, whatever a trial here would find."""
    monkeypatch.setattr(products, "choice", lambda shape: products.OWN)
    specs = [spec_of(seed, trainer=trainer) for seed in range(3)]
    stack = Stack(engine, 300)
    together = stack.together([finished(spec, registry, stack) for spec in specs])
    for spec, (run, bits) in zip(specs, together, strict=True):
        single, expected = alone(finished(spec, registry, None))
        assert bits == pytest.approx(expected, rel=1e-3)
        assert run.engine.name == f"{engine}-stacked"
        assert (run.done, run.costs.peaks) == (single.done, single.costs.peaks)
        assert run.meter.seconds > 0


def test_a_stack_goes_on_bit_for_bit(tmp_path: Path, registry: Registry) -> None:
    def halves(spec: RunSpec, stack: Stack, state: dict[str, object] | None = None) -> Going[Run]:
        run = Run(spec, registry, "eager", stack)
        if state:
            run.load_state_dict(state)
        for kind, row in run.train():
            if kind == "waiting":
                yield row["engine"]
            if kind == "episode" and row["timesteps"] >= 150 and not state:
                checkpoint.save(saved[spec], spec.id, run.state_dict())
        return run

    specs = [spec_of(seed) for seed in range(2)]
    saved = {spec: tmp_path / f"{spec.id}.pt" for spec in specs}
    first, second = Stack("eager", 300), Stack("eager", 300)
    through = first.together([halves(spec, first) for spec in specs])
    states = [checkpoint.load(saved[spec], spec.id) for spec in specs]
    resumed = second.together(
        [halves(spec, second, state) for spec, state in zip(specs, states, strict=True)]
    )
    for a, b in zip(through, resumed, strict=True):
        assert a.done == b.done
        for x, y in zip(a.trainer.parameters(), b.trainer.parameters(), strict=True):
            assert torch.equal(x, y)


def test_a_run_that_raises_leaves_the_stack_and_the_others_go_on() -> None:
    stack = Stack("eager", 0)
    trainers = [make_trainer("dni(T=3)", make_model()) for _ in range(3)]
    before = [p.clone() for p in trainers[0].parameters()]
    fed = [random_episode(6, final=False, dtype=F64) for _ in range(4)]

    def work(number: int) -> Going[int]:
        engine = stack.join(trainers[number], updates_of(trainers[number]))
        for count, episode in enumerate(fed):
            if (number, count) == (0, 0):
                raise RuntimeError("before its first")
            if (number, count) == (1, 2):
                left.extend(p.clone() for p in trainers[1].parameters())
                return count
            yield from learn(engine, episode)
        return len(fed)

    left: list[Tensor] = []
    outcomes = []

    def caught(number: int) -> Going[None]:
        try:
            outcomes.append((number, (yield from work(number))))
        except RuntimeError as error:
            outcomes.append((number, str(error)))

    stack.together([caught(number) for number in range(3)])
    assert sorted(outcomes) == [(0, "before its first"), (1, 2), (2, 4)]
    assert all(map(torch.equal, before, trainers[0].parameters()))
    assert all(map(torch.equal, left, trainers[1].parameters())), "an ended run's stay as they are"


def test_seconds_are_shared_by_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    class Second:
        """A clock by which every advance takes a second."""

        def __init__(self, device: torch.device) -> None:
            advances.append(self)
            self.seconds = 1.0

        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...

    advances: list[Second] = []
    monkeypatch.setattr(stacked, "Meter", Second)
    stack = Stack("eager", 0)

    def work(L: int) -> Going[Stacked]:
        trainer = make_trainer("dni(T=3)", make_model())
        engine = stack.join(trainer, updates_of(trainer))
        for _ in range(2):
            yield from learn(engine, random_episode(L, fresh=False, final=False, dtype=F64))
        return engine

    short, long = stack.together([work(3), work(12)])
    assert short.training_seconds + long.training_seconds == pytest.approx(len(advances))
    assert short.training_seconds == pytest.approx(1.0), "half of each of two advances"
    assert short.seconds == long.seconds > 0


def test_runs_whose_numbers_differ_are_refused() -> None:
    stack = Stack("eager", 0)

    def work(scale: float) -> Going[None]:
        trainer = make_trainer(f"dni(T=3, scale={scale})", make_model())
        engine = stack.join(trainer, updates_of(trainer))
        yield from learn(engine, random_episode(6, dtype=F64))

    with pytest.raises(TypeError, match="differs from run to run"):
        stack.together([work(0.5), work(0.25)])


def test_an_error_that_a_run_lets_out_ends_the_others() -> None:
    stack, made = Stack("eager", 0), []

    def work(number: int) -> Going[None]:
        trainer = make_trainer("dni(T=3)", make_model())
        engine = stack.join(trainer, updates_of(trainer))
        for count in range(5):
            if (number, count) == (0, 2):
                raise OSError("the disk is full")
            yield from learn(engine, random_episode(6, final=False, dtype=F64))
            made.append(number)

    with pytest.raises(OSError, match="the disk is full"):
        stack.together([work(number) for number in range(2)])
    assert made.count(1) < 5


def test_a_run_that_fails_before_its_parts_are_told_is_out_of_the_stack() -> None:
    stack = Stack("eager", 0)

    def work(fails: bool) -> Going[int]:
        trainer = make_trainer("dni(T=3)", make_model())
        engine = stack.join(trainer, updates_of(trainer))
        episode = random_episode(6, final=False, dtype=F64)
        engine.prepare(episode)
        if fails:
            windows = trainer.cut

            def halfway(episode: Episode) -> Iterator[Episode]:
                yield next(windows(episode))
                raise RuntimeError("halfway")

            trainer.cut = halfway  # type: ignore[method-assign]
            with pytest.raises(RuntimeError, match="halfway"):
                next(engine.waiting(episode))
            return 0
        return len((yield from learn(engine, episode)))

    assert stack.together([work(True), work(False)]) == [0, 2]


def test_what_cannot_be_traced_fails_every_run_in_the_same_words() -> None:
    stack = Stack("eager", 0)

    def work() -> Going[str]:
        trainer = make_trainer("dni(T=3)", make_model())
        trainer.cut = lambda episode: iter([episode])  # type: ignore[method-assign]
        engine = stack.join(trainer, updates_of(trainer))
        with pytest.raises(TypeError) as error:
            yield from learn(engine, random_episode(6, dtype=F64))
        return str(error.value)

    with mock.patch.object(fitness, "check", side_effect=fitness.check) as calls:
        one, other = stack.together([work(), work()])
    assert calls.call_count == 1
    assert one == other
    assert "gradients() yields 2 times" in one


def test_auto_compiles_a_stack_where_that_pays_and_goes_on_where_it_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no such instruction")

    def named(timesteps: int) -> str:
        stack = Stack("auto", timesteps)

        def work() -> Going[None]:
            trainer = make_trainer("dni(T=3, warmup=6)", make_model())
            engine = stack.join(trainer, updates_of(trainer))
            for _ in range(2):
                yield from learn(engine, random_episode(6, dtype=F64))

        stack.together([work()])
        return stack.name

    monkeypatch.setattr(stacked, "inductor", lambda graph, inputs: graph)
    assert named(10) == "eager-stacked"
    assert named(10**9) == "compiled-stacked"
    monkeypatch.setattr(stacked, "inductor", broken)
    with pytest.warns(UserWarning, match="^not compiled: no such instruction$"):
        assert named(10**9) == "eager-stacked"


def test_stacks_are_even_and_of_methods_with_windows_alone(registry: Registry) -> None:
    specs = [spec_of(seed, trainer=each) for seed in range(5) for each in ("bptt", "dni(T=3)")]
    stacks = local._stacks(specs, registry, 3)
    assert sorted(map(len, stacks)) == [1, 1, 1, 1, 1, 2, 3]
    assert sorted(spec.id for stack in stacks for spec in stack) == sorted(s.id for s in specs)
    assert all(len({spec.trainer for spec in stack}) == 1 for stack in stacks)
    assert local._stacks(specs, registry, 1) == [[spec] for spec in specs], "in their order"


def test_stacked_runs_are_recorded_each_and_one_with_a_damaged_checkpoint_begins_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["run", "plain_copy(bits=2)", "tbptt(T=3)", "--model", "lstm(hidden=8)", "--batch", "4",
             "--timesteps", "90", "--seeds", "4", "--results", str(tmp_path)]  # fmt: skip
    store = Store(tmp_path)
    store.create()
    bad = spec_of(1, trainer="tbptt(T=3)", timesteps=90)
    store.checkpoint(bad).write_bytes(b"junk")
    with pytest.raises(SystemExit) as ended:
        main([*asked, "--stack", "4"])
    assert ended.value.code == 0
    records = store.records()
    assert [record.status for record in records] == ["complete"] * 4
    assert [record.engine for record in records] == ["eager-stacked"] * 4
    assert len({record.curve[-1]["bits"] for record in records}) == 4, "seeds of their own"
    assert capsys.readouterr().err.count("is damaged") == 1


def test_a_checkpoint_of_a_view_holds_no_more_than_the_view(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "a.pt", "a", {"w": torch.zeros(100_000)[:10]})
    assert (tmp_path / "a.pt").stat().st_size < 10_000


def test_a_replayed_update_is_the_update_and_its_capture_moves_nothing() -> None:
    """All but CUDA's own part: here a captured graph is the function itself, called again."""

    def update(w: Tensor, x: Tensor) -> list[Tensor]:
        w.add_(x)
        return [w.sum()]

    class Again:
        def __init__(self, work: Callable[[], list[Tensor]], results: list[Tensor]) -> None:
            self.work, self.results = work, results

        def replay(self) -> None:
            for result, anew in zip(self.results, self.work(), strict=True):
                result.copy_(anew)

    def capture(work: Callable[[], list[Tensor]]) -> tuple[Again, list[Tensor]]:
        results = work()
        return Again(work, results), results

    w = torch.ones(2)
    replayed = Replayed(update, [w], [torch.full((2,), 5.0)], capture)
    assert w.tolist() == [1, 1]
    losses = [replayed(w, torch.full((2,), x))[0] for x in (1.0, 2.0)]
    assert w.tolist() == [4, 4]
    assert [loss.item() for loss in losses] == [4, 8], "a result outlives the next update"
    with pytest.raises(AssertionError, match="weights have moved"):
        replayed(w.clone(), w)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: CUDA graphs cannot be captured")
def test_on_cuda_sixteen_seeds_take_four_times_the_time_of_one_at_most(registry: Registry) -> None:
    def made(seed: int, stack: Stack | None = None) -> Going[Run]:
        spec = spec_of(seed, trainer="dni(T=4)", model="lstm(hidden=256)", batch=256,
                       device="cuda", timesteps=8000)  # fmt: skip
        run = Run(spec, registry, "compiled", stack)
        for kind, row in run.train():
            if kind == "waiting":
                yield row["engine"]
        return run

    one = alone(made(0))
    stack = Stack("compiled", 8000)
    runs = stack.together([made(seed, stack) for seed in range(16)])
    assert sum(run.meter.seconds for run in runs) < 4 * one.meter.seconds
