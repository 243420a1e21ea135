"""The report: what stands in the page, what may not, and that it works in a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from harness.__main__ import main
from harness.analysis.comparison import HEADER, sections
from harness.analysis.look import styles
from harness.registry import Registry
from harness.report.charts import as_json, charts, costs, looks
from harness.report.page import TEMPLATES, folders
from harness.spec import RunSpec
from harness.store import Store

EVIL = "<script>alert(1)</script>"
EVIL_TRAINER = f"own(name='{EVIL}')"
VOID = {"meta", "link", "br"}


def write(
    folder: Path, trainer: str, seed: int, levels: list[int], *,
    status: str = "complete", error: str | None = None, task: str = "plain_copy(bits=4)",
) -> RunSpec:  # fmt: skip
    """A record with a point a level; "incomplete" has no closing row."""
    spec = RunSpec(task=task, trainer=trainer, seed=seed, timesteps=40)
    store = Store(folder)
    store.create()
    with store.open(spec) as writer:
        writer.append("run", {
            "spec": json.loads(spec.to_json()), "id": spec.id, "unit": "bits per output bit",
            "options": {"trainer": {"T": 3}}, "commit": "abc123", "torch": "2.13.0",
            "processor": "a processor", "threads": 1, "parameters": 7,
        })  # fmt: skip
        for i, level in enumerate(levels, start=1):
            writer.append("curve", {
                "timesteps": 10 * i, "updates": i, "seconds": 0.5 * i, "flops": 10**9 * i,
                "bits": 0.5, "t_task": level, "level_n": 1, "level_r": 1,
            })  # fmt: skip
        if status != "incomplete":
            writer.append("end", {
                "status": status, "error": error, "activation_bytes": 5000,
                "peak_memory_bytes": 6000, "test_bits": None,
            })  # fmt: skip
    return spec


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "mine"
    for seed in (0, 1, 2):
        write(path, "tbptt(T=3)", seed, [0, 4, 4, 4])
        write(path, "bptt", seed, [4, 5, 10, 11 + seed])
    write(path, "dni(T=3)", 0, [0, 4, 6, 9])
    write(path, "dni(T=3)", 1, [0, 98], status="diverged", error="the loss became NaN")
    write(path, EVIL_TRAINER, 0, [0, 99], status="failed", error=f"ValueError: {EVIL}")
    write(path, "sg(T=3)", 0, [0, 97], status="incomplete")
    return path


def report(*paths: Path, out: Path) -> str:
    asked = [word for path in paths for word in ("--results", str(path))]
    with pytest.raises(SystemExit) as stop:
        main(["report", *asked, "--out", str(out)])
    assert stop.value.code == 0
    return out.read_text(encoding="utf-8")


class Page(HTMLParser):
    """Tags with their attributes, and text by the tag it stands in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "tags are closed in the order they were opened"

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def text(self) -> str:
        return " ".join(
            " ".join(data for tag, data in self.texts if tag not in ("script", "style")).split()
        )


def test_the_page_holds_verdict_tables_charts_and_every_run(folder: Path, tmp_path: Path) -> None:
    page = Page(report(folder, out=tmp_path / "r.html"))
    assert not page.open
    said = page.text()
    assert said.index("Does it train faster, eagerly?") < said.index("score: T_task of the level")
    tables = [about["class"] for tag, about in page.tags if tag == "table"]
    assert tables == ["comparison", *["cost"] * 4]
    assert [tag for tag, _ in page.tags].count("th") == len(HEADER) + 5 * len(tables)
    runs = [about for tag, about in page.tags if about.get("class") == "run"]
    assert len(runs) == len({about["id"] for about in runs}) == 10
    for fact in ("abc123", "a processor", "score: T_task of the level solved", '"T": 3'):
        assert fact in said
    drawn = [about["data-chart"] for _, about in page.tags if about.get("class") == "curves"]
    assert drawn == ["0"]


def test_the_verdict_is_the_one_that_verdict_prints(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = folder.rename(tmp_path / "table1_desk")  # where the claims look
    page = Page(report(named, out=tmp_path / "r.html"))
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["verdict", "speed", "dependency", "--results", str(tmp_path)])
    printed = capsys.readouterr().out.strip().splitlines()
    assert len(printed) > 4
    shown = page.text()
    for line in printed:
        for part in re.split(r"  +", line.strip()):  # the columns
            assert part in shown
    assert "not tested: no runs recorded; `sgbench suite claims` makes them" in shown
    assert shown.count("Does it learn longer dependencies?") == 1


def test_values_of_a_run_are_rounded_and_none_is_a_dash(folder: Path, tmp_path: Path) -> None:
    page = Page(report(folder, out=tmp_path / "r.html"))
    values = [data.strip() for tag, data in page.texts if tag == "dd"]
    assert "–" in values
    assert "None" not in values
    assert not [value for value in values if re.search(r"\.\d{7}", value)]


def test_what_records_say_is_shown_and_never_run(folder: Path, tmp_path: Path) -> None:
    text = report(folder, out=tmp_path / "r.html")
    page = Page(text)
    assert EVIL not in text
    assert EVIL in page.text()
    assert f"ValueError: {EVIL}" in page.text()
    scripts = [about for tag, about in page.tags if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "charts"}, {}, {}, {}, {}]
    assert not [name for _, about in page.tags for name in about if name.startswith("on")]
    (data,) = re.findall(r'id="charts">(.*?)</script>', text, flags=re.DOTALL)
    assert not set(data) & set("<>&")
    assert EVIL_TRAINER in [each["name"] for each in json.loads(data)[0]["trainers"]]


def test_json_in_a_page_has_no_tags_and_no_numbers_that_json_lacks() -> None:
    value: Any = {"a": [float("nan"), float("inf"), 1.5], "b": "</script><!-- & \u2028"}
    text = as_json(value)
    assert not set(text) & set("<>&\u2028")
    assert json.loads(text) == {"a": [None, None, 1.5], "b": value["b"]}


def test_every_run_that_did_not_complete_is_marked(folder: Path, tmp_path: Path) -> None:
    text = report(folder, out=tmp_path / "r.html")
    said = Page(text).text()
    assert "Runs that did not complete: 3" in said
    (table,) = re.findall(r'<table class="comparison".*?</table>', text, flags=re.DOTALL)
    rows = {row.split("<")[0]: row for row in table.split('<th scope="row">')[1:]}
    assert "1 of 2 <span" in rows["dni(T=3)"]
    assert "1 diverged</span>" in rows["dni(T=3)"]
    assert "1 not run</span>" in rows["dni(T=3)"]
    assert "0 of 1" in rows["sg(T=3)"]
    assert "1 incomplete</span>" in rows["sg(T=3)"]
    assert "2 not run</span>" in rows["sg(T=3)"]
    assert any("1 failed</span>" in row for row in rows.values())
    assert "badge" not in rows["bptt"]
    for level in ("97", "98", "99"):
        assert level not in re.sub(r"<[^>]*>", " ", table)
    for status, n in (("diverged", 1), ("failed", 1), ("incomplete", 1), ("complete", 7)):
        marks = re.findall(rf'<summary><span class="badge {status}">{status}</span>', text)
        assert len(marks) == n
    assert "The run was stopped, or is still running" in said.replace("the run", "The run")


def test_charts_are_of_completed_runs_and_mark_the_others(folder: Path) -> None:
    (section,) = sections(Store(folder).records())
    found = charts(section)
    trainers = {each["name"]: each for each in found["trainers"]}
    assert {run["status"] for run in trainers["dni(T=3)"]["runs"]} == {"complete", "diverged"}
    assert max(trainers["dni(T=3)"]["medians"]["seconds"]["y"]) == 9
    assert trainers["sg(T=3)"]["medians"] is None
    median = trainers["bptt"]["medians"]["timesteps"]
    assert (median["x"][0], median["x"][-1]) == (10, 40)
    assert (median["y"][0], median["y"][-1]) == (4, 12)  # of 11, 12, 13


def test_costs_are_medians_and_ranges_of_completed_runs(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    for seed, points in enumerate((4, 8, 16)):  # half a second each
        write(path, "bptt", seed, [4] * points)
    write(path, "dni(T=3)", 0, [4] * 4)
    write(path, "dni(T=3)", 1, [4] * 20, status="diverged")
    write(path, "sg(T=3)", 0, [4], status="incomplete")
    (section,) = sections(Store(path).records())
    said, bars = costs(section)[0]
    assert said == "Seconds of training"
    of = {bar.trainer: bar for bar in bars}
    assert (of["bptt"].said, of["bptt"].percent) == ("4 [2, 8]", (50, 25, 100))
    assert (of["dni(T=3)"].said, of["dni(T=3)"].percent) == ("2", (25, 25, 25))
    assert (of["dni(T=3)"].done, of["dni(T=3)"].made) == (1, 2)
    assert (of["sg(T=3)"].said, of["sg(T=3)"].percent) == (None, ())
    assert costs(section)[2][1][0].said == "5"  # 5000 bytes in kB


def test_trainers_look_as_in_the_figures(folder: Path) -> None:
    (section,) = sections(Store(folder).records())
    found = looks(section)
    figure = styles(found)
    assert found["bptt"]["colour"] == "var(--ink)"
    assert found["bptt"]["dash"] == []
    for trainer in ("tbptt(T=3)", "dni(T=3)"):
        assert found[trainer]["colour"] == figure["palette"][trainer]
        assert found[trainer]["dash"] == list(figure["dashes"][trainer])
    assert {bar.trainer: bar.colour for bar in costs(section)[0][1]} == {
        trainer: look["colour"] for trainer, look in found.items()
    }


def test_nothing_is_loaded_from_anywhere(folder: Path, tmp_path: Path) -> None:
    page = Page(report(folder, out=tmp_path / "r.html"))
    for tag, about in page.tags:
        for name in ("src", "href", "action", "data", "srcset", "poster"):
            assert not (value := about.get(name)) or value[0] == "#" or value == "data:,", tag
    policy = next(about["content"] for _, about in page.tags if "http-equiv" in about)
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "http" not in policy
    style = "".join(data for tag, data in page.texts if tag == "style")
    assert "url(" not in style
    assert "@import" not in style


def test_a_page_of_one_run_is_small_and_carries_the_licence_of_what_draws_it(
    tmp_path: Path,
) -> None:
    write(tmp_path / "one", "bptt", 0, [*range(50)])  # as many points as a record holds
    report(tmp_path / "one", out=tmp_path / "r.html")
    assert (tmp_path / "r.html").stat().st_size < 150_000
    licence = (TEMPLATES / "vendor" / "uPlot.LICENSE").read_text(encoding="utf-8")
    assert "Permission is hereby granted" in licence
    assert licence in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_every_part_of_the_page_is_installed() -> None:
    root = TEMPLATES.parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["harness.report"]
    for path in TEMPLATES.rglob("*"):
        part = path.relative_to(TEMPLATES.parent).as_posix()
        matches = [p for p in patterns if fnmatch(part, p) and p.count("/") == part.count("/")]
        assert path.is_dir() or matches, f"{part} is not installed"
    for licence in project["project"]["license-files"]:
        assert (root / licence).is_file(), licence


def test_a_folder_in_which_nothing_completed_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "bad"
    write(path, "bptt", 0, [], status="failed", error="too much")
    write(path, "tbptt(T=3)", 0, [], status="incomplete")
    write(path, "dni(T=3)", 0, [], task="char_lm", status="diverged")
    text = report(path, out=tmp_path / "r.html")
    said = Page(text).text()
    assert said.count("no run completed") == 2
    assert said.count("0 of 1") == 3 * (1 + 4)  # in the table and at every cost
    assert said.count("No run recorded a point") == 2
    assert 'class="curves"' not in text
    assert "too much" in said
    assert "No closing row" in said


def test_several_folders_and_a_folder_of_folders(
    folder: Path, tmp_path: Path, registry: Registry
) -> None:
    other = tmp_path / "other"
    write(other, "bptt", 0, [4, 4, 4, 4], task="repeat_copy(bits=4)")
    assert [f.name for f in folders([str(folder), str(other), str(folder)])] == ["mine", "other"]
    assert [f.name for f in folders([str(tmp_path)])] == ["mine", "other"]
    page = Page(report(folder, other, out=tmp_path / "new" / "r.html"))
    assert [about.get("class") for _, about in page.tags].count("comparison") == 2
    assert report(tmp_path, out=tmp_path / "r.html").count('<table class="comparison"') == 2


def test_the_same_records_give_the_same_page(folder: Path, tmp_path: Path) -> None:
    assert report(folder, out=tmp_path / "a.html") == report(folder, out=tmp_path / "b.html")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--results", "nowhere"], "no folder 'nowhere' for --results"),
        (["--results", "empty"], "no records in empty"),
        (["--results", "mine", "--out", "empty"], "--out must be a file, but empty is a folder"),
        (["--results", "mine", "--out", "file/r.html"], "cannot write file/r.html"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], said: str, folder: Path,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["report", *arguments])
    assert stop.value.code == 2
    _, err = capfd.readouterr()
    assert err.count("\n") == 1
    assert said in err


def test_a_report_needs_no_torch(folder: Path, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from harness.report.page import folders, render\n"
        f"assert '<table' in render(folders([{str(folder)!r}]), [])\n"
        "assert not {'torch', 'pandas', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ})


@pytest.fixture
def browser() -> Iterator[Any]:
    """Headless Chromium; skipped where it, its driver or selenium is not installed."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip(reason="no browser: chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--disable-quic", "--window-size=390,844",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


PICTURE = "return document.querySelector('.plot canvas').toDataURL()"
PIXELS = """
const canvas = document.querySelector(".plot canvas");
const { width, height } = canvas;
const copy = Object.assign(document.createElement("canvas"), { width, height });
const ctx = copy.getContext("2d", { willReadFrequently: true });
ctx.drawImage(canvas, 0, 0);
const { data } = ctx.getImageData(0, 0, width, height);
const wanted = arguments[0].match(/[0-9]+/g).map(Number);
let found = 0;
for (let i = 0; i < data.length; i += 4) {
  found += data[i + 3] > 250 && wanted.every((value, k) => Math.abs(data[i + k] - value) < 6);
}
return found;
"""
"""How many pixels of the first chart are of a colour, "rgb(…)"."""
POINT_AT = """
const over = document.querySelector(".plot .u-over");
const box = over.getBoundingClientRect();
const at = { clientX: box.right - 1, clientY: box.top, bubbles: true };
let tip = "";
for (let y = 1; y < box.height && !tip.includes("median of 3"); y += 4) {
  over.dispatchEvent(new MouseEvent("mousemove", { ...at, clientY: box.top + y }));
  tip = over.querySelector(".tip").hidden ? "" : over.querySelector(".tip").textContent;
}
return tip;
"""
"""The first median over three seeds met by a pointer that goes down the right edge of the chart."""


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900)])
def test_the_page_works_in_a_browser(
    width: int, height: int, folder: Path, tmp_path: Path, browser: Any
) -> None:
    from selenium.common.exceptions import NoAlertPresentException
    from selenium.webdriver.support.ui import WebDriverWait

    report(folder, out=tmp_path / "r.html")
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get((tmp_path / "r.html").as_uri())
    with pytest.raises(NoAlertPresentException):
        _ = browser.switch_to.alert.text

    def find(selector: str) -> list[Any]:
        return list(browser.find_elements("css selector", selector))

    def column(index: int) -> list[str]:
        return [row.text for row in find(f"table.comparison tbody tr > :nth-child({index})")]

    def press(element: Any) -> None:
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        browser.execute_script("arguments[0].click()", element)

    # a header: the order changes, and is that of numbers; dashes stay last
    before = column(1)
    score = find("table.comparison thead button")[2]
    press(score)
    up = [text.split(" ")[0] for text in column(3)]
    assert up == ["4", "9", "12", "–", "–"]
    press(score)
    assert [text.split(" ")[0] for text in column(3)] == ["12", "9", "4", "–", "–"]
    assert column(1) != before
    assert find("th[aria-sort='descending']")[0].text.startswith("score")

    browser.execute_script("arguments[0].scrollIntoView()", find(".curves")[0])
    WebDriverWait(browser, 20).until(lambda _: find(".curves .plot canvas"))
    plot = find(".curves .plot")[0]
    chips = {each.text.partition(" (")[0]: each for each in find(".legend button")}

    def control(said: str) -> Any:
        return next(each for each in find(".controls button") if each.text == said)

    def pixels(colour: str) -> int:
        return int(browser.execute_script(PIXELS, colour))

    def colour_of(trainer: str) -> str:
        swatch = chips[trainer].find_element("tag name", "svg")
        return str(browser.execute_script("return getComputedStyle(arguments[0]).color", swatch))

    # the legend: a trainer's line goes and comes back
    assert {"bptt", EVIL_TRAINER} <= set(chips)
    dni, red = colour_of("dni(T=3)"), "rgb(179, 38, 30)"
    shown = pixels(dni)
    assert shown > 50
    press(chips["dni(T=3)"])
    assert chips["dni(T=3)"].get_attribute("aria-pressed") == "false"
    WebDriverWait(browser, 10).until(lambda _: pixels(dni) == 0)
    assert "dni" not in (plot.get_attribute("aria-label") or "")
    press(chips["dni(T=3)"])
    WebDriverWait(browser, 10).until(lambda _: pixels(dni) == shown)

    # runs that did not complete end in red, and go with their trainer; the seeds can be left out
    marked = pixels(red)
    press(chips["sg(T=3)"])
    WebDriverWait(browser, 10).until(lambda _: 20 < pixels(red) < marked)
    press(control("hide all"))
    WebDriverWait(browser, 10).until(lambda _: pixels(red) == 0)
    press(control("show all"))
    WebDriverWait(browser, 10).until(lambda _: pixels(red) > 20)
    before = browser.execute_script(PICTURE)
    press(control("every seed"))
    WebDriverWait(browser, 10).until(lambda _: browser.execute_script(PICTURE) != before)

    # the axis, and what is said under the pointer
    for axis, said in (
        ("timesteps", "at 40 timesteps"), ("seconds", "at 2 seconds of training"),
        ("flops", "at 4G FLOPs"),
    ):  # fmt: skip
        press(find(f".controls [data-axis='{axis}']")[0])
        assert said.split(" ", 2)[2] in (plot.get_attribute("aria-label") or "")
        tip = browser.execute_script(POINT_AT).splitlines()
        assert tip == [
            "bptt",
            "T_task of the level solved, timesteps: 12",
            said,
            "median of 3 seeds",
        ]
    costs = browser.execute_script("return document.querySelector('.costs').textContent")
    assert "<script>" in costs
    assert "0 of 1" in costs

    # dark paper: drawn afresh
    before = browser.execute_script(PICTURE)
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    WebDriverWait(browser, 10).until(lambda _: browser.execute_script(PICTURE) != before)

    # a chart as a file
    saved = {"behavior": "allow", "downloadPath": str(tmp_path / "saved")}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", saved)
    press(control("save as PNG"))
    WebDriverWait(browser, 20).until(lambda _: list((tmp_path / "saved").glob("*.png")))
    (picture,) = (tmp_path / "saved").iterdir()
    assert picture.read_bytes().startswith(b"\x89PNG")

    # a link to a run unfolds it
    press(find("#trouble a")[0])
    WebDriverWait(browser, 10).until(lambda _: find(".run:target[open]"))
    assert find(".run:target")[0].is_displayed()

    wide = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1], "only tables scroll sideways"
    assert find(".scroll")[0].is_displayed()
    assert not browser.get_log("browser"), "no error, and nothing that the policy had to block"
    asked = browser.execute_script(
        "return performance.getEntriesByType('resource').map(e => e.name)"
    )
    assert [name for name in asked if not name.startswith(("data:", "blob:"))] == []
