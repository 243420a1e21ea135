"""Processes that share a run: what makes each mode one process, in float64; and what kills it."""

from __future__ import annotations

import io
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor
from torch import distributed as dist
from torch.nn import functional as F

from harness.__main__ import main
from harness.episode import Episode
from harness.measure.environment import set_up
from harness.measure.sent import bytes_sent
from harness.models.mlp import Mlp
from harness.optimiser import Optimiser
from harness.registry import Registry
from harness.runs import record as recording
from harness.runs.crew import Crew, begun
from harness.runs.record import record
from harness.spec import Conditions, RunSpec
from harness.store import Record, Store
from harness.trainer import Trainer
from harness.worker import Place, rows

pytestmark = pytest.mark.skipif(
    not (dist.is_available() and dist.is_gloo_available()), reason="torch has no gloo"
)

DOTS = Path(__file__).parent / "toys" / "dots.py"
RANKS, B, CLASSES, PIXELS, HIDDEN, LAYERS = 3, 12, 4, 6, 5, 4
DNI = "dni_depth(conditioned=True, cuts=(0, 2){})"
UNLOCKED = "dni_unlocked(inputs=True, conditioned=True, cuts=(0, 2){})"
GLOO = {"GLOO_SOCKET_IFNAME": "lo"}


@dataclass(frozen=True)
class Case:
    """Updates on given minibatches; slow: seconds that one process loses in each, the top one."""

    trainer: str
    mode: str = ""
    norm: str = "none"
    lr: float = 1e-2
    clip: float = 0.0
    updates: int = 4
    slow: float = 0.0
    who: int = RANKS - 1


@dataclass
class Learnt:
    """What came out of it."""

    model: dict[str, Tensor] = field(default_factory=dict)
    trainer: dict[str, Tensor] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    ages: list[int] = field(default_factory=list)
    sent: int = 0


def images(seed: int) -> Episode:
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(1, B, PIXELS, generator=rng, dtype=torch.float64)
    y = torch.randint(CLASSES, (1, B), generator=rng)
    weight = torch.rand(1, B, generator=rng, dtype=torch.float64)  # each counts as it does
    return Episode(x, y, weight / weight.sum())


def loss(outputs: Tensor, episode: Episode) -> Tensor:
    nats = F.cross_entropy(outputs.flatten(0, 1), episode.y.flatten(), reduction="none")
    return (nats * episode.weight.flatten()).sum()


def built(case: Case) -> tuple[Trainer, Optimiser]:
    torch.manual_seed(1)
    model = Mlp(PIXELS, CLASSES, layers=LAYERS, hidden=HIDDEN, norm=case.norm)
    trainer: Trainer = Registry().make("trainer", case.trainer, model, loss)
    trainer.double()
    for each in trainer.own_parameters():  # every synthesiser has an opinion
        each.data.normal_()
    trainer.begin(B)
    return trainer, Optimiser("adam", case.lr, case.clip)


def alone(case: Case, *, only: slice = slice(None), scale: float = 1.0) -> Learnt:
    """The same in one process; of some sequences alone, which then weigh more."""
    trainer, how = built(case)
    updates, found = [how.over(list(trainer.model.parameters()))], Learnt()
    if own := trainer.own_parameters():
        updates.append(cast(Optimiser, trainer.own_optimiser).over(own))
    for seed in range(case.updates):
        episode = rows(images(seed), only)
        episode = replace(episode, weight=scale * episode.weight)
        (nats,) = _taken(trainer, episode, updates)
        found.losses.append(nats)
    found.model, found.trainer = trainer.model.state_dict(), trainer.state_dict()
    return found


def _taken(trainer: Trainer, episode: Episode, updates: list[Any]) -> list[float]:
    losses = []
    for nats in trainer.gradients(episode):
        for update in updates:
            update()
        losses.append(float(nats))
    return losses


def shared(case: Case, rank: int) -> Learnt:
    """One process's part; runs there."""
    trainer, how = built(case)
    found, before = Learnt(), bytes_sent() or 0
    place = Place(rank, RANKS, B, trainer.model, trainer, how)
    mode = Registry().make("mode", case.mode)
    mode.check(place)
    worker = mode.worker(place)
    dist.barrier()
    worker.begin(case.updates)
    for seed in range(case.updates):
        if case.slow and rank == case.who:
            time.sleep(case.slow)
        nats = worker.learn(images(seed))
        found.losses += [] if nats is None else [float(nats)]
    worker.settle()
    found.sent = (bytes_sent() or 0) - before
    found.model, found.ages = worker.weights(), worker.ages
    own = {id(t) for part in worker.parts for t in part.parameters()}
    found.trainer = {n: p.detach() for n, p in trainer.named_parameters() if id(p) in own}
    return found


def serve(rank: int, meeting: str, post: Connection) -> None:
    set_up()
    os.environ |= GLOO
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=RANKS)
    while True:
        case = post.recv()
        said = io.BytesIO()
        try:
            torch.save(vars(shared(case, rank)), said)
        except Exception as error:
            torch.save({"error": f"{type(error).__name__}: {error}"}, said)
        post.send_bytes(said.getvalue())


def mother(meeting: str, posts: list[Connection]) -> None:
    """Import what takes seconds once, and fork."""
    import torch.distributed.pipelining  # noqa: F401

    for rank, post in enumerate(posts):
        if not os.fork():
            try:
                serve(rank, meeting, post)
            finally:  # the tests are over
                os._exit(0)
    for post in posts:
        post.close()
    os.wait()


class Group:
    """Processes that wait for cases."""

    def __init__(self, meeting: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        pipes = [context.Pipe() for _ in range(RANKS)]
        self.posts = [ours for ours, _ in pipes]
        theirs = [each for _, each in pipes]
        self.process = context.Process(target=mother, args=(str(meeting), theirs), daemon=True)
        self.process.start()
        for each in theirs:
            each.close()

    def learn(self, case: Case) -> list[Learnt]:
        for post in self.posts:
            post.send(case)
        found = []
        for post in self.posts:
            assert post.poll(60), f"{case} hangs"
            said = torch.load(io.BytesIO(post.recv_bytes()))
            assert "error" not in said, said["error"]
            found.append(Learnt(**said))
        return found

    def close(self) -> None:
        for post in self.posts:
            post.close()
        self.process.join(10)
        assert self.process.exitcode == 0


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    made = Group(tmp_path_factory.mktemp("group") / "meeting")
    yield made
    made.close()


def hold_same(parts: list[Learnt], whole: Learnt, **close: Any) -> None:
    """All weights that workers answer for are those of one process, and so are the losses."""
    found = {name: value for part in parts for name, value in part.model.items()}
    assert found.keys() == whole.model.keys(), "every weight is somebody's"
    for name, value in found.items():
        torch.testing.assert_close(value, whole.model[name], msg=name, **close)
    shares = [part.losses for part in parts if part.losses]
    losses = [sum(each) for each in zip(*shares, strict=True)]
    assert losses == pytest.approx(whole.losses, rel=1e-9)


ROUNDING = {"rtol": 1e-9, "atol": 1e-11}
EXACT = {"rtol": 0.0, "atol": 0.0}


@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("clip", [0.0, 0.05])
@pytest.mark.parametrize(
    "mode",
    [
        "ddp(processes=3)",
        "gpipe(processes=3, microbatches=4)",
        "one_f_one_b(processes=3, microbatches=4)",
        "gpipe(processes=3, microbatches=1, cuts=(0, 1))",
    ],
)
def test_a_shared_run_is_backpropagation_in_one_process(
    group: Group, mode: str, clip: float, norm: str
) -> None:
    case = Case("bptt", mode, norm=norm, clip=clip)
    hold_same(group.learn(case), alone(case), **ROUNDING)


def test_unconnected_processes_learn_from_their_own_sequences(group: Group) -> None:
    """Each from its share as if it were all: what its sequences weigh is W times as much."""
    case = Case("bptt", "unconnected(processes=3)")
    parts = group.learn(case)
    own = slice(0, B // RANKS)
    first = alone(case, only=own, scale=RANKS)
    first.losses = [nats / RANKS for nats in first.losses]
    assert not parts[1].model, "the first answers"
    hold_same(parts[:1], first, **ROUNDING)
    assert {part.sent < 1000 for part in parts} == {True}, "they send nothing but the barrier"


@pytest.mark.parametrize("trainer", [DNI, UNLOCKED])
@pytest.mark.parametrize("more", ["", ", layers=1, norm='layer', lr=0.01"])
def test_in_lock_step_a_decoupled_run_is_its_trainer_in_one_process(
    group: Group, trainer: str, more: str
) -> None:
    case = Case(trainer.format(more), "decoupled(processes=3, queue=0)", norm="layer")
    parts, whole = group.learn(case), alone(case)
    hold_same(parts, whole, **EXACT)
    names = {name for part in parts for name in part.trainer}
    assert names == set(whole.trainer) - {"_extra_state"}
    for part in parts:
        assert set(part.ages) <= {0}, "nobody goes on without its gradient"
        for name, value in part.trainer.items():
            torch.testing.assert_close(value, whole.trainer[name], msg=name, **EXACT)


@pytest.mark.parametrize("trainer", [DNI, UNLOCKED])
@pytest.mark.parametrize("slow", [0.0, 0.02])
def test_how_late_gradients_are_makes_no_difference_to_blocks_that_do_not_wait_for_them(
    group: Group, trainer: str, slow: float
) -> None:
    """Synthesisers that never learn: whatever the timing, (1) alone moves the blocks."""
    silent = "" if trainer == DNI else ", lr=0.0"
    case = Case(trainer.format(silent or ", lr=0.0"), "decoupled(processes=3, queue=2)",
                updates=8, slow=slow)  # fmt: skip
    parts = group.learn(case)
    hold_same(parts, alone(case), **EXACT)
    lower = parts[1].ages
    assert len(lower) == case.updates, "each gradient arrives once"
    assert max(lower) <= 2
    if slow:
        assert max(lower) == 2, "as far ahead as the queue allows"


def test_a_late_gradient_is_taught_for_the_state_that_it_belongs_to(group: Group) -> None:
    """Blocks that never move: the synthesiser below the loss learns the same, however late."""
    case = Case(DNI.format(", lr=0.01"), "decoupled(processes=3, queue=2)",
                lr=0.0, updates=8, slow=0.01)  # fmt: skip
    parts, whole = group.learn(case), alone(case)
    assert max(parts[1].ages) == 2
    own = {name: v for name, v in parts[1].trainer.items() if name.startswith("synthesisers.1")}
    assert own
    for name, value in own.items():
        torch.testing.assert_close(value, whole.trainer[name], msg=name, **EXACT)


def test_a_late_output_is_taught_for_the_input_that_it_belongs_to(group: Group) -> None:
    """The same of what stands in for the lowest block, which is slow."""
    case = Case(UNLOCKED.format(", lr=0.01"), "decoupled(processes=3, queue=2)",
                lr=0.0, updates=8, slow=0.01, who=0)  # fmt: skip
    parts, whole = group.learn(case), alone(case)
    own = {name: v for name, v in parts[1].trainer.items() if name.startswith("predictors.0")}
    assert own
    for name, value in own.items():
        torch.testing.assert_close(value, whole.trainer[name], msg=name, **EXACT)


@pytest.mark.skipif(bytes_sent() is None, reason="this kernel does not count bytes by connection")
def test_bytes_are_those_of_the_messages(group: Group) -> None:
    updates, h = 20, B * HIDDEN * 8
    for trainer, down in ((DNI, 1), (UNLOCKED, 2)):
        case = Case(trainer.format(""), "decoupled(processes=3)", updates=updates)
        first, middle, top = (part.sent / updates for part in group.learn(case))
        for found, wanted in ((first, h), (middle, h + down * h), (top, down * h)):
            assert wanted <= found < wanted + 900, "the barrier, and gloo's headers"


def run(tmp_path: Path, task: str = "dots", **given: Any) -> tuple[str, Record]:
    store = Store(tmp_path)
    store.create()
    spec = RunSpec(
        **{"task": task, "trainer": "bptt", "model": "mlp(layers=1, hidden=4)", "batch": 12,
           "timesteps": 60, **given}
    )  # fmt: skip
    status = record(spec, Registry([DOTS]), store, lambda timesteps, word: None, Conditions())
    found = store.record(spec)
    assert found
    return status, found


def test_a_run_on_one_worker_is_a_run(tmp_path: Path) -> None:
    _, plain = run(tmp_path)
    status, found = run(tmp_path, workers="unconnected(processes=1)")
    assert status == "complete"
    clocked = ("seconds",)

    def rows_of(record: Record) -> list[dict[str, Any]]:
        return [{k: v for k, v in row.items() if k not in clocked} for row in record.validation]

    assert rows_of(found) == rows_of(plain)
    assert plain.spec.id != found.spec.id
    assert "workers" not in plain.spec.to_dict(), "what was run before keeps its id"
    end = found.end
    assert end["examples_per_second"] == pytest.approx(
        60 * 12 / found.curve[-1]["seconds"], rel=1e-4
    )
    assert len(end["wait_seconds"]) == 1
    assert (end["gradient_age_mean"], end["gradient_age_max"]) == (0, 0)


@pytest.mark.parametrize(
    ("workers", "trainer"), [("ddp", "bptt"), ("decoupled(queue=0)", "dni_depth(cuts=(0,))")]
)
def test_a_killed_worker_ends_its_run_and_it_goes_on_from_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: str, trainer: str
) -> None:
    monkeypatch.setattr(recording, "CHECKPOINT_SECONDS", 0.0)  # at every mark
    monkeypatch.setattr(recording, "SAVING_SHARE", 1e9)
    crews: list[Any] = []
    start = Crew._start
    monkeypatch.setattr(
        Crew, "_start", lambda self, *given: (start(self, *given), crews.append(self.processes))
    )
    task = f"dots(killed=40, told={str(tmp_path / 'told')!r})"
    again = partial(run, tmp_path, task, trainer=trainer, workers=workers)
    status, found = again()
    killed = float((tmp_path / "told").read_text())
    assert time.time() - killed < 10
    assert status == "failed"
    assert found.end["error"] == (
        "worker 1 was killed by signal 9; run the same command to resume it"
    )
    assert 0 < found.curve[-1]["timesteps"] < 40
    assert [process.is_alive() for process in crews[0]] == [False, False]
    status, found = again()
    assert status == "complete"
    (tmp_path / "other").mkdir()
    _, calm = run(tmp_path / "other", task, trainer=trainer, workers=workers)
    lines = Store(tmp_path).text(found.spec).splitlines()
    assert sum('"resumed"' in line for line in lines) == 1
    for a, b in zip(found.validation, calm.validation, strict=True):
        assert (a["timesteps"], a["bits"]) == (b["timesteps"], b["bits"])
    assert len(crews) == 3


def test_a_worker_that_raises_says_why(tmp_path: Path) -> None:
    status, found = run(tmp_path, "dots(raises=20)", workers="ddp")
    assert (status, found.end["error"]) == ("failed", "worker 1: RuntimeError: no more dots")
    assert any("dots.py" in line for line in found.end["traceback"])


BAD = {
    "a cut that is not there": (
        "bptt", "gpipe(cuts=(7,))", "the model can be cut after stages 0 to 1, not 7"),
    "one that the trainer has not": (
        "dni_depth(cuts=(5,))", "decoupled", "the model can be cut after stages 0 to 1, not 5"),
    "more workers than stages": (
        "bptt", "gpipe(processes=4)", "4 workers are more than the model's 3 stages"),
    "more workers than blocks": (
        "dni_depth(cuts=(0,))", "decoupled(processes=3)",
        "a block a worker: 3 workers, but the trainer's cuts make 2 blocks"),
    "too few cuts": ("bptt", "gpipe(processes=3, cuts=(0,))", "3 workers need 2 cuts, got 1"),
    "a batch that cannot be shared": ("bptt", "ddp(processes=5)",
                                      "batch 12 cannot be shared by 5 workers"),
    "microbatches": ("bptt", "gpipe(microbatches=5)", "batch 12 cannot be cut into 5 microbatches"),
    "no backpropagation": ("dni_depth", "ddp", "it needs trainer bptt, got dni_depth"),
    "no synthesisers": ("bptt", "decoupled",
                        "it needs trainer dni_depth or dni_unlocked, got bptt"),
    "an unknown mode": ("bptt", "dpd", "no mode 'dpd'; there are: ddp,"),
    "no processes": ("bptt", "ddp(processes=0)", "processes must be at least 1, got 0"),
    "an unknown option": ("bptt", "ddp(queue=2)", "no option for mode 'ddp' named 'queue'"),
    "a warm-up": ("dni_depth(cuts=(0,), warmup=3)", "decoupled", "it has no warmup"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_shared_is_refused_in_one_line(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer, workers, said = BAD[what]
    model = "mlp(layers=2, hidden=4)"
    hold_refused(capsys, tmp_path, "dots", trainer, said, "--model", model, "--workers", workers)


@pytest.mark.parametrize(
    ("task", "said", "more"),
    [
        ("plain_copy(bits=2)", "they need episodes of one timestep", ["--model", "lstm(hidden=4)"]),
        ("dots", "probe must be 0 on workers", ["--model", "mlp", "--probe", "3"]),
        ("dots", "engine 'eager' alone", ["--model", "mlp", "--engine", "compiled"]),
        ("dots", "the model has one stage, and cannot be cut",
         ["--model", "feed_forward(depth=0)", "--workers", "gpipe(cuts=(0,))"]),
    ],
)  # fmt: skip
def test_runs_that_workers_cannot_have(
    task: str, said: str, more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hold_refused(capsys, tmp_path, task, "bptt", said, "--workers", "ddp", *more)


def test_workers_run_eagerly_where_the_engine_is_free() -> None:
    """As in a suite that names none."""
    spec = RunSpec(
        task="images(data='digits')", model="mlp(layers=2, hidden=4)", trainer="bptt", batch=2,
        workers="ddp(processes=2)",
    )  # fmt: skip
    with closing(begun(spec, Registry(), Conditions(engine="auto"))) as run:
        assert isinstance(run, Crew)


DRY = '''
"""Digits, for processes that do without subnormal numbers."""

import torch

from tasks.images import Images


class Dry(Images):
    """As images."""

    def episodes(self, *given):
        assert torch.full((), 1e-38) / 100 == 0, "subnormal numbers are slow"
        yield from super().episodes(*given)
'''


def test_workers_count_subnormal_numbers_as_0(tmp_path: Path) -> None:
    (tmp_path / "dry.py").write_text(DRY, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main([
            "run", "dry", "bptt", "--model", "mlp(layers=2, hidden=4)", "--batch", "12",
            "--timesteps", "20", "--workers", "ddp(processes=2)",
            "--plugin", str(tmp_path / "dry.py"), "--results", str(tmp_path / "results"),
        ])  # fmt: skip
    assert ended.value.code == 0


def hold_refused(
    capsys: pytest.CaptureFixture[str], results: Path, task: str, trainer: str, said: str,
    *more: str,
) -> None:  # fmt: skip
    toys = [str(DOTS), str(DOTS.with_name("feed_forward.py"))]
    with pytest.raises(SystemExit) as ended:
        main([
            "run", task, trainer, "--batch", "12", "--timesteps", "20", "--results", str(results),
            *(word for toy in toys for word in ("--plugin", toy)), *more,
        ])  # fmt: skip
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
