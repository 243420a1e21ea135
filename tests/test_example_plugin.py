"""A package with a trainer, as somebody else would write it: installed, listed, run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from harness.store import Store
from tests.conftest import excite, flat_gradient, make_model, make_trainer, random_episode
from tests.conftest import squared_error as loss_of
from tests.example_plugin.sgbench_faded import Faded

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the package is installed into, out of a copy: building writes beside it."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder.with_name("source")
    shutil.copytree(ROOT / "tests" / "example_plugin", source)
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *offline, "--target", folder, source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def sgbench(installed: Path | None, folder: Path, *arguments: str) -> str:
    """What a command prints, in a process that finds the package, or none."""
    path = [str(each) for each in (installed, ROOT) if each]
    path += filter(None, [os.environ.get("PYTHONPATH")])
    done = subprocess.run(
        [sys.executable, "-m", "harness", *arguments], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_installed_trainer_is_listed_and_stands_in_the_table(
    installed: Path, tmp_path: Path
) -> None:
    listed = sgbench(installed, tmp_path, "list")
    assert re.search(
        r"^  faded +Full backpropagation that fades.*\n +T=4, scale=0.5$", listed, re.M
    )
    assert "  faded " not in sgbench(None, tmp_path, "list")
    asked = ["run", "plain_copy(bits=2)", "tbptt(T=3)", "faded(T=3)", "--timesteps", "40"]
    small = ["--model", "lstm(hidden=4)", "--batch", "2", "--jobs", "1"]  # in a worker, too
    printed = sgbench(installed, tmp_path, *asked, *small, "--results", "results")
    assert [s for s in printed.splitlines() if s.startswith("faded(T=3)")], printed
    records = Store(tmp_path / "results").records()
    assert [(r.spec.trainer, r.status) for r in records] == [
        ("faded(T=3)", "complete"), ("tbptt(T=3)", "complete"),
    ]  # fmt: skip
    # another version of it is not passed off as the one that made the record
    module = installed / "sgbench_faded.py"
    module.write_text(module.read_text() + "# changed\n")
    with pytest.raises(AssertionError, match="is recorded with another sgbench_faded"):
        sgbench(installed, tmp_path, *asked, *small, "--results", "results")


@pytest.mark.parametrize(("scale", "same"), [(1.0, "bptt"), (0.0, "tbptt(T=3)")])
def test_it_lies_between_truncation_and_the_whole(scale: float, same: str) -> None:
    model, episode = make_model(), random_episode(dtype=torch.float64)
    excite(model)
    list(Faded(model, loss_of, T=3, scale=scale).gradients(episode))
    found = flat_gradient(model)
    model.zero_grad()
    list(make_trainer(same, model).gradients(episode))  # adds up over the windows
    torch.testing.assert_close(found, flat_gradient(model))


def test_the_equation_written_out_from_the_last_window_back() -> None:
    model, episode, s = make_model(), random_episode(dtype=torch.float64), 0.5
    excite(model)
    list(Faded(model, loss_of, T=3, scale=s).gradients(episode))
    found = flat_gradient(model)
    model.zero_grad()
    entering, parts = model.initial_state(episode.batch), []
    for window in episode.windows(3):
        h = entering.detach().requires_grad_()
        outputs, leaving = model(window.x, h)
        parts.append((h, loss_of(outputs, window), leaving))
        entering = leaving
    beyond = torch.zeros_like(entering)
    for h, loss, leaving in reversed(parts):
        (loss + s * (beyond * leaving).sum()).backward()
        assert h.grad is not None
        beyond = h.grad
    torch.testing.assert_close(found, flat_gradient(model))
