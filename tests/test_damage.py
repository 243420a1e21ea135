"""Damaged records: named once, left out, and the rest of the folder read, tabled and drawn."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.__main__ import main
from harness.analysis.comparison import comparison
from harness.analysis.table import curves, table
from harness.analysis.verdict import rulings
from harness.registry import Registry
from harness.runs import checkpoint
from harness.runs.record import record
from harness.runs.run import CURVE_POINTS, Run
from harness.score import T_TASK, Score, bits
from harness.spec import RunSpec
from harness.store import Record, RecordingError, Store, Writer
from tests.conftest import REGISTRY

RECORDED = Path(__file__).resolve().parent.parent / "results"
VICTIM = "19914fa22d502714"
"""plain_copy, dni, probed: rows of every kind."""

PICKED = (
    "claims/19914fa22d502714", "claims/33273c8d7fa1e61c", "claims/c674556b92c4109e",
    "claims/e6edb97e5a4dd2da", "claims/2820d20c394b8b88", "ablation/51bbdbe9721b0306",
    "quick/0b2f2ae84a355068",
)  # fmt: skip
"""Records of every method and kind of task, of probes and of single episodes."""

FUZZED = int(os.environ.get("SGBENCH_FUZZ", "120"))
"""Examples of the fuzzer. More are drawn from another seed each time, and figures drawn of them."""


def text(name: str) -> bytes:
    folder, _, run = name.partition("/")
    return gzip.decompress((RECORDED / folder / "runs" / f"{run}.jsonl.gz").read_bytes())


def scored(data: bytes, score: Score) -> bytes:
    """A record whose header says what the task is scored by, as later ones do."""
    header, _, rest = data.partition(b"\n")
    return json.dumps({**json.loads(header), "score": asdict(score)}).encode() + b"\n" + rest


WHOLE = {name.partition("/")[2]: text(name) for name in PICKED}
WHOLE[VICTIM] = scored(WHOLE[VICTIM], T_TASK)
WHOLE["2820d20c394b8b88"] = scored(WHOLE["2820d20c394b8b88"], bits("bits per character"))


def lay(folder: Path, records: dict[str, bytes] = WHOLE) -> Store:
    """A results folder that holds these records, as plain files."""
    store = Store(folder)
    store.create()
    for name, data in records.items():
        (folder / "runs" / f"{name}.jsonl").write_bytes(data)
    return store


def values(record: Record) -> tuple[Any, ...]:
    return (record.spec, record.header, record.curve, record.validation, record.probes, record.end)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, ...]]:
    store = lay(tmp_path_factory.mktemp("sound"))
    return {record.spec.id: values(record) for record in store.records()}


def rows(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def joined(found: list[Any]) -> bytes:
    return b"".join(
        row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in found
    )


Change = Callable[[list[Any]], None]


def nth(kind: str, n: int) -> Callable[[list[Any]], int]:
    return lambda found: [i for i, row in enumerate(found) if row["kind"] == kind][n]


HEADER, CURVE, SCORE, PROBE, END = (
    nth("run", 0), nth("curve", 20), nth("validation", 5), nth("probe", 4), nth("end", 0),
)  # fmt: skip
LAST = nth("curve", -1)


def put(where: Callable[[list[Any]], int], **columns: Any) -> Change:
    return lambda found: found[where(found)].update(columns)


def without(where: Callable[[list[Any]], int], *columns: str) -> Change:
    def change(found: list[Any]) -> None:
        for column in columns:
            del found[where(found)][column]

    return change


def line(where: Callable[[list[Any]], int], data: bytes) -> Change:
    def change(found: list[Any]) -> None:
        found[where(found)] = data

    return change


def drop(where: Callable[[list[Any]], int], count: int = 1) -> Change:
    def change(found: list[Any]) -> None:
        i = where(found)
        del found[i : i + count]

    return change


def swap(found: list[Any]) -> None:
    i, j = CURVE(found), LAST(found)
    found[i], found[j] = found[j], found[i]


def add(*added: Any) -> Change:
    return lambda found: found.extend(added)


@dataclass
class Damage:
    """What is done to a record, what is said of it, and what is then known of the run.

    status: None where the record is skipped as a whole
    """

    change: Change
    said: str
    status: str | None = "damaged"


DAMAGES = {
    "bytes at the end": Damage(add(b"\xff\xfe\x80\x00"), r"line \d+ is not text", "complete"),
    "zeros at the end": Damage(add(b"\0" * 40), r"line \d+ is not JSON", "complete"),
    "null at the end": Damage(add(b"null\n"), r"line \d+ is JSON, but not an object", "complete"),
    "a list": Damage(line(CURVE, b"[]\n"), r"line 3\d is JSON, but not an object"),
    "a number": Damage(line(CURVE, b"17\n"), "is JSON, but not an object"),
    "half a line": Damage(line(CURVE, b'{"kind": "curve", "ti\n'), "is not JSON"),
    "bytes in a line": Damage(line(SCORE, b'{"kind": "\xff\xfe"}\n'), "is not text"),
    "ten thousand brackets": Damage(line(CURVE, b"[" * 10_000 + b"\n"), "is not JSON"),
    "five thousand digits": Damage(line(CURVE, b"1" * 5_000 + b"\n"), "is not JSON"),
    "half a character": Damage(put(END, error="\ud83d"), "is not text", "incomplete"),
    "two rows on a line": Damage(
        line(CURVE, b'{"kind": "curve"}, {"kind": "curve"}\n'), "is not JSON"
    ),
    "no kind": Damage(without(CURVE, "kind"), "has no kind"),
    "an unknown kind": Damage(put(CURVE, kind="curfe"), "is of an unknown kind: 'curfe'"),
    "a kind that is none": Damage(put(CURVE, kind=["curve"]), r"an unknown kind: \['curve'\]"),
    "an empty kind": Damage(put(CURVE, kind=""), "is of an unknown kind: ''"),
    "no bits": Damage(without(CURVE, "bits"), "lacks 'bits'"),
    "no timesteps": Damage(without(SCORE, "timesteps"), "lacks 'timesteps'"),
    "null bits": Damage(put(SCORE, bits=None), "holds bits=None"),
    "text for a number": Damage(put(CURVE, seconds="0.5"), "holds seconds='0.5'"),
    "true for a number": Damage(put(CURVE, updates=True), "holds updates=True"),
    "a list for a number": Damage(put(CURVE, t_task=[7]), r"holds t_task=\[7\]"),
    "a fraction for a count": Damage(put(CURVE, timesteps=4200.5), "holds timesteps=4200.5"),
    "a negative time": Damage(put(CURVE, seconds=-0.5), "holds seconds=-0.5"),
    "no updates": Damage(put(LAST, updates=0), "holds updates=0"),
    "a huge number": Damage(put(CURVE, bits=1e300), "holds bits=1e[+]300"),
    "a huge count": Damage(put(CURVE, flops=10**30), r"holds flops=1000\d+"),
    "an endless number": Damage(put(CURVE, bits=float("inf")), "holds bits=inf"),
    "no number in the curve": Damage(put(CURVE, bits=float("nan")), "holds bits=nan"),
    "no number, then numbers": Damage(put(SCORE, bits=float("nan")), "holds bits=nan"),
    "no level": Damage(without(CURVE, "level_n", "level_r", "t_task"), "lacks 't_task'"),
    "a column more than the rest": Damage(put(CURVE, extra=1), "has other columns than the rest"),
    "half of a level": Damage(without(CURVE, "level_r"), "lacks 'level_r'"),
    "a list in a probe": Damage(put(PROBE, cosine=[0.5]), r"holds cosine=\[0.5\]"),
    "text in a list": Damage(put(PROBE, reach=[1.0, "0.5"]), r"holds reach=\[1.0, '0.5'\]"),
    "lists of two lengths": Damage(put(PROBE, distances=[0] * 99), "holds lists of unequal length"),
    "half of a comparison": Damage(without(PROBE, "added_cosine"), "lacks 'added_cosine'"),
    "rows out of order": Damage(swap, "is out of order"),
    "a row twice": Damage(lambda found: found.insert(CURVE(found), found[CURVE(found)]),
                          "is out of order"),
    "the last rows gone": Damage(drop(LAST), "its curve ends at 7,8.. of 8,000 timesteps"),
    "no curve": Damage(lambda found: found.__setitem__(slice(1, END(found)), []),
                       "its curve ends at 0 of 8,000 timesteps"),
    "rows after the end": Damage(lambda found: found.append(found[CURVE(found)]),
                                 "follows the end of the run"),
    "a second end": Damage(add({"kind": "end", "status": "failed"}), "follows the end of the run"),
    "an end in no known state": Damage(put(END, status="done"), "holds status='done'",
                                       "incomplete"),
    "an end of a run in no memory": Damage(put(END, peak_memory_bytes=0),
                                           "holds peak_memory_bytes=0", "incomplete"),
    "a count that no float holds": Damage(put(CURVE, level_n=2**63 - 1), r"holds level_n=92\d+"),
    "an end without its memory": Damage(without(END, "activation_bytes"),
                                        "lacks 'activation_bytes'", "incomplete"),
    "the header gone": Damage(drop(HEADER), "no line says which run it belongs to", None),
    "the header torn": Damage(line(HEADER, b'{"kind": "run", "id\n'),
                              "no line says which run it belongs to", None),
    "the header damaged": Damage(line(HEADER, b'{"kind": "run"\xff}\n'), "1 is not text", None),
    "no spec": Damage(without(HEADER, "spec"), "line 1 lacks 'spec'", None),
    "no options": Damage(without(HEADER, "options"), "line 1 lacks 'options'", None),
    "options that are none": Damage(put(HEADER, options={"trainer": 3}), "holds options=", None),
    "a spec that is text": Damage(put(HEADER, spec="dni"), "line 1 holds spec='dni'", None),
    "a spec without a task": Damage(lambda found: found[0]["spec"].pop("task"),
                                    "line 1 holds no readable spec", None),
    "a seed that is text": Damage(lambda found: found[0]["spec"].update(seed="0"),
                                  "line 1 holds no readable spec", None),
    "a task that is none": Damage(lambda found: found[0]["spec"].update(task=["plain_copy"]),
                                  "line 1 holds no readable spec", None),
    "another seed": Damage(lambda found: found[0]["spec"].update(seed=77),
                           r"line 1 belongs to run \w{16}, which is not the file's name", None),
    "a score that is none": Damage(put(HEADER, score={"column": "t_task"}),
                                   "line 1 holds score=", None),
    "a score that no row has": Damage(
        put(HEADER, score=asdict(Score(column="accuracy", unit="%", higher=True))),
        "lacks 'accuracy'",
    ),
    "time that runs back": Damage(put(CURVE, seconds=0.001), "is out of order"),
    "threads that are text": Damage(put(HEADER, threads="one"), "line 1 holds threads='one'", None),
}  # fmt: skip


@pytest.mark.parametrize("how", DAMAGES)
def test_what_is_damaged_is_left_out_and_named_and_the_rest_is_read(
    how: str, tmp_path: Path, sound: dict[str, tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    damage, found = DAMAGES[how], rows(WHOLE[VICTIM])
    damage.change(found)
    store = lay(tmp_path, {**WHOLE, VICTIM: joined(found)})
    read = {record.spec.id: record for record in store.records()}
    store.records()
    (said,) = capsys.readouterr().err.splitlines()
    rest = "it is skipped" if damage.status is None else "the rest is read"
    assert re.fullmatch(
        f"sgbench: {tmp_path}/runs/{VICTIM}.jsonl is damaged: .*{damage.said}.*; {rest}", said
    )
    assert {name: values(r) for name, r in read.items() if name != VICTIM} == {
        name: known for name, known in sound.items() if name != VICTIM
    }
    victim = read.get(VICTIM)
    assert (victim and victim.status) == damage.status
    if victim and victim.status == "complete":
        assert values(victim) == sound[VICTIM]
    elif victim:  # no line is made up, and a run that was finished says what it has lost
        _, _, curve, validation, probes, _ = sound[VICTIM]
        for kept, known in ((victim.curve, curve), (victim.validation, validation),
                            (victim.probes, probes)):  # fmt: skip
            assert all(row in known for row in kept)
        if victim.status == "damaged":
            assert re.search(damage.said, str(victim.end["error"]))
    use(list(read.values()))


PACKED = {
    "cut": (lambda data: data[: len(data) // 2], "its packed text is cut short", "incomplete"),
    "cut by its checksum": (lambda data: data[:-4], "its packed text is cut short", "damaged"),
    "another checksum": (lambda data: data[:-8] + b"\1\2\3\4" + data[-4:],
                         "it cannot be unpacked completely", "incomplete"),
    "more bytes": (lambda data: data + b"more", "more bytes follow its packed text", "complete"),
    "no gzip": (lambda data: b"\0\1" + data[2:], "it cannot be unpacked completely", None),
    "empty": (lambda data: b"", "its packed text is cut short", None),
}  # fmt: skip


@pytest.mark.parametrize("how", PACKED)
def test_of_a_packed_record_that_is_damaged_the_beginning_is_read(
    how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, told, status = PACKED[how]
    store = lay(tmp_path)
    path = tmp_path / "runs" / f"{VICTIM}.jsonl"
    path.unlink()
    path.with_suffix(".jsonl.gz").write_bytes(change(gzip.compress(WHOLE[VICTIM])))
    read = {record.spec.id: record for record in store.records()}
    (said,) = capsys.readouterr().err.splitlines()
    assert told in said
    assert read.keys() | {VICTIM} == WHOLE.keys()
    victim = read.get(VICTIM)
    assert (victim and victim.status) == status
    assert victim is None or len(victim.curve) > 10


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
def test_a_record_that_is_cut_short_is_not_resumed_past_what_it_lost(
    share: float, packed: bool,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name, value in (
        ("CHECKPOINT_SECONDS", 0.0),
        ("SAVING_SHARE", 1e9),
        ("PROGRESS_SECONDS", 0),
    ):
        monkeypatch.setattr(f"harness.runs.record.{name}", value)
    spec = RunSpec(task="plain_copy(bits=2)", trainer="tbptt(T=3)", model="rnn(hidden=4)", batch=2,
                   timesteps=300)  # fmt: skip
    store = Store(tmp_path)
    store.create()

    def stop(timesteps: int, _: object) -> None:
        if timesteps > 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(spec, REGISTRY, store, stop)
    assert store.checkpoint(spec).exists()
    path = tmp_path / "runs" / f"{spec.id}.jsonl"
    data = path.read_bytes()
    path.unlink()
    if packed:
        path, data = path.with_suffix(".jsonl.gz"), gzip.compress(data)
    path.write_bytes(data[: int(share * len(data))])
    assert record(spec, REGISTRY, store, lambda *_: None) == "complete"
    found = store.record(spec)
    assert found
    assert len(found.curve) == CURVE_POINTS
    assert ("; the run starts over" in capsys.readouterr().err) == (share < 1)


def test_a_record_without_its_curve_does_not_hide_the_table(tmp_path: Path) -> None:
    """Of a run that workers shared, whose waits are divided by its seconds."""
    texts = {path: gzip.decompress(path.read_bytes())
             for path in sorted((RECORDED / "workers" / "runs").glob("*.gz"))}  # fmt: skip
    path, data = next((p, data) for p, data in texts.items() if b'"wait_seconds"' in data)
    store = lay(tmp_path, WHOLE)
    (tmp_path / "runs" / path.stem).write_bytes(
        b"".join(each for each in data.splitlines(keepends=True) if b'"kind": "curve"' not in each)
    )
    assert len(table(store.records())) == len(WHOLE) + 1


def test_a_file_that_cannot_be_read_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = lay(tmp_path, {name: data for name, data in WHOLE.items() if name != VICTIM})
    (tmp_path / "runs" / f"{VICTIM}.jsonl").mkdir()
    assert len(store.records()) == len(WHOLE) - 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said.endswith(f"{VICTIM}.jsonl cannot be read: Is a directory; it is skipped")


def test_a_spec_of_a_newer_version_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = RunSpec.from_dict

    def strict(given: dict[str, Any]) -> RunSpec:
        if "dropout" in given:
            raise ValueError("a spec with dropout")
        return honest(given)

    monkeypatch.setattr(RunSpec, "from_dict", strict)
    found = rows(WHOLE[VICTIM])
    found[0]["spec"]["dropout"] = 0.5
    assert len(lay(tmp_path, {**WHOLE, VICTIM: joined(found)}).records()) == len(WHOLE) - 1
    assert "no readable spec (a spec with dropout)" in capsys.readouterr().err


SOUND: dict[str, tuple[Change, str | None]] = {
    "nothing": (lambda found: None, "complete"),
    "blank lines": (add(b"\n\n"), "complete"),
    "a line being written": (add(b'{"kind": "run", "id": "19914fa'), "complete"),
    "the end being written": (line(END, b'{"kind": "end", "sta'), "incomplete"),
    "only a header being written": (lambda found: found.__setitem__(slice(None), [b'{"ki']), None),
    "nothing written": (lambda found: found.clear(), None),
    "damage before the run began anew": (
        lambda found: found.__setitem__(slice(0, 0), [found[0], found[1], b"\xff\n"]), "complete"
    ),
    "weights past saving": (
        lambda found: found.__setitem__(
            slice(LAST(found) - 1, None),
            [{**found[nth("validation", -1)(found)], "timesteps": 9_000, "bits": float("nan")},
             {**found[nth("probe", -1)(found)], "timesteps": 9_000, "reach": [1.0, float("inf")]},
             {**found[END(found)], "status": "diverged"}],
        ), "diverged",
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", SOUND)
def test_what_a_run_may_leave_behind_is_no_damage(
    how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, status = SOUND[how]
    found: list[Any] = rows(WHOLE[VICTIM])
    change(found)
    read = {r.spec.id: r for r in lay(tmp_path, {**WHOLE, VICTIM: joined(found)}).records()}
    assert capsys.readouterr().err == ""
    victim = read.get(VICTIM)
    assert (victim and victim.status) == status
    use(list(read.values()))


# What the commands do.


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert isinstance(stop.value.code, int)
    return stop.value.code


def test_commands_that_read_name_the_damage_once_and_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "claims"
    store = lay(folder)
    (folder / "runs" / f"{VICTIM}.jsonl").write_bytes(b"junk\n")
    others = str(lay(tmp_path / "others").folder)
    out = str(tmp_path / "out")
    for command in (
        ["list", "run"], ["export", "--out", f"{out}.csv"], ["plot", "levels", "--out", out],
        ["report", "--out", f"{out}.html"],
        ["verdict", "--results", str(tmp_path)], ["compare", str(folder), others],
    ):  # fmt: skip
        where = [] if command[0] in ("verdict", "compare") else ["--results", str(folder)]
        assert call(*command, *where) == 0, command
        said, err = capsys.readouterr()
        assert said
        assert err.count("is damaged: line 1 is not JSON; it is skipped") == 1, command
    assert len(store.records()) == len(WHOLE) - 1


TINY = ["--model", "lstm(hidden=4)", "--batch", "2", "--timesteps", "40"]


@pytest.mark.parametrize("seeds", ["1", "2"])  # in this process, and in two others
def test_a_damaged_record_is_made_anew_by_the_same_command(
    seeds: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["run", "plain_copy(bits=2)", "tbptt(T=2)", *TINY, "--seeds", seeds,
             "--results", str(tmp_path)]  # fmt: skip
    assert call(*asked) == 0
    path = sorted((tmp_path / "runs").iterdir())[0]
    found = rows(path.read_bytes())
    before = Store(tmp_path).records()
    path.write_bytes(joined([*found[:5], None, *found[6:]]))
    capfd.readouterr()
    assert call(*asked) == 0
    said, err = capfd.readouterr()
    assert f"{seeds} run{'s' if seeds == '2' else ''}: 1 new" in said
    assert err.count(f"{path} is damaged: line 6 is JSON, but not an object") == 1
    (anew,) = [line for line in err.splitlines() if "starts over" in line]
    assert re.fullmatch(r"sgbench: plain_copy\(bits=2\) tbptt\(T=2\) seed \d starts over", anew)
    after = Store(tmp_path).records()
    assert [r.status for r in after] == ["complete"] * int(seeds)
    for kind in ("curve", "validation"):
        assert [
            [{**row, "seconds": 0} for row in getattr(r, kind)] for r in after
        ] == [[{**row, "seconds": 0} for row in getattr(r, kind)] for r in before]  # fmt: skip
    capfd.readouterr()
    assert call(*asked) == 0
    assert capfd.readouterr().err == "", "what was damaged is past"


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_run_goes_on_from_its_checkpoint_where_nothing_before_it_is_lost(
    lost: str, tmp_path: Path, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = RunSpec(task="plain_copy(bits=2)", trainer="tbptt(T=2)", model="lstm(hidden=4)",
                   batch=2, timesteps=60)  # fmt: skip
    store = Store(tmp_path)
    store.create()
    run, points = Run(spec, registry), 0
    with store.open(spec) as writer:
        writer.append("run", {
            "spec": asdict(spec), "options": {}, "date": "2026-01-01", "unit": "bits",
            "processor": "one", "threads": 1,
        })  # fmt: skip
        for kind, row in run.train():
            if kind == "episode":
                if points == 10:
                    checkpoint.save(store.checkpoint(spec), spec.id, run.state_dict())
                continue
            writer.append(kind, row)
            points += kind == "curve"
            if points == 15:
                break
    path = tmp_path / "runs" / f"{spec.id}.jsonl"
    found = path.read_bytes().splitlines(keepends=True)
    where = 3 if lost == "before" else len(found) - 1
    path.write_bytes(b"".join([*found[:where], b"\xff\n", *found[where + 1 :]]))
    assert record(spec, registry, store, lambda timesteps, word: None) == "complete"
    told = "starts over" if lost == "before" else "resumes from its checkpoint"
    assert f"{spec.label} {told}" in capsys.readouterr().err
    (after,) = store.records()
    assert after.status == "complete"
    assert capsys.readouterr().err == "", "what was lost was written again"


# The writer.


def test_no_row_goes_on_from_half_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = os.write
    path = tmp_path / "x.jsonl"
    with Writer(path) as writer:
        writer.append("curve", {"timesteps": 1})
        monkeypatch.setattr(os, "write", lambda file, data: honest(file, data[:9]))
        with pytest.raises(RecordingError, match="No space left"):
            writer.append("curve", {"timesteps": 2})
        monkeypatch.setattr(os, "write", honest)
        writer.append("curve", {"timesteps": 3})
    assert path.read_text().splitlines() == [
        '{"kind": "curve", "timesteps": 1}', '{"kind": ', '{"kind": "curve", "timesteps": 3}',
    ]  # fmt: skip


# The fuzzer.

JSON = st.sampled_from(
    [None, True, False, 0, 1, -1, 3.5, -0.5, 1e300, -1e39, 5e-324, 10**30, 2**63 - 1, float("nan"),
     float("inf"), "", "text", "1", "\ud800", [], [1], [None], [[]], {}, {"a": 1}]
)  # fmt: skip
PLACE = st.floats(0, 1, exclude_max=True, allow_subnormal=False)  # these count as 0: set_up()
CHANGES = st.one_of(
    st.tuples(st.just("flip"), PLACE, st.integers(0, 7)),
    st.tuples(st.just("cut"), PLACE, st.none()),
    st.tuples(st.just("insert"), PLACE, st.binary(min_size=1, max_size=6)),
    st.tuples(st.just("erase"), PLACE, st.integers(1, 300)),
    st.tuples(st.just("swap"), PLACE, PLACE),
    st.tuples(st.just("repeat"), PLACE, PLACE),
    st.tuples(st.just("drop"), PLACE, st.integers(1, 60)),
    st.tuples(st.just("replace"), PLACE, st.tuples(PLACE, JSON)),
    st.tuples(st.just("delete"), PLACE, PLACE),
    st.tuples(st.just("line"), PLACE, JSON),
)


def changed(data: bytes, how: str, place: float, what: Any) -> bytes:
    """Do one kind of damage at a place in the file, 0 its beginning and 1 its end."""
    at, rest = int(place * len(data)), b""
    if how == "flip":
        rest = bytes(byte ^ (1 << what) for byte in data[at : at + 1]) + data[at + 1 :]
    elif how == "insert":
        rest = what + data[at:]
    elif how == "erase":
        rest = data[at + what :]
    elif how != "cut":
        lines = data.split(b"\n")[:-1]
        if lines:
            _change(lines, how, int(place * len(lines)), what)
        return b"".join(each + b"\n" for each in lines)
    return data[:at] + rest


def _change(lines: list[bytes], how: str, i: int, what: Any) -> None:
    if how == "swap":
        j = int(what * len(lines))
        lines[i], lines[j] = lines[j], lines[i]
    elif how == "repeat":
        lines.insert(int(what * len(lines)), lines[i])
    elif how == "drop":
        del lines[i : i + what]
    elif how == "line":
        lines[i] = json.dumps(what).encode()
    else:
        with suppress(ValueError, TypeError, IndexError):  # damaged before
            row = json.loads(lines[i])
            name = list(row)[int((what if how == "delete" else what[0]) * len(row))]
            if how == "delete":
                del row[name]
            else:
                row[name] = what[1]
            lines[i] = json.dumps(row).encode()


def use(records: list[Record], *, drawn: bool = False) -> None:
    """Read records as commands do; every error but a figure's LookupError is a fault."""
    table(records)
    for kind in ("curve", "validation", "probes"):
        curves(records, kind)
    comparison(records)
    for name in REGISTRY.names("claim"):
        rulings(REGISTRY.make("claim", name), records)
    for name in REGISTRY.names("figure") if drawn else ():
        with suppress(LookupError):
            REGISTRY.make("figure", name).draw(records)


@pytest.mark.filterwarnings("ignore:Data has no positive values")  # of a figure: that may be so
@settings(
    derandomize=FUZZED <= 150, deadline=None, database=None, max_examples=FUZZED,
)  # fmt: skip
@given(
    victim=st.sampled_from(sorted(WHOLE)),
    changes=st.lists(CHANGES, min_size=1, max_size=4),
    packed=st.booleans(),
)
def test_whatever_happens_to_a_record_the_others_are_read(
    victim: str, changes: list[tuple[str, float, Any]], packed: bool,
    sound: dict[str, tuple[Any, ...]], tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    said: list[str] = []
    folder = tmp_path_factory.getbasetemp() / "fuzzed"
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    for path in (folder / "runs").glob("*"):
        path.unlink()
    lay(folder, {name: data for name, data in WHOLE.items() if name != victim})
    data = gzip.compress(WHOLE[victim], mtime=0) if packed else WHOLE[victim]
    for change in changes:
        data = changed(data, *change)
    (folder / "runs" / (f"{victim}.jsonl" + ".gz" * packed)).write_bytes(data)
    records = Store(folder, said.append).records()
    assert len(said) <= 1
    assert all("\n" not in line for line in said)
    others = {each.spec.id: values(each) for each in records if each.spec.id != victim}
    assert others == {name: known for name, known in sound.items() if name != victim}
    damaged = [record for record in records if record.spec.id == victim]
    if any(record.finished and values(record) != sound[victim] for record in damaged):
        use(records, drawn=FUZZED > 150)
    table(damaged)
    comparison(damaged)
