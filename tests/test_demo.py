"""The demos, with a step or two in place of a minute, on the beginnings of their data."""

from __future__ import annotations

import importlib.util
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from rich.cells import cell_len
from rich.console import Console

from commands import Recurra, refused
from recurra.data.files import TextSource
from recurra.demo import built_in, command, demos
from recurra.tasks import TASKS
from recurra.tasks.text import evaluate
from recurra.training.plan import Plan

KEPT: Final[Mapping[str, tuple[str, Any]]] = {
    "text": ("character_names", lambda found: TextSource(found.text[:6000], found.name)),
    "labels": (
        "names_by_language",
        lambda found: ([part[:300] for part in found[0]], [part[:20] for part in found[1]]),
    ),
    "pairs": ("dates", lambda found: (found[0][:200], found[1][:20])),
    "series": ("carbon_dioxide", lambda found: (found[0][-60:], found[1][:4])),
    "captions": ("displays", lambda found: (found[0][:30], found[1][:20])),
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluate, "FREE_LENGTH", 200)
    for name, kept in KEPT.values():
        whole = getattr(built_in, name)
        small = lambda *given, whole=whole, kept=kept: kept(whole(*given))  # noqa: E731
        monkeypatch.setattr(built_in, name, small)
    series = replace(demos.DEMOS["series"], options={"horizon": 4, "season": 1})
    monkeypatch.setattr(command, "DEMOS", {**demos.DEMOS, "series": series})


@pytest.mark.parametrize("name", list(TASKS))
def test_a_demo_ends_in_what_it_can_do_its_page_and_what_comes_next(
    name: str, call: Recurra
) -> None:
    done = call("demo", name, "--steps", 2)
    assert done.code == 0, done.err
    run = Path(f"runs/demo-{name}-1")
    assert f"Its page, to open in a browser: {run}/report.html" in done.out
    assert (run / "report.html").is_file()
    learnt, rest = done.out.split("\n\n", 2)[1:]
    assert len(learnt.split("\n")) >= 2
    assert "never shown" in rest or "never saw" in rest
    assert "In the field's words: " in rest
    commands = rest.split("Next:\n")[1].split("\n")
    assert sum(line.startswith("    recurra ") for line in commands) >= 3
    assert "RUN" not in rest
    assert max(map(cell_len, done.out.split("\n"))) < 80


def test_of_the_tasks_text_is_shown_where_none_is_named_and_each_time_anew(call: Recurra) -> None:
    for number in (1, 2):
        assert call("demo", "--steps", 1).code == 0
        assert Path(f"runs/demo-text-{number}/report.json").is_file()
    refused(call("demo", "--steps", 1, "--out", "runs/demo-text-1"), "exists")
    assert call("demo", "--steps", 1, "--out", "runs/demo-text-1", "--overwrite").code == 0


def test_what_is_missing_is_told_before_it_starts(
    call: Recurra, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    lacks = {"babel"}
    monkeypatch.setattr(command, "find_spec", lambda name: None if name in lacks else there(name))
    refused(call("demo", "labels", "--steps", 1), "labels", "babel", "pip install")
    assert not Path("runs").exists()
    lacks.add("matplotlib")
    done = call("demo", "--steps", 1)
    assert done.code == 0
    assert 'pip install "recurra[show]"' in done.out
    assert "browser" not in done.out


def test_after_ctrl_c_it_says_how_to_go_on(call: Recurra, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(*_: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(command.Growing, "stepped", pressed)
    done = call("demo", "--steps", 3)
    assert done.code == 130
    assert "to do: recurra resume runs/demo-text-1" in done.err
    assert call("resume", "runs/demo-text-1", "--quiet").code == 0


def test_lines_come_some_seconds_apart_and_the_last_one_always(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    growing = command.Growing(Console(), "letters", 0.0)
    for now in (1.0, 3.0, 9.5, 62.0, 63.0):
        line = {"select": 0.0, "train": 1.0, "passed": now / 63, "sample": "ONE\n\nTWO\nTHREE\nF"}
        growing.reported(line, Plan(1), True)
    lines = capsys.readouterr().out.split("\n")[:-1]
    assert [line[:6] for line in lines] == ["  0:01", "  0:09", "  1:02", "  1:03"]
    assert lines[0].split() == ["0:01", "1.0", "ONE", "|", "TWO"]


def test_what_is_kept_unseen_is_nowhere_in_what_is_learnt_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    (names, said, keys), (unseen, truths, others) = built_in.names_by_language()
    assert len(names) == len(said) == len(keys) > 5 * len(unseen) > 5000
    assert not set(keys) & set(others)
    assert not set(names) & set(unseen)
    assert len(set(said)) == len(set(truths)) == len(built_in.LANGUAGES)
    pairs, days = built_in.dates()
    assert len(pairs) > 5 * len(days) > 5000
    assert not set(pairs) & set(days)
    past, year = built_in.carbon_dioxide()
    assert len(year) == built_in.WEEKS
    assert past["week"].max() < year["week"].min()
    known, drawn = built_in.displays()
    assert not {each.image.tobytes() for each in known} & {each.image.tobytes() for each in drawn}


def test_surprise_is_coloured_the_more_the_stronger() -> None:
    line = demos._coloured("abc", [0.1, 1.5, 7.0])
    assert line.plain == "    abc"
    styles = [str(span.style) for span in line.spans]
    assert styles == ["bold yellow", "bold white on red"]


def test_right_and_wrong_are_told() -> None:
    good, bad = demos._right(["a", "bb"], ["x", "y"], ["x", "z"])
    assert (good.plain, bad.plain) == ("    a   x  right", "    bb  z  wrong: y")
    assert demos._share(["x", "y"], ["x", "z"]) == "1 of 2 right (50.0 %)"
