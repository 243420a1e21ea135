"""What TensorBoard reads of a run: written live, whole after a kill, and not twice."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.registry import Registry
from harness.runs import scalars
from harness.runs.run import Run
from harness.runs.scalars import Scalars, subfolder
from harness.spec import RunSpec
from harness.store import RecordingError, Row

SPEC = RunSpec(
    task="plain_copy(bits=2, start=4)", trainer="dni(T=3)", model="lstm(hidden=4)", batch=2,
    timesteps=120, probe=5,
)  # fmt: skip

needs_tensorboard = pytest.mark.skipif(
    find_spec("tensorboard") is None, reason="TensorBoard is not installed"
)


def read(folder: Path, tag: str) -> list[tuple[int, float]]:
    """(timesteps, value) as TensorBoard would draw them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def tags(folder: Path) -> set[str]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return set(EventAccumulator(str(folder)).Reload().Tags()["scalars"])


def curve(timesteps: int, bits: float | None) -> Row:
    return {"timesteps": timesteps, "updates": timesteps // 3, "seconds": 0.5, "flops": 10**9,
            "bits": bits}  # fmt: skip


@needs_tensorboard
def test_every_row_of_a_run_is_read_back_at_its_timesteps(
    tmp_path: Path, registry: Registry
) -> None:
    run = Run(SPEC, registry)
    rows: dict[str, list[Row]] = {"curve": [], "validation": [], "probe": []}
    with Scalars(tmp_path, SPEC) as shown:
        shown.append("run", {"id": SPEC.id})
        for kind, row in run.train():
            if kind != "episode":  # which is not for the record
                rows[kind].append(row)
                shown.append(kind, row)
        end = {"status": "complete", "error": None, **run.summary()}
        shown.append("end", end)
    folder = tmp_path / subfolder(SPEC)
    for kind, tag, name in (
        ("curve", "train/bits", "bits"),
        ("curve", "train/level_n", "level_n"),
        ("curve", "cost/seconds", "seconds"),
        ("curve", "cost/flops", "flops"),
        ("curve", "cost/updates", "updates"),
        ("validation", "validation/bits", "bits"),
        ("probe", "probe/cosine", "cosine"),
    ):
        expected = [(r["timesteps"], r[name]) for r in rows[kind] if r[name] is not None]
        assert expected
        found = read(folder, tag)
        assert [step for step, _ in found] == [step for step, _ in expected]
        assert [v for _, v in found] == pytest.approx([v for _, v in expected], rel=1e-6)
    assert read(folder, "cost/activation_bytes") == [
        (rows["curve"][-1]["timesteps"], end["activation_bytes"])
    ]
    cosines = [r["boundary_cosine"] for r in rows["probe"] if r["boundary_cosine"]]
    assert [value for _, value in read(folder, "probe/boundary_cosine")] == pytest.approx(
        [sum(each) / len(each) for each in cosines], rel=1e-5, abs=1e-7
    )


@needs_tensorboard
def test_a_row_is_there_as_soon_as_it_is_appended(tmp_path: Path) -> None:
    shown = Scalars(tmp_path, SPEC)
    assert not list(tmp_path.iterdir()), "a run that is found finished leaves no folder"
    shown.append("run", {})
    for timesteps in (10, 20, 30):
        shown.append("curve", curve(timesteps, 1 / timesteps))
        assert read(shown.folder, "train/bits")[-1][0] == timesteps
    shown.close()


@needs_tensorboard
def test_what_was_shown_survives_a_kill(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from harness.runs.scalars import Scalars; "
        "from tests.test_scalars import SPEC, curve\n"
        "shown = Scalars(sys.argv[1], SPEC); shown.append('run', {})\n"
        "for at in (10, 20): shown.append('curve', curve(at, 0.5))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).resolve().parent.parent
    path = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path}, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    assert read(tmp_path / subfolder(SPEC), "train/bits") == [(10, 0.5), (20, 0.5)]


@needs_tensorboard
def test_a_resumed_run_hides_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    first = Scalars(tmp_path, SPEC)
    first.append("run", {})
    for timesteps in (10, 20, 30, 40):
        first.append("curve", curve(timesteps, 1.0))
    # killed: never closed
    with Scalars(tmp_path, SPEC) as second:
        second.append("resumed", {"timesteps": 20})
        for timesteps in (30, 40, 50):
            second.append("curve", curve(timesteps, 2.0))
    first.close()
    expected = [(10, 1.0), (20, 1.0), (30, 2.0), (40, 2.0), (50, 2.0)]
    assert read(second.folder, "train/bits") == expected
    seconds = [path.name.split(".")[3] for path in second.folder.iterdir()]
    assert len(set(seconds)) == 2, "within a second TensorBoard may read the second file first"


@needs_tensorboard
def test_a_run_made_anew_hides_the_one_before(tmp_path: Path) -> None:
    for bits in (1.0, 2.0):
        with Scalars(tmp_path, SPEC) as shown:
            shown.append("run", {})
            shown.append("curve", curve(10, bits))
    assert read(shown.folder, "train/bits") == [(10, 2.0)]


@needs_tensorboard
def test_what_is_not_known_is_left_out_and_how_it_ended_is_told(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with Scalars(tmp_path, SPEC) as shown:
        shown.append("run", {})
        shown.append("curve", curve(10, None))
        shown.append("probe", {"timesteps": 12, "cosine": 0.5, "norm_ratio": None,
                               "boundary_cosine": [], "reach": [1.0, 0.5]})  # fmt: skip
        shown.append("end", {"status": "diverged", "error": "the loss became nan",
                             "test_bits": None})  # fmt: skip
    assert tags(shown.folder) == {"cost/updates", "cost/seconds", "cost/flops", "probe/cosine"}
    events = EventAccumulator(str(shown.folder)).Reload()
    (said,) = events.Tensors("status/text_summary")
    assert said.tensor_proto.string_val == [b"diverged: the loss became nan"]


def test_test_bits_and_costs_stand_in_groups_of_their_own() -> None:
    end = {"status": "complete", "test_bits": 2.5, "peak_memory_bytes": 100, "engine_seconds": 3}
    assert scalars.scalars("end", end) == {
        "test/bits": 2.5,
        "cost/peak_memory_bytes": 100,
        "cost/engine_seconds": 3,
    }


def test_a_subfolder_a_run_is_readable_and_safe() -> None:
    assert subfolder(SPEC) == f"dni_T=3-plain_copy_bits=2_start=4-seed_0-{SPEC.id}"
    odd = replace(SPEC, task=f"char_lm(corpus='../{'ä /:*?' * 99}')", seed=7)
    for name in (subfolder(SPEC), subfolder(odd)):
        assert re.fullmatch(r"[A-Za-z0-9_.=-]{1,255}", name)
    assert len({subfolder(replace(SPEC, lr=lr)) for lr in (0.1, 0.01)}) == 2


def test_without_tensorboard_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scalars, "find_spec", lambda name: None)
    for made in (lambda: scalars.check(tmp_path), lambda: Scalars(tmp_path, SPEC)):
        with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
            made()
        assert 'pip install "sgbench[tensorboard]"' in str(caught.value)


@needs_tensorboard
def test_a_folder_that_cannot_be_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match=r"^cannot write scalars to [^\n]*$"):
        scalars.check(tmp_path / "file" / "inside")
    shown = Scalars(tmp_path, SPEC)
    shown.folder.write_text("in the way", encoding="utf-8")
    with pytest.raises(RecordingError, match="cannot write"):
        shown.append("run", {})
