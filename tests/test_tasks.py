"""What the tasks present, how levels advance, and that data depend on the seed alone."""

from __future__ import annotations

import copy
import hashlib
import math
import random
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from harness.episode import Episode
from harness.registry import Registry
from harness.runs.evaluate import evaluate
from harness.task import Task
from tasks import _stream

COPY_TASKS = ["plain_copy", "repeat_copy"]
ALL_TASKS = ["plain_copy", "plain_copy(protocol='reset')", "repeat_copy", "char_lm", "images"]


def make(registry: Registry, text: str) -> Task:
    task: Task = registry.make("task", text)
    return task


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def stream(task: Task, batch: int, multiple: int, timesteps: int) -> Episode:
    """The first stretches of a stream, put together again."""
    parts: list[Episode] = []
    supply = task.episodes(batch, rng(), multiple)
    while sum(part.length for part in parts) < timesteps:
        parts.append(next(supply))
    x, y, scored = (
        torch.cat([getattr(part, name) for part in parts])[:timesteps]
        for name in ("x", "y", "weight")
    )
    return Episode(x, y, (scored > 0).float())


def test_what_a_stream_is_saved_as_does_not_change(registry: Registry) -> None:
    task = make(registry, "plain_copy(bits=2)")
    supply = task.episodes(3, rng(), 4)
    next(supply)
    state = task.state_dict()
    before = copy.deepcopy(state)
    for _ in range(5):
        next(supply)
    for held, then in zip(state["stream"][0], before["stream"][0], strict=True):
        assert torch.equal(held, then)
    assert len(held) == state["stream"][1].max(), "and holds no more than is filled"


def test_plain_copy_asks_for_the_symbols_after_the_delimiter(registry: Registry) -> None:
    task = make(registry, "plain_copy(bits=5, protocol='reset', start=4)")
    episode = next(task.episodes(6, rng(), 1))
    assert episode.x.shape == (9, 6, 6)
    assert torch.equal(episode.x[:4, :, :5], episode.y[5:])
    assert torch.equal(episode.x[4], torch.tensor([0, 0, 0, 0, 0, 1.0]).expand(6, 6))
    assert not episode.x[5:].any()
    assert not episode.y[:5].any()
    assert torch.equal(episode.weight[5:], torch.full((4, 6), 1 / 24))
    assert not episode.weight[:5].any()
    assert episode.fresh
    assert episode.final


def test_repeat_copy_asks_for_the_symbols_r_times_and_a_stop(registry: Registry) -> None:
    task = make(registry, "repeat_copy(bits=5, protocol='reset', start=3)")
    episode = next(task.episodes(6, rng(), 1))
    assert episode.length == 3 + 9 + 2
    for repeat in range(3):
        said = episode.y[4 + 3 * repeat : 7 + 3 * repeat]
        assert torch.equal(said[..., :5], episode.x[:3, :, :5])
        assert not said[..., 5].any()
    assert torch.equal(episode.y[-1], torch.tensor([0, 0, 0, 0, 0, 1.0]).expand(6, 6))
    assert torch.equal(episode.x[3], torch.tensor([0, 0, 0, 0, 0, 0.3]).expand(6, 6))
    assert (episode.weight > 0).sum().item() == 6 * 10


@pytest.mark.parametrize("text", COPY_TASKS)
@pytest.mark.parametrize("multiple", [1, 2, 3, 7])
def test_a_stream_is_the_same_however_it_is_cut(
    text: str, multiple: int, registry: Registry
) -> None:
    one = stream(make(registry, text + "(start=3)"), 8, 1, 200)
    cut = stream(make(registry, text + "(start=3)"), 8, multiple, 200)
    supply = make(registry, text).episodes(8, rng(), multiple)
    assert {episode.length % multiple for episode in islice(supply, 5)} == {0}
    assert torch.equal(one.x, cut.x)
    assert torch.equal(one.y, cut.y)
    assert torch.equal(one.weight, cut.weight)


@pytest.mark.parametrize("text", ["plain_copy(bits=4)", "repeat_copy(protocol='in_phase')"])
@pytest.mark.parametrize("multiple", [1, 3])
def test_a_stream_is_the_same_drawn_ahead_or_one_episode_at_a_time(
    text: str, multiple: int, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over new levels, and where its state is saved in between: numbers, queues, generator."""

    def told() -> list[Tensor]:
        task, generator, found = make(registry, text), rng(), list[Tensor]()
        supply = task.episodes(4, generator, multiple)
        for number in range(120):
            episode = next(supply)
            found += [episode.x, episode.y, episode.weight]
            if number % 25 == 7:
                queue, have, _, _ = task.state_dict()["stream"]
                found += [*queue, have, generator.get_state()]
            task.observe(0.0)
        assert task.progress()["level_n"] > 1
        return found

    ahead = told()
    monkeypatch.setattr(_stream, "AHEAD", 1)
    for one, other in zip(ahead, told(), strict=True):
        assert torch.equal(one, other)


def read_plain_copy(x: Tensor, y: Tensor, scored: Tensor, n: int) -> int:
    """Follow one row of a plain_copy stream; return how many whole episodes it holds."""
    bits = y.shape[1]
    delimiters = [t for t in range(len(x)) if x[t, bits] == 1]
    whole = [t for t in delimiters if t >= n and t + n < len(x)]
    for t in whole:
        assert torch.equal(x[t - n : t, :bits], y[t + 1 : t + 1 + n])
        assert scored[t + 1 : t + 1 + n].all()
        assert not scored[t - n : t + 1].any()
    assert {b - a for a, b in pairwise(delimiters)} == {2 * n + 1}
    return len(whole)


@pytest.mark.parametrize("multiple", [1, 3, 4])
def test_every_row_of_a_stream_is_episode_after_episode(multiple: int, registry: Registry) -> None:
    found = stream(make(registry, "plain_copy(start=3)"), 16, multiple, 100)
    starts = set()
    for row in range(16):
        x, y, scored = found.x[:, row], found.y[:, row], found.weight[:, row]
        assert read_plain_copy(x, y, scored, 3) >= 12
        starts.add(next(t for t in range(100) if x[t, 8] == 1))
    assert len(starts) > 3, "rows are in phase"


def test_rows_stay_out_of_phase_when_the_level_rises(registry: Registry) -> None:
    task = make(registry, "plain_copy(average=1)")
    supply = task.episodes(64, rng(), 1)
    while task.progress()["level_n"] < 9:
        next(supply)
        task.observe(0.0)
    for _ in range(4):
        episode = next(supply)
    assert episode.length == 21
    scored = (episode.weight > 0).sum(1)
    assert 0 < scored.min() <= scored.max() < 64, "all rows are asked at once"


def test_a_stream_carries_and_never_ends_and_a_reset_does_not(registry: Registry) -> None:
    for text, fresh in (("plain_copy", False), ("plain_copy(protocol='reset')", True)):
        for episode in islice(make(registry, text).episodes(2, rng(), 1), 3):
            assert (episode.fresh, episode.final) == (fresh, fresh)


@pytest.mark.parametrize("name", ["plain_copy", "repeat_copy"])
def test_protocols_differ_by_one_thing_from_step_to_step(name: str, registry: Registry) -> None:
    T = 5
    reset, carried, in_phase, stream = (
        [next(supply) for supply in [make(registry, f"{name}(bits=4, protocol={protocol!r})")
         .episodes(16, rng(), T)] for _ in range(3)]
        for protocol in ("reset", "carried", "in_phase", "stream")
    )  # fmt: skip
    for before, after in zip(reset, carried, strict=True):  # the same data
        assert torch.equal(before.x, after.x)
        assert (before.fresh, before.final, after.fresh, after.final) == (True, True, False, False)
    episode = len(carried[0].x)
    assert episode % T, "windows would begin with episodes"
    told, streamed = (torch.cat([e.x for e in each]) for each in (carried, in_phase))
    assert torch.equal(told, streamed[: len(told)])  # the same data, cut elsewhere
    assert len(in_phase[0].x) % T == 0
    alike, apart = (torch.cat([e.weight > 0 for e in each]) for each in (in_phase, stream))
    assert (alike == alike[:, :1]).all()
    assert not (apart == apart[:, :1]).all()


@pytest.mark.parametrize("text", ALL_TASKS)
def test_weights_of_an_episode_and_of_the_validation_set_sum_to_one(
    text: str, registry: Registry
) -> None:
    task = make(registry, text)
    for episode in islice(task.episodes(8, rng(), 3), 5):
        assert episode.weight.sum().item() == pytest.approx(1)
        windows = list(episode.windows(2))
        assert sum(w.weight.sum().item() for w in windows) == pytest.approx(1)
    total = sum(episode.weight.sum().item() for episode in task.validation(8))
    assert total == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("text", ALL_TASKS)
def test_training_data_depend_on_the_seed_alone(text: str, registry: Registry) -> None:
    def first(seed: int) -> list[Tensor]:
        torch.manual_seed(random.randrange(2**31))  # what else is random must not matter
        return [e.x for e in islice(make(registry, text).episodes(8, rng(seed), 2), 6)]

    assert all(torch.equal(a, b) for a, b in zip(first(1), first(1), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first(1), first(2), strict=True))


@pytest.mark.parametrize("text", ALL_TASKS)
def test_validation_is_the_same_on_every_call(text: str, registry: Registry) -> None:
    task = make(registry, text)
    before = list(task.validation(8))
    supply = task.episodes(8, rng(), 1)
    for _ in range(20):
        next(supply)
        task.observe(0.0)
    after = list(task.validation(8))
    assert all(torch.equal(a.x, b.x) for a, b in zip(before, after, strict=True))
    assert all(torch.equal(a.y, b.y) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("text", ALL_TASKS)
def test_a_restored_task_goes_on_with_the_same_data(text: str, registry: Registry) -> None:
    task, generator = make(registry, text), rng()
    supply = task.episodes(4, generator, 3)
    for _ in range(15):
        next(supply)
        task.observe(0.1)
    restored, other = make(registry, text), torch.Generator()
    restored.load_state_dict(task.state_dict())
    other.set_state(generator.get_state())
    resumed = restored.episodes(4, other, 3)
    for _ in range(15):
        assert torch.equal(next(supply).x, next(resumed).x)


def test_a_level_is_solved_when_the_mean_of_the_last_k_is_below_the_threshold(
    registry: Registry,
) -> None:
    # binary fractions: their mean is exact, so that "below" is told from "at"
    task = make(registry, "plain_copy(average=4, threshold=0.25, protocol='reset')")
    assert task.progress() == {"level_n": 0, "level_r": 0, "t_task": 0}
    for bits in (0.125, 0.125, 0.125):
        task.observe(bits)
    assert task.progress()["level_n"] == 0, "three are not four"
    task.observe(0.75)  # mean 0.28125
    assert task.progress()["level_n"] == 0
    task.observe(0.0)  # mean of the last four: 0.25, not below
    assert task.progress()["level_n"] == 0
    task.observe(0.0)
    assert task.progress() == {"level_n": 1, "level_r": 1, "t_task": 4}
    for bits in (0.0, 0.0, 0.0):
        task.observe(bits)
    assert task.progress()["level_n"] == 1, "what counted for one level counts for no other"
    task.observe(0.0)
    assert task.progress() == {"level_n": 2, "level_r": 1, "t_task": 5}


def test_repeat_copy_alternates_r_and_n(registry: Registry) -> None:
    task = make(registry, "repeat_copy(average=1)")
    seen = []
    for _ in range(6):
        task.observe(0.0)
        seen.append(tuple(task.progress().values()))
    assert seen == [(1, 1, 4), (2, 1, 5), (2, 2, 7), (3, 1 + 1, 9), (3, 3, 12), (4, 3, 15)]


def test_char_lm_asks_for_the_next_character(registry: Registry) -> None:
    task = make(registry, "char_lm(length=10)")
    first, second = islice(task.episodes(4, rng(), 1), 2)
    assert torch.equal(first.x[1:], first.y[:-1])
    assert torch.equal(first.y[-1], second.x[0])


@pytest.mark.parametrize("text", ["plain_copy(bits=3)", "repeat_copy(bits=3)", "char_lm", "images"])
def test_a_network_that_knows_nothing_scores_the_entropy(text: str, registry: Registry) -> None:
    task = make(registry, text)
    model = registry.make("model", "lstm(hidden=4)", task.d_in, task.d_out)
    torch.nn.init.zeros_(model.readout.body.weight)
    torch.nn.init.zeros_(model.readout.body.bias)
    expected = math.log2(task.d_out) if text in ("char_lm", "images") else 1.0
    assert evaluate(model, task, task.validation(8))["bits"] == pytest.approx(expected, abs=1e-3)


def test_a_text_file_is_split_by_the_stated_rule(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "some text.txt"
    path.write_text("abcdefghij" * 200, encoding="utf-8")
    task = make(registry, f"char_lm(corpus={str(path)!r})")
    assert task.d_in == 10
    assert sum(e.weight.gt(0).sum().item() for e in task.validation(1)) == 99
    provenance = task.provenance()
    assert provenance["corpus_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "90 %" in provenance["convention"]


def test_pydoc_states_its_checksum(registry: Registry) -> None:
    from pydoc_data import topics

    expected = hashlib.sha256(Path(topics.__file__).read_bytes()).hexdigest()
    assert make(registry, "char_lm").provenance()["corpus_sha256"] == expected


def test_a_named_corpus_is_read_from_a_folder_and_its_checksum_is_held(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import _corpus

    lines = {"ptb.train.txt": " a b \n c \n", "ptb.valid.txt": " d \n", "ptb.test.txt": " ab \n"}
    files = {}
    for name, text in lines.items():
        (tmp_path / name).write_text(text * 40, encoding="utf-8")
        files[name] = ("", hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    source = _corpus.SOURCES["ptb"]
    monkeypatch.setitem(
        _corpus.SOURCES, "ptb", _corpus.Source(files, source.read, source.convention)
    )
    monkeypatch.setenv("SGBENCH_DATA", str(tmp_path))
    _corpus.load.cache_clear()
    corpus = _corpus.load("ptb")
    _corpus.load.cache_clear()
    assert len(corpus.train) == 40 * len("a b\nc\n")
    assert len(corpus.validation) == 40 * len("d\n")
    assert "stripped" in corpus.convention
    (tmp_path / "ptb.test.txt").write_text("something else", encoding="utf-8")
    with pytest.raises(ValueError, match="damaged"):
        _corpus.load("ptb")


def test_a_stretch_in_which_nothing_is_asked_solves_no_level(registry: Registry) -> None:
    """With few rows a stretch can be silent: its loss is zero, and that is no success."""
    from harness.runs.run import Run
    from harness.spec import RunSpec

    spec = RunSpec(
        task="plain_copy(average=1, start=40)", trainer="tbptt(T=2)", model="lstm(hidden=2)",
        batch=1, timesteps=400,
    )  # fmt: skip
    for seed in range(5):
        run = Run(replace(spec, seed=seed), registry)
        assert [row["level_n"] for kind, row in run.train() if kind == "curve"][-1] == 0


@pytest.mark.parametrize("multiple", [1, 3, 20])
def test_a_level_is_judged_on_its_own_episodes_and_as_many_for_every_t(
    multiple: int, registry: Registry
) -> None:
    """A row that is still asked at the level before keeps the stretch from counting."""
    task = make(registry, "plain_copy(bits=2, average=4)")
    supply = task.episodes(16, rng(), multiple)
    heard: dict[int, int] = {}  # timesteps that counted, by N
    for _ in range(200):
        solved = task.progress()["level_n"]
        episode = next(supply)
        n = solved + 1
        # at level N a row is asked N times in a row, in every 2N + 1 timesteps
        longest = max(longest_run(episode.weight[:, row] > 0) for row in range(16))
        asked_before = shown_in_full(episode, n - 1) if n > 1 else False
        task.observe(0.0)
        if task.progress()["level_n"] > solved or task._worth:  # type: ignore[attr-defined]
            heard[n] = heard.get(n, 0) + episode.length
            assert longest <= n
            assert not asked_before, "an episode of the level before was judged"
        if n == 12:
            break
    assert len(heard) >= 10
    for n, timesteps in heard.items():
        if n < 12:
            stretch = -(-(2 * n + 1) // multiple) * multiple
            assert 4 * (2 * n + 1) <= timesteps < 4 * (2 * n + 1) + stretch


def longest_run(asked: Tensor) -> int:
    best = run = 0
    for value in asked.tolist():
        run = run + 1 if value else 0
        best = max(best, run)
    return best


def shown_in_full(episode: Episode, n: int) -> bool:
    """Whether some row holds a delimiter and, within the stretch, just n answers after it."""
    for row in range(episode.batch):
        asked = (episode.weight[:, row] > 0).tolist()
        for t in (episode.x[:, row, -1] == 1).nonzero().flatten().tolist():
            end = t + 1
            while end < episode.length and asked[end]:
                end += 1
            if end < episode.length and end - t - 1 == n:
                return True
    return False


def test_validation_does_not_depend_on_any_seed(registry: Registry) -> None:
    for text in ALL_TASKS:
        found = []
        for seed in (1, 2):
            torch.manual_seed(seed)
            found.append(list(make(registry, text).validation(8)))
        assert all(torch.equal(a.x, b.x) for a, b in zip(*found, strict=True)), text


def test_the_three_splits_do_not_overlap(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "three.txt"
    path.write_text("a" * 900 + "b" * 50 + "c" * 50, encoding="utf-8")
    task = make(registry, f"char_lm(corpus={str(path)!r}, length=64)")
    seen = torch.cat([e.x for e in islice(task.episodes(2, rng(), 1), 40)])
    assert seen.unique().tolist() == [0]
    assert {int(i) for e in task.validation(2) for i in e.x.unique()} == {1}
    assert {int(i) for e in task.test(2) for i in e.x.unique()} == {2}
