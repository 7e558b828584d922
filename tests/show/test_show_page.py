"""The page of a run: whole, harmless, made from the run alone; and in a browser."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import webbrowser
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from forecast_judged import written as series_run
from forecast_toys import MONTHLY, cut, panel_of, seasonal
from recurra.bundle import HISTORY, REPORT, Run
from recurra.cli import main
from recurra.data.files import TextSource
from recurra.errors import BundleError
from recurra.show.page import PAGE
from recurra.tasks.labels import show as labels
from recurra.tasks.labels.report import ATTRIBUTION
from recurra.tasks.show import draw
from recurra.tasks.text import config, evaluate
from recurra.tasks.text import show as text
from recurra.tasks.text.estimator import TextModel
from recurra.tasks.text.traces import INSIDE
from small import SMALL

ODD = (
    "<script>alert('x')</script> & \"quotes\" </pre>\n"
    "\tr\u0301sume\u0301 \u202eabc\u202c \x07bell 🙂 "
    "\u0645\u0631\u062d\u0628\u0627 http://example.org/ &amp;\n"
)
VOID = {"meta", "img", "br", "link", "input", "hr"}
SECTIONS = [
    *["samples", "surprise", "units", "context", "gradient", "memory"],
    *["curves", "report", "settings"],
]
LIMIT = 60


class Reader(HTMLParser):
    """Follows the tags; notes what is named, what is linked and what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.said = ""
        self.titles: list[str] = []
        self.folded = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag in ("svg", "img"):  # for who cannot see it
            given = dict(attrs)
            assert given.get("alt") or (given.get("role") == "img" and given.get("aria-label"))
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href"):
                self.links.append(value or "")
            if name == "title":
                self.titles.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.said += data
        if "details" in self.open:
            self.folded += data


def parsed(run: Run) -> Reader:
    reader = Reader()
    reader.feed(run.read_text(PAGE))
    reader.close()
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    return reader


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "a <b> & run"
    source = TextSource(ODD * 30, "<i>odd</i>")
    with pytest.MonkeyPatch.context() as less:
        less.setattr(evaluate, "FREE_LENGTH", 200)
        TextModel(**{**SMALL, "steps": 8}).fit(source, out=path)
    return path


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Run:
    found = Run(shutil.copytree(trained, tmp_path / trained.name))
    draw(found.path)
    return found


def test_the_page_is_whole_and_needs_nothing_else(run: Run) -> None:
    content, reader = run.read_text(PAGE), parsed(run)
    assert [name for name in reader.ids if name in SECTIONS] == SECTIONS
    assert {link[1:] for link in reader.links if link[0] == "#"} <= set(reader.ids)
    assert all(link[0] == "#" or link.startswith("data:") for link in reader.links)
    assert "script" not in reader.tags
    assert "@import" not in content
    # The text speaks of an address; nothing points to one.
    assert not re.search(r"(?:src|href|url|xmlns)[^>]{0,4}https?:", content)
    assert {"html", "head", "body", "main", "svg", "table"} <= reader.tags


def test_it_says_what_the_run_recorded(run: Run) -> None:
    said, report = parsed(run).said, run.read_json(REPORT)
    assert report["verdict"]["sentence"] in said
    for row in [report["model"], *report["baselines"]]:
        assert f"{row['nats']:.4f}" in said
    first = [said.index(each) for each in (report["verdict"]["sentence"], "this model", "Training")]
    assert first == sorted(first)
    assert "a <b> & run" in said
    assert "<i>odd</i>" in said
    _, facts = run.read_arrays(INSIDE)
    for line in (run.history()[0], run.history()[-1]):
        assert f"step {line['step']}" in said
    assert all(len(line["sample"]) == config.SAMPLED for line in run.history())
    for unit in facts["units"]:
        assert f"Layer {unit['layer']}, unit {unit['unit']}" in said
    assert f"{facts['learnt']['train']['nats']:.3f}" in said
    assert run.config()["training"]["torch"] in said


def test_no_text_can_do_harm(run: Run) -> None:
    content, reader = run.read_text(PAGE), parsed(run)
    assert "<script" not in content
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", content)
    assert "\\x07" in reader.said
    assert "🙂" in reader.said


def test_it_is_made_from_the_run_alone_and_again_the_same(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run.read_text(PAGE)
    (run.path / "model.safetensors").unlink()  # no network is read
    assert main(["show", str(run.path)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == [str(run.path / PAGE), str(run.path / "figures/curves.svg")]
    assert run.read_text(PAGE) == first


@pytest.mark.parametrize("found", [True, False])
def test_the_page_is_opened_where_there_is_a_browser(
    run: Run, found: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def opens(address: str) -> bool:
        asked.append(address)
        return found

    monkeypatch.setattr(webbrowser, "open", opens)
    assert main(["show", str(run.path)]) == 0
    assert not asked
    capsys.readouterr()
    assert main(["show", str(run.path), "--open"]) == 0
    assert asked == [(run.path / PAGE).resolve().as_uri()]
    said = capsys.readouterr()
    assert said.out.splitlines()[0] == str(run.path / PAGE)
    assert (str(run.path / PAGE) in said.err) is not found


def test_units_are_explained_and_settings_are_folded(run: Run) -> None:
    reader, report = parsed(run), run.read_json(REPORT)
    nats = report["model"]["nats"]
    assert f"at {nats:.2f} it wavers between about {math.exp(nats):.2g} characters" in reader.said
    best = min(report["baselines"], key=lambda each: float(each["nats"]))
    assert f"the {best['name']} at {best['nats']:.2f} between" in reader.said
    assert run.config()["training"]["torch"] in reader.folded
    assert "it wavers" not in reader.folded


def test_what_a_run_lacks_is_said(run: Run) -> None:
    (run.path / INSIDE).unlink()
    lines = [{k: v for k, v in line.items() if k != "sample"} for line in run.history()]
    (run.path / HISTORY).unlink()
    for line in lines:
        run.append_history(line)
    draw(run.path)
    reader = parsed(run)
    assert "inside" in reader.ids
    assert not {"surprise", "units", "context"} & set(reader.ids)
    assert "has recorded no samples" in reader.said
    assert "Nothing of its inside is recorded" in reader.said


def test_a_training_that_is_not_done_has_a_page(run: Run) -> None:
    (run.path / REPORT).unlink()
    (run.path / INSIDE).unlink()
    draw(run.path)
    reader = parsed(run)
    assert "No report yet" in reader.said
    assert "samples" in reader.ids


@pytest.mark.parametrize("name", [INSIDE, REPORT, HISTORY])
def test_damage_is_named(run: Run, name: str) -> None:
    content = (run.path / name).read_bytes()
    (run.path / name).write_bytes(b"x" + content[: len(content) // 2] + b"\n")
    with pytest.raises(BundleError, match=re.escape(name)):
        draw(run.path)


def test_what_is_of_another_run_is_named(run: Run) -> None:
    arrays, facts = run.read_arrays(INSIDE)
    run.write_arrays(INSIDE, arrays, facts | {"whole": facts["whole"] + 0.1})
    with pytest.raises(BundleError, match=r"inside\.safetensors.*nats a token"):
        draw(run.path)
    run.write_arrays(INSIDE, {**arrays, "passage": arrays["passage"][1:]}, facts)
    with pytest.raises(BundleError, match=r"inside\.safetensors: damaged"):
        draw(run.path)


def test_pictures_of_other_tasks_are_inside(tmp_path: Path) -> None:
    rows = cut(panel_of([seasonal(300, 12, seed=1)], MONTHLY), 6, 12, select=60, test=70)
    run = series_run(tmp_path / "run", rows)
    run.append_history({"step": 1, "train": 1.0, "select": 1.1})
    found = draw(run.path)
    reader = parsed(run)
    assert all(path.suffix == ".svg" for path in found[1:])
    assert run.read_text(PAGE).count('<figure class="chart">') == len(found) - 1
    assert all(link[0] == "#" for link in reader.links)
    assert run.read_json(REPORT)["verdict"]["sentence"] in reader.said
    assert "MASE" in reader.said


def test_charts_have_the_colours_of_the_page_and_no_text_does_harm(tmp_path: Path) -> None:
    rows = panel_of([seasonal(300, 12, seed=k) for k in range(2)], MONTHLY)
    odd = "$x_{$" + ODD
    run = series_run(
        tmp_path / "run", cut(replace(rows, ids=(odd, "b")), 6, 12, select=60, test=70)
    )
    run.append_history({"step": 1, "train": 1.0, "select": 1.1})
    found = draw(run.path)
    content, reader = run.read_text(PAGE), parsed(run)
    charts = re.findall(r"<svg.*?</svg>", content, flags=re.S)
    assert len(charts) == len(found) - 1
    for chart in charts:
        assert "var(--blue)" in chart
        assert not re.search("#(?:000000|ffffff|0072b2|d55e00|009e73)", chart)
    assert "script" not in reader.tags
    assert "<script>alert('x')</script> & \"quotes\"" in reader.said
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", content)
    picture = run.read_text("figures/forecast.svg")  # for those who take it elsewhere
    assert "#0072b2" in picture
    assert "var(" not in picture
    ElementTree.fromstring(picture)


# -- its parts ----------------------------------------------------------------------------------


def test_levels_of_surprise_and_blanks() -> None:
    nats = np.array([0.1, 0.5, 3.0, 3.0, 7.0, 0.2])
    found = text.surprised(["a", "b", " ", "\n", "c", "\n"], nats)
    assert [(cell.text, cell.level) for cell in found] == [
        *[("a", 0), ("b", 1), ("␣", 3), ("↵\n", 3), ("c", 5), ("\n", 0)],
    ]
    assert found[4].title == "7.00 nats, 0.091 %"


def test_dear_tokens_have_wider_levels() -> None:
    assert text.levels(1.6) == text.EDGES
    assert text.levels(4.6) == text.DEAR
    (cell,) = text.surprised([" may"], np.array([5.0]), text.DEAR)
    assert (cell.text, cell.level) == (" may", 3)  # it is not the blank that surprises


def test_marks_stay_with_their_letter() -> None:
    found = text.surprised(list("e\u0301x👩\u200d💻"), np.array([1.0, 0.5, 0.1, 2.0, 0.25, 2.5]))
    assert [cell.text for cell in found] == ["e\u0301", "x", "👩\u200d💻"]
    assert found[0].title.startswith("1.50 nats")
    assert found[2].level == 4
    # Nothing to stand upon: a mark at the beginning, or after a blank.
    assert [cell for cell, _ in text.joined(["\u0301", " ", "\u0301"])] == ["\u0301", " ", "\u0301"]


def test_the_step_from_which_on_the_state_has_settled() -> None:
    steps = np.array([1, 2, 4, 8])
    assert text.settled(steps, np.array([3.0, 2.0, 2.015, 2.0]), 2.0) == 2
    assert text.settled(steps, np.array([2.0, 2.0, 2.03, 2.01]), 2.0) == 8
    assert text.settled(steps, np.array([2.0, 2.0, 2.0, 2.03]), 2.0) is None


# -- in a browser -------------------------------------------------------------------------------


def browser() -> str | None:
    names = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome", "chrome")
    for name in names:
        if found := shutil.which(name):
            return found
    kept = Path.home() / ".cache" / "ms-playwright"
    return next(
        (str(p) for p in sorted(kept.glob("chrom*/*/*")) if p.stem in ("chrome", "headless_shell")),
        None,
    )


@pytest.mark.skipif(browser() is None, reason="no Chromium on this machine")
def test_a_browser_shows_it_from_disk_without_complaint(run: Run, tmp_path: Path) -> None:
    name = browser()
    assert name is not None
    picture = tmp_path / "page.png"
    arguments = [
        *[name, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"],
        *["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}"],
    ]
    page = (run.path / PAGE).resolve().as_uri()
    dumped = subprocess.run(
        [*arguments, "--dump-dom", page], capture_output=True, timeout=LIMIT, check=True
    )
    assert b"CONSOLE" not in dumped.stderr
    reader = Reader()
    reader.feed(dumped.stdout.decode())
    assert [each for each in reader.ids if each in SECTIONS] == SECTIONS
    subprocess.run(
        [*arguments, f"--screenshot={picture}", "--window-size=390,1500", page],
        capture_output=True,
        timeout=LIMIT,
        check=True,
    )
    from matplotlib.image import imread

    pixels = imread(picture)
    assert pixels.shape[:2] == (1500, 390)
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 20


def test_what_a_decision_looked_at_is_a_page_of_its_own(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "a<b")
    run.write_json(REPORT, {"confusion": [], "calibration": None})
    example = {"where": "x, line 3", "said": "a&<b>", "true": "c\n", "steps": ["<i>", "\x1b"]}
    run.write_json(ATTRIBUTION, [example | {"shares": [0.6, 0.2]}])
    assert [each.name for each in labels.draw(run)] == ["figures/attribution.html"]
    page = run.read_text("figures/attribution.html")
    assert "<h1>a&lt;b</h1>" in page
    assert "x, line 3: said a&amp;&lt;b&gt; (true: c\\n)" in page
    assert re.findall(r'(0\.\d\d)\)" title="(.*?)">(.*?)<', page) == [
        ("0.75", "60.0 %", "&lt;i&gt;"),
        ("0.25", "20.0 %", "\\x1b"),
    ]
    for broken in ({"said": "a"}, example | {"shares": [0.6]}):
        run.write_json(ATTRIBUTION, [broken])
        with pytest.raises(BundleError, match=r"attribution\.json: damaged"):
            labels.draw(run)
