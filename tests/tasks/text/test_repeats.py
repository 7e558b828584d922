from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from commands import Recurra
from recurra.data.line_reader import RawLine
from recurra.tasks.text import evaluate, repeats
from recurra.tasks.text.anomaly import Line, LineReader, LineStatistics
from recurra.tasks.text.estimator import TextModel
from recurra.tasks.text.repeats import Repeats
from small import SMALL, small_text

USUAL = Line(1, "INFO login ok", 3.0, 14, 0.0, 1, 0.5, 0, "", 0.0, False, False)
LIMIT = 2.0


def odd(text: str, name: str, otherwise: float) -> Line:
    return replace(USUAL, text=text, score=9.0, name=name, otherwise=otherwise)


def test_a_name_rings_once_and_is_counted() -> None:
    mine = Repeats(LIMIT)
    rung = [mine.again(odd(f"INFO ok db-17x {n}", "db-17x", 1.0)) for n in range(4)]
    assert rung == [None, "db-17x", "db-17x", "db-17x"]
    assert mine.counts == {"db-17x": 3}
    # What is odd in another way too rings.
    assert mine.again(odd("FATAL db-17x", "db-17x", 5.0)) is None
    # And then not every line that is about as odd.
    assert mine.again(odd("FATAL db-17x", "db-17x", 5.5)) == "db-17x"
    assert mine.summary() == "; lines odd for what had rung already: 4 ('db-17x' 4)"
    assert Repeats(LIMIT).summary() == ""


def test_a_word_of_usual_lines_is_no_name() -> None:
    mine = Repeats(LIMIT)
    assert mine.again(USUAL) is None
    assert [mine.again(odd(f"{n} login", "login", 0.0)) for n in range(3)] == [None] * 3
    # A line that comes again as it is does not ring again, whatever is odd of it.
    assert [mine.again(odd("?!", "", 9.0)) for _ in range(3)] == [None, "?!", "?!"]


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "MOST", 3)
    mine = Repeats(LIMIT)
    for n in range(9):
        mine.again(odd(f"name{n}", f"name{n}", 0.0))
        mine.again(odd("x" * 300 + str(n), "x" * 300, 0.0))
    assert list(mine.counts) == ["name0", "name1", "name2"]


def test_a_name_is_where_a_line_is_odd(trained: Path) -> None:
    model = TextModel.load(trained)
    reader = LineReader(model.network, model.vocabulary, 0.01, model.line_statistics)
    text = "The quick brown fox 3 jumps over the zebra-λ9 dog."
    [line] = reader.read([RawLine(text, True, False)])
    assert line.name == "zebra-λ9"
    assert text.index(line.name) <= line.column - 1 < text.index(" dog")
    assert line.otherwise < line.score
    [line] = reader.read([RawLine("The quick brown fox 4 jumps over ? lazy dog.", True, False)])
    assert line.name != "?"


@pytest.mark.parametrize("tokens", ["words", "bpe:300", "bytes"])
def test_a_name_is_a_word_of_any_tokens(tokens: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "FREE_LENGTH", 100)
    usual = "The quick brown fox 3 jumps over the lazy dog.\n"
    more = "".join(f"Line {n} has word{n * n % 89}, word{n} and word{n}.\n" for n in range(60))
    made = TextModel(**{**SMALL, "steps": 40, "tokens": tokens}).fit(text=small_text(100) + more)
    cheap = LineStatistics(0.5, 1.0, 0.0, np.zeros(9, np.float32), "\n")
    reader = LineReader(made.network, made.vocabulary, 0.01, cheap)
    rows = [RawLine(row, True, False) for row in (usual * 3).split("\n")[:3]]
    odd = RawLine("The quick brown Zebra-λ 3 jumps over the lazy dog.", True, False)
    *_, line = reader.read([*rows, odd])
    assert line.name == "Zebra-λ"
    assert line.otherwise < line.score


def test_commands_ring_once(trained: Path, tmp_path: Path, call: Recurra) -> None:
    rows = [f"The quick brown fox {n % 7} jumps over the lazy dog." for n in range(30)]
    for n in range(5, 25):
        rows[n] = rows[n].replace("fox", "Xylophon")
    (tmp_path / "new.log").write_text("\n".join(rows) + "\n")
    limit = str(TextModel.load(trained).line_statistics.threshold(0.99) + 5)
    done = call("evaluate", trained, tmp_path / "new.log", "--watch", "--threshold", limit)
    named = [row for row in done.out.splitlines() if "Xylophon" in row]
    assert 1 <= len(named) <= 4  # what follows the name is not as odd each time
    again = 20 - len(named)
    assert f"odd for what had rung already: {again} ('Xylophon' {again})" in done.err
    found = call("evaluate", trained, tmp_path / "new.log", "--per-line", "--json", "--top", 0).out
    top = json.loads(found)["top"]
    assert len(top) == 30
    assert top[0]["name"] == "Xylophon"
    assert top[0]["again"] >= 16
