from __future__ import annotations

import io
import multiprocessing
import os
import platform
import random
import shutil
import zlib
from collections.abc import Iterable, Iterator

import pytest
import torch
from torch import Tensor, nn

from harness.episode import Episode
from harness.measure.environment import set_up
from harness.model import Model
from harness.registry import Registry
from harness.runs.run import Run
from harness.spec import RunSpec
from harness.trainer import Trainer
from tests.forked import PRELOADED

REGISTRY = Registry()
D_IN, D_OUT = 3, 2


SHARING = {
    "figures": ["test_conformance.py::test_every_figure_draws"],
    "compiled": [  # its headers are compiled once: 8 s
        "test_engine.py::test_a_compiled_update", "test_engine.py::test_an_engine_leaves",
        "test_stacked.py::test_a_stack_of_runs_learns",
    ],
    "records": ["test_docs.py", "test_figures.py", "test_findings.py"],  # read once a process
    **{name: [f"{name}.py"] for name in (
        "test_example_plugin", "test_feed_forward", "test_regressions", "test_score",
        "test_torchrun",
    )},
}  # fmt: skip
"""Tests that share what is slow to make, for one worker: parts of their ids."""

SEED = "SEED_OF_TESTS"
"""In the environment, where the workers of xdist find it: the seed of a run of the tests."""


def pytest_addoption(parser: pytest.Parser) -> None:
    said = f"draw what an earlier run drew (or ${SEED}); default: 0 in CI, else at random"
    parser.addoption("--seed-of-tests", type=int, metavar="N", help=said)


def pytest_configure(config: pytest.Config) -> None:
    given = config.getoption("--seed-of-tests")
    if given is None:
        afresh = 0 if os.environ.get("CI") else random.SystemRandom().randrange(10**6)
        given = int(os.environ.get(SEED, afresh))
    os.environ[SEED] = str(given)
    set_up()  # fixtures of a module are made before _afresh


def pytest_report_header() -> list[str]:
    from harness.measure.environment import describe

    here = describe(torch.device("cpu"))
    return [
        f"torch {here['torch']}, Python {platform.python_version()}, {here['processor']}",
        _seed_said(),
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if terminalreporter.stats.get("failed"):  # -q leaves out the header
        terminalreporter.write_line(_seed_said())


def _seed_said() -> str:
    seed = os.environ[SEED]
    return f"seed of the tests: {seed} (--seed-of-tests {seed} draws the same again)"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Every test is handed out by itself, but for those that share what is slow to make.

    xdist's own marks of groups do not reach pytest 9.2, which takes ids from elsewhere.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Sharing(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _shared(nodeid) or nodeid

    return Sharing(config, log)


def _shared(nodeid: str) -> str:
    """The group that a test belongs to; empty: none."""
    return next((g for g, parts in SHARING.items() if any(each in nodeid for each in parts)), "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no core waits for it at the end."""
    items.sort(key=lambda each: (each.get_closest_marker("long") is None, not _shared(each.nodeid)))


@pytest.fixture(scope="session", autouse=True)
def _workers_at_once() -> Iterator[None]:
    """Workers forked from a process that has imported torch: a user's command makes one, tests one.

    What is run by `python -m harness`, in a process of its own, has workers as a user has them.
    `forked.begun` has forks of that process as well, for whole commands.
    """
    honest, context = multiprocessing.get_context, multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)

    def chosen(method: str | None = None) -> multiprocessing.context.BaseContext:
        return context if method == "spawn" else honest(method)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multiprocessing, "get_context", chosen)
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled_soon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Inductor's C++ in a third of the time: g++ rearranges less of it, by the last -O given."""
    if (found := shutil.which("g++")) is None or "CXX" in os.environ:
        yield
        return
    soon = tmp_path_factory.mktemp("compiler") / "g++"
    soon.write_text(f'#!/bin/sh\nexec "{found}" "$@" -O1\n')
    soon.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXX", str(soon))
        yield


@pytest.fixture(autouse=True)
def _afresh(request: pytest.FixtureRequest) -> None:
    """Weights and data drawn anew in every test, from the run's seed and the test's name."""
    set_up()
    # the name, not the node's id: xdist adds the group to that
    name = f"{request.node.path.name} {request.node.name}"
    seed = zlib.crc32(f"{os.environ[SEED]} {name}".encode())
    torch.manual_seed(seed)
    random.seed(seed)


@pytest.fixture
def registry() -> Registry:
    return REGISTRY


class Clock:
    """Stands in for `time`: seconds pass where a test says so, however busy the machine is."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def perf_counter(self) -> float:
        return self.seconds


def squared_error(outputs: Tensor, episode: Episode) -> Tensor:
    return ((outputs - episode.y).square().mean(-1) * episode.weight).sum()


def random_episode(
    L: int = 7,
    B: int = 3,
    *,
    fresh: bool = True,
    final: bool = True,
    d_in: int = D_IN,
    d_out: int = D_OUT,
    dtype: torch.dtype,
) -> Episode:
    weight = torch.rand(L, B, dtype=dtype)
    return Episode(
        torch.randn(L, B, d_in, dtype=dtype),
        torch.randn(L, B, d_out, dtype=dtype),
        weight / weight.sum(),
        fresh=fresh,
        final=final,
    )


def make_model(name: str = "lstm(hidden=5)") -> Model:
    model: Model = REGISTRY.make("model", name, D_IN, D_OUT)
    return model.double()


def a_model_for(text: str, *others: str) -> Model:
    """The first that suits a trainer: of `others`, an LSTM and a plain recurrent network."""
    cls, task = REGISTRY.load("trainer", text), REGISTRY.make("task", "plain_copy")
    models = (make_model(name) for name in (*others, "lstm(hidden=5)", "rnn(hidden=5)"))
    return next(model for model in models if not cls.suits(model, task))


def make_trainer(text: str, model: Model, batch: int = 3) -> Trainer:
    """In float64, begun for as many sequences as random_episode() has."""
    trainer: Trainer = REGISTRY.make("trainer", text, model, squared_error)
    trainer.double()
    trainer.begin(batch)
    return trainer


def excite(module: nn.Module) -> None:
    """Give every weight a random value, so that a zero-initialised layer is not silent."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)


def flat_gradient(model: nn.Module) -> Tensor:
    gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    assert gradients
    return torch.cat(gradients)


def window_gradients(trainer: Trainer, episode: Episode) -> list[Tensor]:
    """The gradient of every update of an episode, the weights held."""
    found = []
    trainer.zero_grad()
    for _ in trainer.gradients(episode):
        found.append(flat_gradient(trainer.model))
        trainer.zero_grad()
    trainer.seen += episode.length
    return found


def unrolled(model: Model, episode: Episode, T: int, h: Tensor) -> tuple[list[Tensor], Tensor]:
    """One graph over all windows, written apart from the trainers: boundaries and the loss."""
    boundaries, losses = [], []
    h = h.clone().requires_grad_()
    for window in episode.windows(T):
        if not h.is_leaf:
            h.retain_grad()
        boundaries.append(h)
        outputs, h = model(window.x, h)
        losses.append(squared_error(outputs, window))
    return boundaries, torch.stack(losses).sum()


def hold_resumed(spec: RunSpec, registry: Registry) -> None:
    """A run stopped after three episodes goes on bit for bit."""

    def told(rows: Iterable[tuple[str, dict[str, object]]]) -> list[dict[str, object]]:
        return [{k: v for k, v in row.items() if k != "seconds"} for _, row in rows]

    straight = Run(spec, registry, "eager")
    rows, episodes = straight.train(), 0
    while episodes < 3:
        episodes += next(rows)[0] == "episode"
    file = io.BytesIO()
    torch.save(straight.state_dict(), file)
    file.seek(0)
    restored = Run(spec, registry, "eager")
    restored.load_state_dict(torch.load(file, weights_only=True))
    assert told(restored.train()) == told(rows)
    for a, b in zip(straight.trainer.parameters(), restored.trainer.parameters(), strict=True):
        assert torch.equal(a, b)
