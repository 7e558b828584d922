from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import BenchOptions, lines
from recurra.tasks.text import evaluate
from small import small_text


def test_each_text_is_followed_by_what_it_never_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "FREE_LENGTH", 100)
    monkeypatch.setattr(lines, "MODEL", {"hidden": 8, "layers": 1, "batch": 8, "bptt": 16})
    (tmp_path / "one.txt").write_text(small_text(120))
    lines.run(BenchOptions(data=tmp_path))
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [(row["text"], row["steps"], row["lines"]) for row in found["rows"]] == [
        ("one", 150, 8),
        ("one", 12, 8),
    ]


def test_what_is_made_anywhere_is_lines() -> None:
    for name, made in lines.MADE.items():
        assert made().count("\n") > 1000, name
