"""A network without a state, from a file outside the project, through everything that there is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.__main__ import main
from harness.analysis.table import table
from harness.engines.compiled import Compiled
from harness.engines.stacked import Going, Stack
from harness.executors.execute import suiting
from harness.measure.cost import gauge, peak_memory_bytes
from harness.measure.probe import probe
from harness.registry import Registry
from harness.runs import checkpoint
from harness.runs.run import Run
from harness.spec import RunSpec
from harness.store import Store
from tests.test_engine import as_traced

PLUGINS = [Path(__file__).with_name("toys") / name for name in ("feed_forward.py", "xor.py")]
REGISTRY = Registry(PLUGINS)
STEPS = 600
LEAVES_OUT = (
    "dni(T=3), dni_aux(T=3), sg(T=3) with feed_forward: it predicts the gradient of a state"
)


def spec_of(trainer: str, seed: int = 0) -> RunSpec:
    return RunSpec(
        task="xor", trainer=trainer, model="feed_forward", seed=seed, batch=8, timesteps=STEPS
    )


def call(*arguments: str) -> int:
    plugins = [word for path in PLUGINS for word in ("--plugin", str(path))]
    with pytest.raises(SystemExit) as stop:
        main([*arguments, *plugins])
    assert isinstance(stop.value.code, int)
    return stop.value.code


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite of the toys, in stacks of four: bptt, whose episodes are whole, a run at a time."""
    results = tmp_path_factory.mktemp("toys") / "results"
    asked = ["suite", "xor", "--seeds", "4", "--timesteps", str(STEPS), "--stack", "4"]
    assert call(*asked, "--jobs", "1", "--results", str(results)) == 0
    return results


def test_a_suite_leaves_out_what_does_not_suit_and_makes_the_rest(recorded: Path) -> None:
    frame = table(Store(recorded).records())
    assert sorted(set(frame["trainer"])) == ["bptt", "tbptt(T=3)"]
    assert frame["status"].tolist() == ["complete"] * 8
    engines = frame.groupby("trainer")["engine"].agg(set).to_dict()
    assert engines == {"bptt": {"eager"}, "tbptt(T=3)": {"eager-stacked"}}
    assert (frame[frame["trainer"] == "tbptt(T=3)"]["bits"] < 0.5).all(), "learnt"


def test_a_suite_says_in_a_line_what_it_leaves_out(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    asked = ["suite", "xor", "--seeds", "4", "--timesteps", str(STEPS)]
    assert call(*asked, "--results", str(recorded)) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == f"12 runs left out, {LEAVES_OUT}; the model has none"
    assert [line.split()[0] for line in rest if "bptt" in line] == ["bptt", "tbptt(T=3)"]


def test_what_it_recorded_is_drawn_and_reported(recorded: Path, tmp_path: Path) -> None:
    assert call("plot", "bits", "--results", str(recorded), "--out", str(tmp_path)) == 0
    assert (tmp_path / "bits.svg").stat().st_size > 5_000
    page = tmp_path / "page.html"
    assert call("report", "--results", str(recorded), "--out", str(page)) == 0
    assert "tbptt(T=3)" in page.read_text(encoding="utf-8")


def test_a_run_that_does_not_suit_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [
        "run",
        "xor",
        "bptt",
        "dni(T=3)",
        "--model",
        "feed_forward",
        "--results",
        str(tmp_path / "r"),
    ]
    assert call(*asked) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "sgbench: trainer dni(T=3) does not suit model feed_forward: "
        "it predicts the gradient of a state; the model has none"
    )
    assert not (tmp_path / "r").exists()


def test_what_suits_is_kept_in_its_order() -> None:
    asked = [spec_of(trainer) for trainer in ("dni(T=3)", "bptt", "sg(T=3)", "tbptt(T=3)")]
    asked.append(RunSpec(task="xor", trainer="dni(T=3)", model="gru(hidden=4)"))
    kept, lines = suiting(asked, REGISTRY)
    assert kept == [asked[1], asked[3], asked[4]]
    assert lines == [
        "2 runs left out, dni(T=3), sg(T=3) with feed_forward: "
        "it predicts the gradient of a state; the model has none"
    ]
    assert suiting(kept, REGISTRY) == (kept, [])


def bits(run: Run) -> list[float]:
    return [row["bits"] for kind, row in run.train() if kind == "curve"]


@pytest.mark.parametrize("trainer", ["bptt", "tbptt(T=5)"])
def test_killed_and_resumed_it_goes_on_bit_for_bit(trainer: str, tmp_path: Path) -> None:
    spec, path = spec_of(trainer), tmp_path / "state.pt"
    whole = Run(spec, REGISTRY)
    rows, saved = [], 0
    for kind, row in whole.train():
        if kind == "curve":
            rows.append(row["bits"])
            if row["timesteps"] == STEPS // 2:
                checkpoint.save(path, spec.id, whole.state_dict())
                saved = len(rows)
    resumed = Run(spec, REGISTRY)
    state = checkpoint.load(path, spec.id)
    assert state is not None
    resumed.load_state_dict(state)
    assert bits(resumed) == rows[saved:]
    for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("trainer", ["bptt", "tbptt(T=5)"])
def test_its_compiled_update_is_the_trainers_own(trainer: str) -> None:
    eager, other = Run(spec_of(trainer), REGISTRY), Run(spec_of(trainer), REGISTRY)
    other.engine = Compiled(other.trainer, other.optimisers, as_traced)
    assert bits(other) == pytest.approx(bits(eager), rel=1e-3)
    assert other.done == eager.done


def test_a_stack_of_it_learns_what_each_run_learns_alone() -> None:
    stack = Stack("eager", STEPS)
    runs = [spec_of("tbptt(T=5)", seed) for seed in range(2)]

    def learnt(spec: RunSpec) -> Going[list[float]]:
        found = []
        for kind, row in Run(spec, REGISTRY, "eager", stack).train():
            if kind == "waiting":
                yield row["engine"]
            if kind == "curve":
                found.append(row["bits"])
        return found

    together = stack.together([learnt(spec) for spec in runs])
    for spec, found in zip(runs, together, strict=True):
        assert found == pytest.approx(bits(Run(spec, REGISTRY)), rel=1e-3)


def test_its_flops_are_what_a_count_by_hand_gives_and_its_memory_a_windows() -> None:
    L, B, width = 12, 8, 16
    # forward; the gradient of both layers' weights; that of the read-out's input, not of x
    products = L * B * (2 * (2 * width + width * 1) + width * 1)
    costs = {}
    for text in ("bptt", "tbptt(T=3)", "tbptt(T=6)"):
        run = Run(spec_of(text), REGISTRY)
        episode = next(run.episodes())
        costs[text] = gauge(run.trainer, episode)
        assert costs[text].flops == 2 * products, text
        assert peak_memory_bytes(run.trainer, episode) > costs[text].activation_bytes
    held = [costs[text].activation_bytes for text in ("tbptt(T=3)", "tbptt(T=6)", "bptt")]
    assert held == [held[0], 2 * held[0], 4 * held[0]]


@pytest.mark.parametrize("trainer", ["bptt", "tbptt(T=5)"])
def test_a_probe_finds_that_truncation_leaves_nothing_out(trainer: str) -> None:
    run = Run(spec_of(trainer), REGISTRY)
    found = probe(run.trainer, next(run.episodes()))
    assert found["cosine"] == pytest.approx(1)
    assert found["norm_ratio"] == pytest.approx(1)
    assert found["reach"] == [], "no loss reaches a state"
