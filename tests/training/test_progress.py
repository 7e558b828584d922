from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from recurra.training.plan import Plan
from recurra.training.progress import Bar, Silence

LONG = "/a/very/long/path" * 12


def drive(bar: Bar, steps: int = 6) -> None:
    plan = Plan(100, 10)
    bar.says(f"run: {LONG}")
    bar.begins(plan, 0)
    for step in range(1, steps + 1):
        bar.stepped(step, 3.0 / step, 640, 0.01)
    bar.reported(report(step=10, train=2.5, select=2.25), plan, True)
    bar.reported(report(step=20, train=2.25, select=2.3), plan, False)
    bar.revised(Plan(80, 10))
    bar.reported(report(step=30, train=None, select=None), Plan(80, 10), False)
    bar.ends()


def report(**values: Any) -> dict[str, Any]:
    return {"passed": values["step"] / 100, "seconds": 1.0, **values}


def shown(terminal: bool, **options: Any) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=80, _environ={})
    drive(Bar(console, unit="characters", measure="nats a character", **options))
    return out.getvalue()


def test_piped_progress_is_plain_lines() -> None:
    lines = shown(terminal=False).split("\n")
    assert lines[0] == f"run: {LONG}"
    assert " ".join(lines[1].split()) == "passed step training selection nats a character"
    assert lines[2] == "   10 %       10    2.5000     2.2500   64,000 characters/s"
    assert lines[3] == "   20 %       20    2.2500     2.3000   64,000 characters/s; not better"
    assert lines[4] == (
        "   30 %       30         -          -   64,000 characters/s; plan now 80 steps, to keep "
        "to the time"
    )
    assert lines[5:] == [""]


def test_no_control_codes_are_piped() -> None:
    assert re.fullmatch(r"[\x20-\x7e\n]*", shown(terminal=False))


def test_a_terminal_has_a_bar_and_is_put_right_again() -> None:
    text = shown(terminal=True)
    assert "training" in text
    assert "characters/s" in text
    assert "left" in text
    hidden, again = "\x1b[?25l", "\x1b[?25h"
    assert text.count(hidden) == text.count(again) == 1
    assert text.index(hidden) < text.index(again)


def test_a_beaten_baseline_is_told_once() -> None:
    text = shown(terminal=False, target=("5-gram", 2.28))
    assert text.count("passed the 5-gram, 2.280") == 1


def test_going_on_says_from_where() -> None:
    out = io.StringIO()
    bar = Bar(Console(file=out, width=80), unit="characters", measure="nats a character")
    bar.begins(Plan(1000), 250)
    bar.stepped(251, 1.0, 640, 0.01)
    bar.stepped(252, 1.0, 0, 0.01)
    bar.ends()
    assert "going on from step 250 of 1,000" in out.getvalue()


def test_messages_are_no_markup() -> None:
    out = io.StringIO()
    Bar(Console(file=out, width=80), unit="x", measure="y").says("run: runs/[bold]x[/]")
    assert out.getvalue() == "run: runs/[bold]x[/]\n"


def test_silence_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    silence = Silence()
    silence.begins(Plan(3), 0)
    silence.stepped(1, 1.0, 1, 1.0)
    silence.reported(report(step=1, train=1.0, select=1.0), Plan(3), True)
    silence.says("x")
    silence.ends()
    assert capfd.readouterr() == ("", "")
