"""What every file in the folders must do; a new one is tested unseen."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.episode import Episode
from harness.executors.execute import suiting
from harness.figure import Figure, save, write_svg
from harness.registry import Registry
from harness.runs.record import record
from harness.runs.run import Run
from harness.spec import RunSpec
from harness.store import Record, Store
from harness.suite import PUBLISHED
from harness.trainer import Trainer
from tests.conftest import REGISTRY
from tests.printed import RESULTS

TASKS = {name: name for name in REGISTRY.names("task")} | {
    "plain_copy": "plain_copy(bits=2)",
    "repeat_copy": "repeat_copy(bits=2)",
    "char_lm": "char_lm(length=12)",
}


def with_t(name: str, T: int = 3) -> str:
    """A trainer's call, with an unroll length where it has one."""
    return f"{name}(T={T})" if "T" in REGISTRY.entry("trainer", name).defaults() else name


TRAINERS = [with_t(name) for name in REGISTRY.names("trainer")]
NOT_TRACEABLE = ("uoro", "kf_rtrl", "dni_lambda")
"""Two draw in every update; one makes several updates of a whole episode. They are refused, see
test_drawing and test_remedies."""

TRACEABLE = [with_t(name, T=2) for name in REGISTRY.names("trainer") if name not in NOT_TRACEABLE]
"""With short windows: to trace takes milliseconds an operation."""


BETWEEN_LAYERS = ("dni_depth", "dni_unlocked")
"""They make one update an episode, and layers move only when a synthesiser has learnt something."""

UNTRAINED = "reservoir(T=3)"
"""Its read-out alone moves, at a rate of its own; 16 units hold too little to solve a level."""

TO_THE_END = TASKS["plain_copy"]
"""The task on which a run goes on when something is learnt: its later updates are finite, too."""


def learnt(bits: list[float]) -> bool:
    # a curriculum makes the task harder once it is learnt: its own first level counts
    return min(bits) < 0.8 * bits[0]


@pytest.mark.parametrize(
    ("trainer", "task", "model"),
    [
        (trainer, task, model)
        for trainer in TRAINERS
        for task in TASKS.values()
        for model in REGISTRY.names("model")
        if model == "lstm" or task != TASKS["char_lm"] or trainer == "bptt"  # text takes long
    ],
)
def test_every_trainer_learns_something_on_every_task_with_every_model(
    trainer: str, task: str, model: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.runs.run.EVALUATIONS", 1)  # half of the time on text
    monkeypatch.setattr("harness.measure.costs.DRAWS", 1)
    if model != "lstm":  # costs are measured of every trainer on every task, with one model
        monkeypatch.setattr("harness.measure.costs.peak_memory_bytes", lambda *_: 1)
    sized = (
        f"{model}(hidden=16)" if "hidden" in REGISTRY.entry("model", model).defaults() else model
    )
    timesteps = 100 if task == "images" else 300  # each of them an update
    if trainer in BETWEEN_LAYERS:
        trainer, timesteps = f"{trainer}(lr=0.02)", 2 * timesteps  # as fast as the model
    lr = 0.5 if trainer == UNTRAINED else 2e-2
    spec = RunSpec(task=task, trainer=trainer, model=sized, batch=16, lr=lr, timesteps=timesteps)
    _, left_out = suiting([spec], registry)
    if left_out:
        pytest.skip(reason=left_out[0])
    bits: list[float] = []
    for kind, row in Run(spec, registry).train():
        if kind == "curve":
            bits.append(row["bits"])
            assert math.isfinite(bits[-1])
            if learnt(bits) and task != TO_THE_END:
                break
    assert learnt(bits)


@pytest.mark.parametrize(("task", "protocol"), [("plain_copy", "stream"), ("repeat_copy", "reset")])
@pytest.mark.parametrize("trainer", [each for each in TRAINERS if each != UNTRAINED])
def test_every_trainer_solves_a_level_under_both_protocols(
    trainer: str, task: str, protocol: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.measure.costs.DRAWS", 1)  # what it learns is asked, not its cost
    monkeypatch.setattr("harness.measure.costs.peak_memory_bytes", lambda *_: 1)
    specs = [
        RunSpec(
            task=f"{task}(bits=1, protocol={protocol!r})", trainer=trainer, model=model,
            batch=16, lr=2e-2, timesteps=2000,
        )
        for model in ("lstm(hidden=16)", "rnn(hidden=16)")
    ]  # fmt: skip
    (spec, *_), _ = suiting(specs, registry)
    curve = (row for kind, row in Run(spec, registry).train() if kind == "curve")
    assert any(row["level_n"] for row in curve)  # the first level ends it


FEW = ["bptt", "tbptt", "dni"]
"""For a figure's other tasks: one by whole episodes, one by windows, one that predicts."""


def _some(specs: list[RunSpec]) -> Iterator[RunSpec]:
    """Of three tasks and one seed trainers' first calls and their last, of another T.

    Every trainer has a colour and a name of its own, so every one is there, on the first task.
    """
    first = [
        spec for spec in specs if spec.seed == 0 or ("images" in spec.task and spec.seed == 100)
    ]
    tasks = sorted({spec.task for spec in first}, key=lambda task: (len(task), task))
    for number, task in enumerate(tasks[:3]):
        calls = defaultdict(list)
        for spec in first:
            name = spec.trainer.partition("(")[0]
            if spec.task == task and (number == 0 or name in FEW):
                calls[name].append(spec)
        for own in calls.values():
            yield from {own[0], own[-1]}


def _shortened(spec: RunSpec) -> RunSpec:
    """A small model, a few timesteps, and episodes of a quarter: costs take the longer."""
    quarter = re.sub(r"(start|length)=(\d+)", lambda m: f"{m[1]}={int(m[2]) // 4}", spec.task)
    small = re.sub(r"hidden=\d+", "hidden=8", spec.model)
    return replace(
        spec, task=quarter, model=small if "images" in spec.task else "lstm(hidden=8)", batch=8,
        probe=spec.probe and 10, timesteps=min(spec.timesteps, 120 if "copy" in spec.task else 60),
    )  # fmt: skip


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Some runs of every task of every figure, shortened; of one process, see recorded_with().

    Their peaks in memory are made up: to measure one takes longer than to train, and is tested
    where it is measured.
    """
    store = Store(tmp_path_factory.mktemp("recorded"))
    store.create()
    specs = {
        _shortened(spec)
        for name in REGISTRY.names("figure")
        for spec in _some(REGISTRY.make("figure", name).runs(REGISTRY))
        if not spec.workers
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.runs.run.EVALUATIONS", 6)
        patch.setattr("harness.measure.costs.peak_memory_bytes", _made_up_peak)
        for spec in sorted(specs, key=str):
            assert record(spec, REGISTRY, store, lambda timesteps, word: None) == "complete"
    return store


def _made_up_peak(trainer: Trainer, episode: Episode) -> int:
    """Bytes of a window, and of the method's own weights: other methods have other peaks."""
    return episode.x[: trainer.T].nbytes + sum(p.nbytes for p in trainer.own_parameters())


def recorded_with(figure: Figure, recorded: Store) -> list[Record]:
    """What a figure is drawn from: to start processes takes seconds, so that of runs which several
    share there are those of results/."""
    shared = any(spec.workers for spec in figure.runs(REGISTRY))
    return (Store(RESULTS / "workers") if shared else recorded).records()


@pytest.mark.long
@pytest.mark.parametrize("name", REGISTRY.names("figure"))
def test_every_figure_draws_from_recorded_runs(
    name: str, recorded: Store, tmp_path: Path, registry: Registry
) -> None:
    figure = registry.make("figure", name)
    records = recorded_with(figure, recorded)
    drawing = figure.draw(records)
    assert any(axes.has_data() for axes in drawing.axes), "a figure without data"
    shown = [axes for axes in drawing.axes if axes.axison]
    rows = [each.rowspan.start if (each := axes.get_subplotspec()) else 0 for axes in shown]
    named = {row for row, axes in zip(rows, shown, strict=True) if axes.get_ylabel()}
    assert set(rows) == named, "an axis says what it shows, and in which unit, once a row"
    for path in save(drawing, tmp_path, name):
        assert path.stat().st_size > 5_000


def test_a_figure_is_drawn_again_the_same(tmp_path: Path, registry: Registry) -> None:
    records = Store(RESULTS / "quick").records()
    for name in ("one.svg", "other.svg"):
        write_svg(registry.make("figure", "levels").draw(records), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()


@pytest.mark.parametrize("name", REGISTRY.names("figure"))
def test_a_figure_without_runs_says_so(name: str, registry: Registry) -> None:
    with pytest.raises(LookupError, match="no completed run"):
        registry.make("figure", name).draw([])


@pytest.mark.parametrize("name", REGISTRY.names("suite"))
def test_a_suite_names_figures_and_holds_the_runs_they_need(name: str, registry: Registry) -> None:
    suite = registry.make("suite", name)
    runs = suite.runs(registry)
    assert len(set(runs)) == len(runs)
    for figure in suite.figures:
        assert set(registry.make("figure", figure).runs(registry)) <= set(runs)


def test_quick_is_every_task_with_every_published_method_at_three_seeds(
    registry: Registry,
) -> None:
    """A task of single timesteps has nothing to cut in time: there layers are cut."""
    runs = [s for s in registry.make("suite", "quick").runs(registry) if s.timesteps > 1]
    for task in registry.names("task"):
        static = registry.make("task", task).static
        for trainer in ("bptt", "dni_depth") if static else PUBLISHED:
            seeds = {
                s.seed
                for s in runs
                if s.task.startswith(task) and s.trainer.partition("(")[0] == trainer
            }
            assert len(seeds) >= 3, (task, trainer)
