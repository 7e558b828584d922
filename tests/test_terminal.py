"""No control character of data or files reaches a terminal: read back from a pseudo-terminal."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recurra.bundle import CONFIG, Run
from recurra.console import guard
from recurra.console.guard import Terminal, guarded, shown

pty = pytest.importorskip("pty")

FROZEN = Path(__file__).parent / "frozen"
EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\x08\x0c\u202e"

OWN = re.compile(r"\x1b\[(?:\?25[lh]|2K|1A|[0-9;]*m)")
"""Colours, and what a bar moves by."""


def test_controls_are_written_out_and_text_stays() -> None:
    assert shown("a\tb\nc\r\nd é 한 \xa0 👩‍👩‍👧") == "a\tb\nc\nd é 한 \xa0 👩‍👩‍👧"
    assert shown("\x1b]0;x\x07") == r"\x1b]0;x\x07"
    assert shown("\x9b\x7f\u202e\r") == r"\x9b\x7f\u202e\r"


def test_line_ends_in_two_pieces_stay_and_others_are_seen() -> None:
    held = io.StringIO()
    for piece in ("a\r", "\nb", "\r", "c", "\r\n"):
        assert Terminal(held).write(piece) == len(piece)
    one = Terminal(held := io.StringIO())
    for piece in ("a\r", "\nb", "\r", "c", "\r\n"):
        one.write(piece)
    assert held.getvalue() == "a\nb" + r"\r" + "c\n"


def test_files_and_pipes_get_all_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    with guarded():
        assert sys.stdout is before
        print(EVIL)
    assert capsys.readouterr().out == EVIL + "\n"


def test_texts_in_a_console_are_shown_and_its_colours_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    with guarded():
        guard.console().print(f"[bold]own[/bold] {EVIL}", highlight=False)
        print("plain")
    assert sys.stdout is screen
    assert "\x1b[1mown\x1b[0m" in screen.getvalue()
    clean(screen.getvalue())


def clean(said: str) -> None:
    """Nothing that a terminal obeys but colours and bars."""
    left = OWN.sub("", said.replace("\r\n", "\n").replace("\r\x1b", "\x1b"))
    assert shown(left) == left, repr(left)


def on_a_terminal(*words: str, folder: Path, typed: str = "") -> str:
    """What a command prints on a terminal of its own, standard error too."""
    master, slave = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "recurra", *words],
        stdin=subprocess.PIPE,
        stdout=slave,
        stderr=slave,
        cwd=folder,
        env=os.environ | {"TERM": "xterm", "OMP_NUM_THREADS": "1"},
    )
    os.close(slave)
    assert done.stdin is not None
    done.stdin.write(typed.encode())
    done.stdin.close()
    said = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        said += piece
    os.close(master)
    done.wait()
    return said.decode("utf-8", "replace")


def spoilt(value: Any) -> Any:
    """A value of JSON whose texts all begin with controls; names stay."""
    if isinstance(value, dict):
        return {key: spoilt(each) for key, each in value.items()}
    if isinstance(value, list):
        return [spoilt(each) for each in value]
    return EVIL + value if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("task", "verb"),
    [
        ("text-characters", ["generate", "run", "--length", "40", "--seed", "1"]),
        ("labels-texts", ["classify", "run", "a good \x1b[2J film"]),
        ("series-panel", ["forecast", "run"]),
        ("pairs-words", ["translate", "run", f"a {EVIL} b", "--show-attention"]),
        ("captions-strips", ["caption", "run", "0.png"]),
    ],
)
def test_every_command_of_a_run_full_of_controls(
    tmp_path: Path, task: str, verb: list[str]
) -> None:
    shutil.copytree(FROZEN / task / "run", tmp_path / "run")
    for picture in (FROZEN / task).glob("*.png"):
        shutil.copy(picture, tmp_path)
    run = Run(tmp_path / "run")
    report = run.read_json("report.json")
    for key, value in report.items():
        if isinstance(value, list):
            report[key] = spoilt(value)
    report["data"]["name"] = EVIL
    run.write_json("report.json", report)
    config = run.config()
    classes = config["inference"].get("classes")
    if classes:
        config["inference"]["classes"] = [EVIL + each for each in classes]
        run.write_json(CONFIG, config)
    if task == "text-characters":
        # As many characters, all of them controls.
        name = "vocabulary.json"
        held = run.read_json(name)
        places = (*range(10), *range(11, 32), *range(0x7F, 0xA0), *range(0x200E, 0x20FF))
        held["symbols"] = ["\n", *map(chr, places)][: len(held["symbols"])]
        run.write_json(name, held)
    said = ""
    for words in (
        verb,
        ["evaluate", "run"],
        ["evaluate", f"no{EVIL}run"],
        ["evaluate", "run", EVIL],
        ["evaluate", "run", "--quantile", EVIL],
        ["certify", "run"],
        ["show", "run"],
        ["resume", "run"],
    ):
        now = on_a_terminal(*words, folder=tmp_path)
        clean(now)
        assert "Traceback" not in now
        assert "internal error" not in now, now
        said += now
    assert said.count(r"\x1b") >= 3


def test_a_training_on_data_full_of_controls(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    rows = [f"{EVIL}{n % 7} film,{'good' if n % 2 else EVIL + 'bad'}" for n in range(60)]
    name = f"data{EVIL}.csv"
    (tmp_path / name).write_text("\n".join(["text,label", *rows]) + "\n", "utf-8", newline="")
    how = [
        "--steps",
        "4",
        "--threads",
        "1",
        "--hidden",
        "4",
        "--ensemble",
        "1",
        "--tokens",
        "words",
    ]
    said = on_a_terminal("train", "labels", name, *how, "--out", f"r{EVIL}n", folder=tmp_path)
    clean(said)
    assert "Traceback" not in said
    assert "\x1b[" in said  # the bar
    assert r"\x1b]0;owned" in said
    card = (tmp_path / f"r{EVIL}n" / "README.md").read_text("utf-8")
    assert shown(card) == card
