"""`recurra translate` as typed, over a model that needs no training."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len

import recurra.tasks.pairs
from commands import Recurra, refused
from recurra.tasks.pairs.known import PairScore, Read
from said_pairs import looks


@dataclass(frozen=True)
class Written:
    text: str
    score: float
    log_probability: float
    ended: bool
    source: list[str]
    pieces: list[str]
    attention: Any


class Upper:
    """Translates into capitals, and remembers how it was asked."""

    asked: list[tuple[list[str], dict[str, Any]]]

    @classmethod
    def load(cls, path: Path) -> Upper:
        del path
        return cls()

    def read(self, texts: Sequence[str]) -> list[Read]:
        """Small letters alone are known, of words and by themselves."""
        return [
            Read(
                text.lower(),
                tuple(word for word in text.split() if word.isdigit()),
                1.0 - sum(word.isdigit() for word in text.split()) / max(1, len(text.split())),
                text != text.lower(),
            )
            for text in texts
        ]

    def score_pairs(self, sources: Sequence[str], targets: Sequence[str]) -> list[PairScore]:
        """By how long they are."""
        read = self.read(sources)
        return [
            PairScore(-float(len(target)), 2, each.known, each.unknown)
            for each, target in zip(read, targets, strict=True)
        ]

    def translations(self, texts: Sequence[str], **search: Any) -> list[list[Written]]:
        """As many as are asked for, each with a sign more."""
        Upper.asked.append((list(texts), search))
        return [
            [
                Written(
                    text.upper() + "!" * k,
                    -0.5 - k,
                    -4.0 - k,
                    True,
                    list(text),
                    list(text),
                    looks(len(text), len(text)),
                )
                for k in range(search.get("n_best", 1))
            ]
            for text in texts
        ]


@pytest.fixture(autouse=True)
def model(monkeypatch: pytest.MonkeyPatch) -> type[Upper]:
    stand_in: Any = ModuleType("recurra.tasks.pairs.estimator")
    stand_in.PairModel = Upper
    # The command line imports both anew, and finds this one.
    monkeypatch.setitem(sys.modules, "recurra.tasks.pairs.estimator", stand_in)
    monkeypatch.delitem(sys.modules, "recurra.tasks.pairs.command", raising=False)
    monkeypatch.delattr(recurra.tasks.pairs, "command", raising=False)
    Upper.asked = []
    return Upper


@pytest.fixture(autouse=True)
def gone() -> Any:
    """What was imported over the stand-in does not outlive a test."""
    yield
    sys.modules.pop("recurra.tasks.pairs.command", None)
    if hasattr(recurra.tasks.pairs, "command"):
        del recurra.tasks.pairs.command


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def give(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    return give


def test_texts_and_lines_are_translated_line_by_line(call: Recurra, typed: Any) -> None:
    assert call("translate", "run", "ein hund", "zwei").out == "EIN HUND\nZWEI\n"
    typed("eins\r\n\n  \nzwei\n\ndrei")
    assert call("translate", "run").out == "EINS\n\n\nZWEI\n\nDREI\n"
    typed("a b\n" * 50_000)
    assert call("translate", "run").out == "A B\n" * 50_000
    typed("")
    assert call("translate", "run").out == ""
    typed("\n\n")
    assert call("translate", "run").out == "\n\n"


def test_blank_lines_ask_nothing_of_the_model(call: Recurra, typed: Any, model: Any) -> None:
    typed("\n \neins\n\nzwei\n")
    call("translate", "run")
    assert model.asked == [(["eins", "zwei"], {})]


def test_a_line_end_in_a_translation_moves_no_other_line(call: Recurra) -> None:
    assert call("translate", "run", "eins\nzwei", "drei").out == "EINS ZWEI\nDREI\n"


def test_the_best_few_with_their_scores(call: Recurra, typed: Any) -> None:
    typed("a\n\nb\n")
    lines = call("translate", "run", "--n-best", 2).out.split("\n")
    assert lines == ["-0.5000\tA", "-1.5000\tA!", "", "", "-0.5000\tB", "-1.5000\tB!", "", ""]


def test_every_input_is_a_line_of_json(call: Recurra, typed: Any) -> None:
    typed("a\n\n한국\n")
    first, blank, last = map(json.loads, call("translate", "run", "--json").out.splitlines())
    assert blank == {"source": "", "known": 1.0, "unknown": [], "translations": []}
    assert last["source"] == last["translations"][0]["text"] == "한국"
    assert first["translations"] == [
        {"text": "A", "score": -0.5, "log_probability": -4.0, "ended": True}
    ]
    (one,) = call("translate", "run", "ab", "--json", "--show-attention").out.splitlines()
    found = json.loads(one)["translations"][0]
    assert found["pieces"] == found["source_pieces"] == ["a", "b"]
    assert np.allclose(found["attention"], looks(2, 2), atol=1e-4)


def test_what_is_unknown_is_told_once_a_text(call: Recurra) -> None:
    said = call("translate", "run", "ein hund", "ein 7", "THE DOG", "1 2 3 ja")
    assert said.out == "EIN HUND\nEIN 7\nTHE DOG\n1 2 3 JA\n"
    assert said.err.splitlines() == [
        "recurra: 'ein 7': not in what it was trained on: '7'",
        "recurra: 'THE DOG': read as 'the dog'",
        "recurra: '1 2 3 ja': not in what it was trained on: '1', '2', '3'; which makes most of "
        "it: another language?",
    ]
    said = call("translate", "run", "EIN 7", "--json")
    assert said.err == ""
    found = json.loads(said.out)
    assert (found["known"], found["unknown"], found["read_as"]) == (0.5, ["7"], "ein 7")


def test_scores_of_translations(call: Recurra, model: Any) -> None:
    # Of four letters and the end, in nats.
    assert call("translate", "run", "ab 7", "--score").out == "-0.8000\t0.50\tAB 7\n"
    call("translate", "run", "ab 7", "--replace-unknown")
    assert model.asked[-1][1] == {"replace_unknown": True}


def test_scores_of_given_pairs(call: Recurra, typed: Any, tmp_path: Path) -> None:
    file = tmp_path / "true.txt"
    file.write_text("zwei\nab\n", "utf-8")
    said = call("translate", "run", "two", "ab 7", "--score", "--target", file)
    assert said.out == "-2.0000\t1.00\tzwei\n-1.0000\t0.50\tab\n"
    typed("two\nab\n")
    said = call("translate", "run", "--score", "--target", file, "--json")
    assert json.loads(said.out.splitlines()[0]) == {
        "source": "two",
        "target": "zwei",
        "score": -2.0,
        "log_probability": -4.0,
        "known": 1.0,
        "unknown": [],
    }
    refused(call("translate", "run", "a", "--score", "--target", file), "1 text, and ")
    refused(call("translate", "run", *"abc", "--score", "--target", file), "3 texts, and")
    refused(call("translate", "run", "a", "--target", file), "--score beside it")
    refused(
        call("translate", "run", "a", "--score", "--target", file, "--beam", 2),
        "options of a search",
    )


def test_attention_is_shown_in_80_columns(call: Recurra) -> None:
    text = "한국어 und ein langer Satz, der länger ist als die Zeile eines Terminals breit ist"
    out = call("translate", "run", text, "--show-attention").out
    lines = out.split("\n")
    assert lines[0] == text.upper()
    assert max(map(cell_len, lines[1:])) <= 79
    assert "▒▒" in out
    assert "█ from 75 %" in out


def test_options_reach_the_model_as_they_were_given(call: Recurra, model: Any) -> None:
    words = ["--beam", 3, "--n-best", 2, "--length-penalty", 0.6, "--coverage-penalty", 0.2]
    call("translate", "run", "a", *words, "--no-repeat-ngram", 3)
    assert model.asked[-1][1] == {
        "beam": 3,
        "n_best": 2,
        "length_penalty": 0.6,
        "coverage_penalty": 0.2,
        "no_repeat_ngram": 3,
    }
    call("translate", "run", "a", "--temperature", 0.5, "--top-k", 3, "--seed", 7)
    search = model.asked[-1][1]
    assert search["seed"] == 7
    assert (search["sample"].temperature, search["sample"].top_k) == (0.5, 3)
    call("translate", "run", "a", "--sample")
    assert model.asked[-1][1]["sample"].temperature == 1.0


def test_options_that_exclude_each_other_are_named(call: Recurra) -> None:
    refused(call("translate", "run", "a", "--sample", "--beam", 2), "--beam 2 and --sample")
    refused(call("translate", "run", "a", "--top-p", 0.9, "--beam", 2), "--beam 2 and --sample")
    refused(call("translate", "run", "a", "--temperature", -1), "temperature = -1.0")
    refused(call("translate", "run", "a", "--top-p", 1.5), "top-p = 1.5")


def test_help_names_every_option(call: Recurra) -> None:
    said = call("translate", "--help").out
    for name in (
        "beam",
        "n-best",
        "length-penalty",
        "coverage-penalty",
        "no-repeat-ngram",
        "sample",
    ):
        assert f"--{name}" in said
    assert "dates from English" in " ".join(call("train", "pairs", "--help").out.split())
