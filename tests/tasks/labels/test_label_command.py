"""`recurra train labels`, `classify`, `evaluate` and `show`, as typed."""

from __future__ import annotations

import io
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commands import Recurra, refused
from recurra.cli import main

OPTIONS = [
    *["--steps", "100", "--hidden", "10", "--embedding", "8", "--batch", "8"],
    *["--dropout", "0.1", "--lr", "0.05", "--threads", "1"],
]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | bytes], None]:
    def give(text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return give


def table(path: Path, rows: int = 90) -> Path:
    draw = random.Random(1)
    lines = ["text\tlabel"]
    for k in range(rows):
        word = draw.choice(["bright", "warm"] if k % 2 else ["dull", "cold"])
        lines.append(f"it was {word} {draw.randint(0, 999)}\t{'good' if k % 2 else 'bad'}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def mood(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mood")
    words = ["train", "labels", table(folder / "reviews.tsv"), "--out", folder / "run", "--quiet"]
    assert main([str(word) for word in words] + OPTIONS) == 0
    return folder / "run"


def test_a_training_ends_with_its_report(tmp_path: Path, call: Recurra) -> None:
    data = table(tmp_path / "reviews.tsv")
    done = call("train", "labels", data, "--out", tmp_path / "run", *OPTIONS)
    assert done.code == 0, done.err
    assert "to beat: linear SVM" in done.err
    assert "Verdict: " in done.out
    assert done.out.rstrip().endswith(f"run: {tmp_path / 'run'}")
    assert max(map(len, done.out.splitlines())) <= max(80, len(str(tmp_path)) + 9)
    assert data.read_text().startswith("text\tlabel")
    again = call("evaluate", tmp_path / "run")
    assert again.out.strip() in done.out
    assert json.loads(call("evaluate", tmp_path / "run", "--json").out)["verdict"]


def test_texts_and_lines_are_classified(mood: Path, call: Recurra, typed: Any) -> None:
    done = call("classify", mood, "it was warm", "it was cold")
    assert [line.split("\t")[0] for line in done.out.splitlines()] == ["good", "bad"]
    typed("it was warm\r\n\nit was cold")
    lines = call("classify", mood).out.splitlines()
    assert len(lines) == 3
    assert [lines[0].split("\t")[0], lines[2].split("\t")[0]] == ["good", "bad"]
    typed("it was warm\n" * 5000)
    assert call("classify", mood).out.count("good\t") == 5000
    typed("it was dull\n")
    said = json.loads(call("classify", mood, "--json").out)
    assert said["label"] == "bad"
    assert 0.5 <= said["probability"] <= 1


def test_odd_texts_are_classified_too(mood: Path, call: Recurra, typed: Any) -> None:
    odd = ["", " ", "🙂🙃", "a" * 10_000, "word " * 3000, "\x07\x1b[31m", "한국어 العربية"]
    typed("\n".join(odd) + "\n")
    done = call("classify", mood)
    assert done.code == 0
    assert len(done.out.splitlines()) == len(odd)


def test_other_data_are_evaluated(mood: Path, tmp_path: Path, call: Recurra) -> None:
    other = table(tmp_path / "other.tsv", 40)
    done = call("evaluate", mood, other)
    assert done.code == 0, done.err
    assert "40 texts" in done.out
    wrong = tmp_path / "wrong.tsv"
    wrong.write_text("text\tlabel\nfine\tugly\n")
    refused(call("evaluate", mood, wrong), "wrong.tsv, line 2", "'ugly'", "'bad', 'good'")


def test_a_stream_of_steps_is_labelled(tmp_path: Path, call: Recurra, typed: Any) -> None:
    draw = np.random.default_rng(0)
    rows = []
    for k in range(40):
        for t in range(5):
            value = (1 if k % 2 else -1) * t + 0.1 * draw.standard_normal()
            rows.append(f"{k},{t},{value:.3f},{'up' if k % 2 else 'down'}")
    data = tmp_path / "steps.csv"
    data.write_text("id,t,value,label\n" + "\n".join(rows) + "\n")
    words = ["--sequence", "id", "--time", "t", "--no-bidirectional", "--out", tmp_path / "run"]
    done = call("train", "labels", data, *words, *OPTIONS, "--quiet")
    assert done.code == 0, done.err
    typed("0\n1\n2\n3\n\n0\n-1\n-2\n-3\n")
    lines = call("classify", tmp_path / "run", "--stream").out.splitlines()
    assert len(lines) == 8
    assert [lines[3].split("\t")[0], lines[7].split("\t")[0]] == ["up", "down"]
    for bad, word in (("1,2\n", "2 values"), ("x\n", "'x'"), ("inf\n", "'inf'")):
        typed(bad)
        done = call("classify", tmp_path / "run", "--stream")
        assert done.code == 2
        assert "standard input, line 1" in done.err
        assert word in done.err
    typed("0\n")
    refused(call("classify", tmp_path / "run"), "number sequences", "--stream")


def test_a_tagger_tags(tmp_path: Path, call: Recurra, typed: Any) -> None:
    draw = random.Random(0)
    lines = []
    for _ in range(60):
        for _ in range(draw.randint(1, 3)):
            lines += ["the\tO", f"{draw.choice(['cat', 'dog'])}\tB-animal"]
        lines.append("")
    data = tmp_path / "pets.conll"
    data.write_text("\n".join(lines))
    done = call("train", "labels", data, "--tag", "--out", tmp_path / "run", *OPTIONS, "--quiet")
    assert done.code == 0, done.err
    assert "span F1" in done.out
    typed("the cat\n\nthe dog\n")
    out = call("classify", tmp_path / "run").out
    assert out == "the\tO\ncat\tB-animal\n\n\n\nthe\tO\ndog\tB-animal\n\n"
    typed("the cat\n")
    said = json.loads(call("classify", tmp_path / "run", "--json").out)
    assert said[1] == {"token": "cat", "tag": "B-animal"}


def test_what_there_is_to_see_is_drawn(mood: Path, call: Recurra) -> None:
    pytest.importorskip("matplotlib")
    done = call("show", mood)
    assert done.code == 0, done.err
    files = [Path(line) for line in done.out.splitlines()]
    named = {file.name: file for file in files}
    assert {"report.html", "curves.svg", "confusion.html", "calibration.svg"} < set(named)
    for file in files:
        assert (b"<svg" in file.read_bytes()) or file.suffix != ".svg"
    page = named["attribution.html"].read_text()
    assert page.count('<span class="step"') > 20
    assert "http" not in page


BAD: dict[str, tuple[str, list[str], list[str]]] = {
    "one class": ("text\tlabel\n" + "a b\tx\n" * 30, [], ["one class"]),
    "a lonely class": (
        "text\tlabel\n"
        + "".join(f"t {k}\t{'x' if k % 2 else 'y'}\n" for k in range(30))
        + "u\tz\n",
        [],
        ["'z'", "line 32"],
    ),
    "no such column": (
        "text\tlabel\na\tb\n" * 20,
        ["--label", "mood"],
        ["--label mood", "'text', 'label'"],
    ),
    "a broken row": ("text\tlabel\na\tb\nc\n" + "d\te\n" * 20, [], ["line 3"]),
    "an empty text": ("text\tlabel\n" + "a\tx\nb\ty\n" * 20 + "\tx\n", [], ["line 42"]),
    "no rows": ("text\tlabel\n", [], ["rows"]),
    "bad tokens": (
        "text\tlabel\n" + "".join(f"t {k}\t{'x' if k % 2 else 'y'}\n" for k in range(40)),
        ["--tokens", "bytes"],
        ["--tokens bytes", "words, characters"],
    ),
    "bad pooling": (
        "text\tlabel\n" + "".join(f"t {k}\t{'x' if k % 2 else 'y'}\n" for k in range(40)),
        ["--pooling", "sum"],
        ["pooling sum", "last, mean, max, attention"],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_nothing_is_left(tmp_path: Path, call: Recurra, case: str) -> None:
    text, words, said = BAD[case]
    data = tmp_path / "data.tsv"
    data.write_text(text)
    done = call("train", "labels", data, *words, "--out", tmp_path / "run", *OPTIONS, "--quiet")
    refused(done, *said)
    assert not (tmp_path / "run").exists()
    assert data.read_text() == text


def test_labels_that_only_the_test_part_has_are_named(tmp_path: Path, call: Recurra) -> None:
    data = table(tmp_path / "train.tsv")
    (tmp_path / "test.tsv").write_text("text\tlabel\nfine\tugly\nnice\tgood\n")
    words = ["--test", tmp_path / "test.tsv", "--out", tmp_path / "run"]
    refused(call("train", "labels", data, *words, *OPTIONS, "--quiet"), "'ugly'")


def test_a_text_model_does_not_classify(trained: Path, call: Recurra) -> None:
    refused(call("classify", trained, "a"), "text")
    if not sys.platform.startswith("win"):
        refused(call("classify", trained.parent / "nothing", "a"), "nothing")
