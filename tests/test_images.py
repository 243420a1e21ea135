"""Images: which are shown when, how answers are weighed, and where the files come from."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pooch
import pytest
import torch
from torch import nn

from harness.__main__ import main
from harness.episode import Episode
from harness.model import Model, Stage, Stateless
from harness.registry import Registry
from harness.runs import checkpoint
from harness.runs.evaluate import evaluate
from harness.runs.run import Run
from harness.spec import RunSpec
from tasks import _pictures, images
from tasks._pictures import Pictures, Split

DIGITS_SHA256 = "c48f3975112244f5db32b5b0d5cd5fef288d4f67f7e83cdb7faa54da247bbc02"
PLUGINS = [Path(__file__).with_name("toys") / "normed.py"]


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numbered(first: int, count: int) -> Split:
    """Images of four pixels that all hold the image's number."""
    numbers = torch.arange(first, first + count)
    return Split(numbers.to(torch.uint8).unsqueeze(1).repeat(1, 4), numbers % 10)


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> images.Images:
    """Images 0 to 9 to train on, 20 to 26 to validate, 40 to 44 to test; three at a time."""
    few = Pictures(numbered(0, 10), numbered(20, 7), numbered(40, 5), "numbered")
    monkeypatch.setattr(_pictures, "load", lambda _: few)
    monkeypatch.setattr(images, "EVALUATED", 3)
    return images.Images()


def numbers(task: images.Images, episode: Episode) -> list[int]:
    mean, deviation = task.pictures.scale
    found: list[int] = (episode.x * deviation + mean).round().int()[0, :, 0].tolist()
    assert episode.y[0].tolist() == [number % 10 for number in found]
    return found


def test_an_epoch_shows_each_training_image_once_in_an_order_of_its_own(
    task: images.Images,
) -> None:
    shown = [numbers(task, episode) for episode in islice(task.episodes(5, rng(), 1), 20)]
    epochs = [[*a, *b] for a, b in zip(shown[::2], shown[1::2], strict=True)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len(set(map(tuple, epochs))) == 10


def test_what_does_not_fill_a_batch_is_left_out_of_its_epoch_alone(task: images.Images) -> None:
    shown = [numbers(task, episode) for episode in islice(task.episodes(4, rng(), 1), 40)]
    for a, b in zip(shown[::2], shown[1::2], strict=True):
        assert len({*a, *b}) == 8
    assert {number for each in shown for number in each} == set(range(10))


def test_an_episode_is_one_timestep_that_starts_fresh_and_ends(task: images.Images) -> None:
    for episode in islice(task.episodes(4, rng(), 3), 5):
        assert episode.x.shape == (1, 4, 4)
        assert (episode.fresh, episode.final, episode.length) == (True, True, 1)
        assert torch.equal(episode.weight, torch.full((1, 4), 0.25))


@pytest.mark.parametrize("drawn", [3, 5, 6])
def test_restored_within_an_epoch_or_at_its_end_it_goes_on(task: images.Images, drawn: int) -> None:
    generator = rng()
    supply = task.episodes(3, generator, 1)
    for _ in range(drawn):
        next(supply)
    restored, other = images.Images(), torch.Generator()
    restored.load_state_dict(task.state_dict())
    other.set_state(generator.get_state())
    resumed = restored.episodes(3, other, 1)
    for _ in range(12):
        assert torch.equal(next(supply).x, next(resumed).x)


def test_validation_and_test_are_read_whole_in_order_each_image_alike(task: images.Images) -> None:
    for found, expected in ((task.validation(4), range(20, 27)), (task.test(4), range(40, 45))):
        episodes = list(found)
        assert [n for each in episodes for n in numbers(task, each)] == list(expected)
        weights = torch.cat([each.weight.flatten() for each in episodes])
        assert torch.equal(weights, torch.full((len(expected),), 1 / len(expected)))


class Always(Model):
    """The same answer whatever is shown."""

    def __init__(self, answer: int) -> None:
        super().__init__(4, 10)
        self.body = nn.Linear(4, 10)
        nn.init.zeros_(self.body.weight)
        self.body.bias.data = 50.0 * torch.nn.functional.one_hot(torch.tensor(answer), 10)

    def stages(self) -> list[Stage]:
        return [Stateless(4, 10, self.body)]


def test_accuracy_is_the_share_of_right_answers(task: images.Images) -> None:
    """Image 26 is alone in the last batch: it counts as much as any other."""
    assert evaluate(Always(6), task, task.validation(4))["accuracy"] == pytest.approx(1 / 7)
    assert evaluate(Always(0), task, task.validation(4))["accuracy"] == pytest.approx(1 / 7)
    assert evaluate(Always(7), task, task.validation(4))["accuracy"] == 0
    assert evaluate(Always(0), task, task.test(4))["accuracy"] == pytest.approx(1 / 5)


def test_all_splits_are_standardised_by_the_training_pixels(registry: Registry) -> None:
    task: images.Images = registry.make("task", "images")
    train = torch.cat([e.x for e in islice(task.episodes(1200, rng(), 1), 1)])
    assert train.mean().item() == pytest.approx(0, abs=1e-5)
    assert train.std().item() == pytest.approx(1, abs=1e-4)
    mean, deviation = task.pictures.scale
    shown = torch.cat([e.x for e in task.validation(1)], 1)[0]
    again = (task.pictures.validation.pixels - mean) / deviation
    torch.testing.assert_close(shown, again.float())


def test_digits_are_in_one_split_each_and_the_splits_are_fixed(registry: Registry) -> None:
    from sklearn.datasets import load_digits

    task: images.Images = registry.make("task", "images")
    splits = [task.pictures.train, task.pictures.validation, task.pictures.test]
    assert list(map(len, splits)) == [1200, 297, 300]
    ours = np.concatenate([np.c_[s.pixels.numpy(), s.classes.numpy()] for s in splits])
    whole = load_digits()
    theirs = np.c_[whole.data, whole.target]
    assert sorted(map(tuple, ours.tolist())) == sorted(map(tuple, theirs.astype(int).tolist()))
    assert all(len(s.classes.unique()) == 10 for s in splits)
    assert task.provenance()["data_sha256"] == DIGITS_SHA256


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main([*arguments])
    assert isinstance(stop.value.code, int)
    return stop.value.code


def test_a_run_is_recorded_with_its_accuracy_and_its_data(tmp_path: Path) -> None:
    asked = ["run", "images", "bptt", "--model", "normed", "--plugin", str(PLUGINS[0])]
    folder = ["--results", str(tmp_path / "r"), "--jobs", "1"]
    assert call(*asked, "--timesteps", "150", "--optimiser", "sgd", "--lr", "0.1", *folder) == 0
    assert call("export", "--results", str(tmp_path / "r"), "--out", str(tmp_path / "t.csv")) == 0
    (path,) = (tmp_path / "r" / "runs").glob("*.jsonl")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert rows[0]["data_sha256"] == DIGITS_SHA256
    assert rows[-1]["status"] == "complete"
    assert 0.9 < rows[-1]["test_accuracy"] <= 1
    table = (tmp_path / "t.csv").read_text(encoding="utf-8")
    assert "test_accuracy,share of images" in table
    assert "digits," + DIGITS_SHA256 in table


@pytest.mark.parametrize("at", [20, 37, 50])
def test_a_run_resumed_within_an_epoch_is_the_same_bit_for_bit(at: int, tmp_path: Path) -> None:
    spec = RunSpec(task="images", trainer="bptt", model="normed", timesteps=80)  # 37 an epoch
    registry, path = Registry(PLUGINS), tmp_path / "state.pt"
    whole, bits = Run(spec, registry), {}
    for kind, row in whole.train():
        if kind == "episode":
            bits[row["timesteps"]] = row["bits"]
            if row["timesteps"] == at:
                checkpoint.save(path, spec.id, whole.state_dict())
    resumed, state = Run(spec, registry), checkpoint.load(path, spec.id)
    assert state is not None
    resumed.load_state_dict(state)
    again = {r["timesteps"]: r["bits"] for kind, r in resumed.train() if kind == "episode"}
    assert again == {step: value for step, value in bits.items() if step > at}
    assert resumed.summary()["test_accuracy"] == whole.summary()["test_accuracy"]


def test_a_batch_larger_than_the_training_set_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["run", "images", "bptt", "--model", "mlp", "--results", str(tmp_path / "r")]
    assert call(*asked, "--batch", "1201") == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line == "sgbench: digits: 1200 training images are too few for a batch of 1201"
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("task", "model", "said"),
    [
        ("images", "lstm", "nothing is carried over an episode of one timestep; take mlp"),
        ("plain_copy", "mlp", "it carries nothing from one timestep to the next"),
        ("repeat_copy", "cnn", "it carries nothing from one timestep to the next"),
    ],
)
def test_a_model_that_does_not_suit_the_task_is_one_line(
    task: str, model: str, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call("run", task, "bptt", "--model", model, "--results", str(tmp_path / "r")) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line == f"sgbench: model {model} does not suit task {task}: {said}"


def test_a_run_whose_options_are_numbers_in_brackets_is_found_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["run", "images", "dni_depth(cuts=(0, 2))", "--model", "mlp(hidden=8)",
             "--timesteps", "4", "--results", str(tmp_path)]  # fmt: skip
    assert call(*asked) == 0
    assert call(*asked) == 0
    assert "1 run: 0 new, 1 already recorded" in capfd.readouterr().out


def idx(array: np.ndarray) -> bytes:
    """An idx file of bytes: two zeros, the kind, the axes, their lengths, the values."""
    lengths = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + lengths + array.astype(np.uint8).tobytes()


@pytest.fixture
def mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Files like MNIST's: 12 images to train on, of which 5 validate, and 4 to test."""
    pixels, tested = np.arange(12 * 6).reshape(12, 2, 3), np.arange(4 * 6).reshape(4, 2, 3) + 100
    arrays = pixels, np.arange(12) % 10, tested, np.arange(4)
    sums = {}
    for name, array in zip(_pictures.MNIST, arrays, strict=True):
        raw = idx(array)
        sums[name] = hashlib.sha256(raw).hexdigest()
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(raw))
    monkeypatch.setattr(_pictures, "MNIST", sums)
    monkeypatch.setattr(_pictures, "MNIST_VALIDATION", 5)
    monkeypatch.setenv("SGBENCH_DATA", str(tmp_path))
    _pictures.load.cache_clear()
    yield tmp_path
    _pictures.load.cache_clear()


def test_mnist_is_read_from_a_folder_and_its_last_training_images_validate(mnist: Path) -> None:
    found = _pictures.load("mnist")
    assert torch.equal(found.train.pixels, torch.arange(7 * 6, dtype=torch.uint8).view(7, 6))
    assert found.validation.pixels[:, 0].tolist() == [42, 48, 54, 60, 66]
    assert found.validation.classes.tolist() == [7, 8, 9, 0, 1]
    assert found.test.pixels[:, 0].tolist() == [100, 106, 112, 118]
    assert found.test.classes.tolist() == [0, 1, 2, 3]
    assert _pictures.load("mnist") is found, "read once a process"


def test_another_packing_of_the_same_bytes_is_accepted(mnist: Path) -> None:
    for path in mnist.glob("*.gz"):
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 1, mtime=7))
    assert len(_pictures.load("mnist").train) == 7


@pytest.mark.parametrize("name", list(_pictures.MNIST))
@pytest.mark.parametrize("how", ["other", "cut", "no archive"])
def test_a_damaged_file_is_named(mnist: Path, name: str, how: str) -> None:
    path = mnist / f"{name}.gz"
    packed = path.read_bytes()
    raw = gzip.decompress(packed)
    damaged = {"other": gzip.compress(raw[:-1] + b"\xff"), "cut": packed[:-9], "no archive": raw}
    path.write_bytes(damaged[how])
    with pytest.raises(ValueError, match=rf"^{path} is damaged: .*$"):
        _pictures.load("mnist")
    assert path.exists(), "it is the user's"


def test_a_damaged_download_is_dropped(mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SGBENCH_DATA")
    monkeypatch.setattr(pooch, "os_cache", lambda _: mnist)
    path = mnist / f"{next(iter(_pictures.MNIST))}.gz"
    monkeypatch.setattr(pooch.core.Pooch, "fetch", lambda _, file: str(mnist / file))
    path.write_bytes(b"<html>")
    with pytest.raises(ValueError, match="damaged"):
        _pictures.load("mnist")
    assert not path.exists()
    assert len(list(mnist.glob("*.gz"))) == 3


def test_absent_files_offline_are_one_line_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise ConnectionError("offline")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pooch.core.Pooch, "fetch", offline)
    _pictures.load.cache_clear()
    assert call("run", "images(data='mnist')", "bptt") == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert ": mnist cannot be downloaded (ConnectionError); put train-images-" in line
    assert "t10k-labels-idx1-ubyte.gz into a folder" in line
    assert "--data or SGBENCH_DATA" in line
    assert not list(tmp_path.iterdir())


def test_other_data_are_refused(registry: Registry) -> None:
    with pytest.raises(ValueError, match="'digits' or 'mnist', got 'cifar'"):
        registry.make("task", "images(data='cifar')")
