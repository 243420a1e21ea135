"""What a method can ask for, proved by toys: windows of its own, draws, a memory, an end."""

from __future__ import annotations

import io
import signal
import time
import warnings
from pathlib import Path

import pandas as pd
import pytest
import torch

from harness.__main__ import main
from harness.engines import choice, compiled
from harness.engines.base import Eager
from harness.engines.choice import Auto
from harness.engines.compiled import Compiled
from harness.engines.stacked import Going, Stack
from harness.engines.traced import as_traced
from harness.executors.execute import check
from harness.measure.cost import gauge
from harness.measure.costs import DRAWS, Costs
from harness.registry import Registry
from harness.runs import crew, record
from harness.runs.run import Run
from harness.spec import RunSpec
from harness.store import Store
from harness.trainer import Trainer
from tests.conftest import make_model, random_episode, squared_error
from tests.forked import begun
from tests.test_engine import F64, hold, updates_of
from tests.test_survival import hold_equal

TOYS = Path(__file__).parent / "toys"
PLUGINS = [TOYS / "wandering.py", TOYS / "echoing.py"]
TRAINERS = ["wandering(T=3)", "echoing(T=3)"]
REGISTRY = Registry(PLUGINS)


def toy(text: str, seed: int = 5) -> Trainer:
    trainer: Trainer = REGISTRY.make("trainer", text, make_model(), squared_error)
    trainer.double()
    trainer.begin(3)
    trainer.rng.manual_seed(seed)
    return trainer


def spec_of(trainer: str, seed: int = 0, timesteps: int = 300) -> RunSpec:
    return RunSpec(task="plain_copy(bits=2)", trainer=trainer, model="lstm(hidden=8)", batch=4,
                   seed=seed, timesteps=timesteps, probe=40)  # fmt: skip


def told(run: Run) -> list[dict[str, object]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for _, row in run.train()]


@pytest.mark.parametrize("text", TRAINERS)
def test_losses_add_up_to_one_forward_pass(text: str) -> None:
    trainer, episode = toy(text), random_episode(11, dtype=F64)
    outputs, _ = trainer.model(episode.x, trainer.model.initial_state(3))
    total = torch.stack(trainer(episode)).sum()
    torch.testing.assert_close(total, squared_error(outputs, episode).detach())


def test_windows_are_drawn_from_the_methods_own_numbers() -> None:
    trainer, episode = toy("wandering(T=3)"), random_episode(60, dtype=F64)
    lengths = [window.length for window in trainer.twin().cut(episode)]
    assert sum(lengths) == 60
    assert len(set(lengths)) > 1
    assert lengths == [window.length for window in trainer.twin().cut(episode)]
    trainer.rng.manual_seed(6)
    assert lengths != [window.length for window in trainer.cut(episode)]


def test_a_seed_of_the_run_decides_what_a_method_draws_and_neither_weights_nor_data() -> None:
    runs = [Run(spec_of(trainer), REGISTRY) for trainer in ("wandering(T=3)", "tbptt(T=3)")]
    for a, b in zip(*(run.model.parameters() for run in runs), strict=True):
        assert torch.equal(a, b)
    supplies = [run.episodes() for run in runs]
    for _ in range(5):
        first, other = (next(supply) for supply in supplies)
        runs[0].learn(first)  # it draws, and the data stay the same
        assert torch.equal(first.x, other.x)
    again = Run(spec_of("wandering(T=3)"), REGISTRY)
    assert not torch.equal(again.trainer.rng.get_state(), runs[0].trainer.rng.get_state())
    assert again.trainer.rng.initial_seed() == runs[0].trainer.rng.initial_seed()
    other_seed = Run(spec_of("wandering(T=3)", seed=1), REGISTRY)
    assert other_seed.trainer.rng.initial_seed() != again.trainer.rng.initial_seed()


def test_memory_is_moved_copied_and_fades() -> None:
    trainer = toy("echoing(T=3)")
    assert trainer.memory["trace"].dtype is F64
    trainer(random_episode(6, final=False, dtype=F64))
    twin = trainer.twin()
    kept = trainer.memory["trace"].clone()
    assert kept.norm() > 0
    twin(random_episode(6, fresh=False, dtype=F64))
    assert torch.equal(trainer.memory["trace"], kept), "a twin has a memory of its own"
    assert not torch.equal(twin.memory["trace"], kept)
    assert trainer.float().memory["trace"].dtype is torch.float32


@pytest.mark.parametrize("text", TRAINERS)
def test_a_traced_update_is_the_toys_own(text: str) -> None:
    first, second = toy(text), toy(text)
    second.load_state_dict(first.state_dict())
    eager = Eager(first, updates_of(first))
    hold(eager, Compiled(second, updates_of(second), as_traced))
    torch.testing.assert_close(second.memory, first.memory, rtol=1e-9, atol=1e-12)
    assert torch.equal(first.rng.get_state(), second.rng.get_state())


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_toy_goes_on_bit_for_bit_in_any_engine(
    trainer: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "inductor", as_traced)
    monkeypatch.setattr("harness.measure.costs.DRAWS", 2)
    straight = Run(spec_of(trainer), REGISTRY, engine)
    rows, episodes = straight.train(), 0
    while episodes < 17:
        episodes += next(rows)[0] == "episode"
    file = io.BytesIO()
    torch.save(straight.state_dict(), file)
    file.seek(0)
    restored = Run(spec_of(trainer), REGISTRY, engine)
    restored.load_state_dict(torch.load(file, weights_only=True))
    expected = [{k: v for k, v in row.items() if k != "seconds"} for _, row in rows]
    assert told(restored) == expected
    for a, b in zip(straight.trainer.parameters(), restored.trainer.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_stack_of_four_learns_what_each_learns_alone(
    trainer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.measure.costs.DRAWS", 2)
    monkeypatch.setattr("harness.runs.run.EVALUATIONS", 1)

    def going(seed: int, stack: Stack | None) -> Going[list[float]]:
        run, bits = Run(spec_of(trainer, seed, 120), REGISTRY, "eager", stack), []
        for kind, row in run.train():
            if kind == "waiting":
                yield row["engine"]
            if kind == "curve":
                bits.append(row["bits"])
        return bits

    stack = Stack("eager", 120)
    together = stack.together([going(seed, stack) for seed in range(4)])
    alone = Stack("eager", 120).together([going(seed, None) for seed in range(4)])
    for ours, theirs in zip(together, alone, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)


def test_a_method_that_draws_cuts_the_same_where_compiling_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no such instruction")

    monkeypatch.setattr(compiled, "inductor", broken)
    monkeypatch.setattr(choice, "pays", lambda *_: True)
    first, second = toy("wandering(T=3)"), toy("wandering(T=3)")
    second.load_state_dict(first.state_dict())
    eager, auto = Eager(first, updates_of(first)), Auto(second, updates_of(second), 10**9)
    for _ in range(3):
        episode = random_episode(11, final=False, dtype=F64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            auto.prepare(episode)
        assert torch.equal(auto.learn(episode), eager.learn(episode))
    assert auto.name == "eager"


def test_a_method_that_draws_its_windows_is_not_compiled_of_itself() -> None:
    episode = random_episode(11, dtype=F64)
    assert not choice.pays(toy("wandering(T=3)"), episode, 10**9)
    assert choice.pays(toy("echoing(T=3)"), episode, 10**9)
    assert not choice.pays(toy("recomputed(T=3)"), episode, 10**9)


def test_what_is_built_to_be_checked_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Trainer] = []

    def close(self: Trainer) -> None:
        closed.append(self)

    monkeypatch.setattr(Trainer, "close", close)
    check([spec_of("wandering(T=3)"), spec_of("tbptt(T=3)")], REGISTRY)
    assert len(closed) == 2


def test_a_method_that_draws_costs_its_mean_over_draws() -> None:
    trainer, episode = toy("wandering(T=3)"), random_episode(12, dtype=F64)
    costs = Costs(trainer)
    found = costs.of(episode)
    twins = [trainer.twin() for _ in range(DRAWS)]
    for seed, twin in enumerate(twins):
        twin.rng.manual_seed(seed)
    each = [gauge(twin, episode) for twin in twins]
    assert len({cost.activation_bytes for cost in each}) > 1, "the longest window decides"
    assert found.activation_bytes == max(cost.activation_bytes for cost in each)
    assert found.flops == round(sum(cost.flops for cost in each) / DRAWS)
    assert costs.peaks["activation_bytes"] == found.activation_bytes
    assert torch.equal(trainer.rng.get_state(), toy("wandering(T=3)").rng.get_state())


@pytest.mark.parametrize("fails", [False, True])
def test_a_trainer_is_closed_once_whatever_happened(
    fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Run] = []

    class Noted(Run):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            made.append(self)

        def _validate(self) -> float:
            if fails:
                raise RuntimeError("halfway")
            return super()._validate()

    monkeypatch.setattr(crew, "Run", Noted)
    store = Store(tmp_path)
    store.create()
    status = record.record(spec_of("echoing(T=3)"), REGISTRY, store, lambda *_: None)
    assert status == ("failed" if fails else "complete")
    assert [run.trainer.closed for run in made] == [1]


def command(folder: Path, *more: str) -> list[str]:
    plugins = [word for path in PLUGINS for word in ("--plugin", str(path))]
    return ["run", "plain_copy(bits=2)", *TRAINERS, "tbptt(T=3)", "--model", "lstm(hidden=8)",
            "--batch", "4", "--seeds", "4", "--timesteps", "150", "--results", str(folder),
            *plugins, *more]  # fmt: skip


def called(*words: str) -> int | str | None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    return stop.value.code


@pytest.mark.parametrize("stack", ["1", "4"])
def test_toys_stand_in_table_figure_report_and_export(
    stack: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(*command(tmp_path, "--stack", stack, "--jobs", "1")) == 0
    printed = capsys.readouterr().out
    for trainer in TRAINERS:
        assert any(line.startswith(trainer) for line in printed.splitlines())
    folder = ["--results", str(tmp_path)]
    assert called("plot", "levels", *folder) == 0
    assert "wandering" in (tmp_path / "figures" / "levels.svg").read_text(encoding="utf-8")
    assert called("report", *folder) == 0
    assert "echoing(T=3)" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert called("export", "--out", str(tmp_path / "runs.csv"), *folder) == 0
    frame = pd.read_csv(tmp_path / "runs.csv")
    assert frame.groupby("trainer")["status"].agg(list).to_dict() == {
        trainer: ["complete"] * 4 for trainer in [*TRAINERS, "tbptt(T=3)"]
    }


def test_a_toy_that_was_killed_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real kill: the process is gone between two episodes, or within one."""
    for name in ("CHECKPOINT_SECONDS", "SAVING_SHARE"):  # for other tests, as they were
        monkeypatch.setattr(record, name, getattr(record, name))
    often = tmp_path / "often.py"
    often.write_text(
        "from harness.runs import record\n"
        "from harness.trainers.tbptt import Tbptt\n"
        "record.CHECKPOINT_SECONDS = record.SAVING_SHARE = 0.01\n"
        "class Often(Tbptt):\n    pass\n"
    )
    for trainer in TRAINERS:
        spec = spec_of(trainer, timesteps=800)
        words = ["run", spec.task, trainer, "--model", spec.model, "--batch", "4",
                 "--timesteps", "800", "--probe", "40", "--plugin", str(often)]  # fmt: skip
        words += [word for path in PLUGINS for word in ("--plugin", str(path))]
        killed, calm = Store(tmp_path / "killed"), Store(tmp_path / "calm")
        process = begun(*words, "--results", str(killed.folder))
        while not killed.checkpoint(spec).exists() and process.exitcode is None:
            time.sleep(0.005)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "it was not killed in time"
        assert killed.record(spec).status == "incomplete"  # type: ignore[union-attr]
        for store in (killed, calm):
            assert called(*words, "--results", str(store.folder)) == 0
        hold_equal(calm.folder, killed.folder)
        assert "resumed" in killed.text(spec)
