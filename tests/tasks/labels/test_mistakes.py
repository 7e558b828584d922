from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from recurra.data.source_locations import Places
from recurra.tasks.labels import mistakes
from recurra.tasks.labels.examples import Examples, numbers, texts, tokens
from recurra.tasks.labels.mistakes import by_class, confusion, wrong
from recurra.tasks.labels.targets import Numbers, Targets


def places(n: int) -> Places:
    return Places((("file.tsv", "line", range(2, n + 2)),))


def truth_of(examples: Examples, *classes: str) -> Targets:
    return Targets.of(examples, np.arange(len(examples)), classes)


def of_texts(labels: str) -> Targets:
    found = [f"text {n}" for n in range(len(labels))]
    return truth_of(texts(found, list(labels), places(len(labels))), "a", "b", "c", "d")


def row(*said: int) -> Numbers:
    return np.array(said, np.int64)


def test_each_class_has_its_figures() -> None:
    truth, said = of_texts("aaabbc"), row(0, 0, 1, 1, 3, 0)
    found = {each["name"]: each for each in by_class(truth, said)}
    assert found["a"] == {
        "name": "a",
        "examples": 3,
        "predicted": 3,
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(2 / 3),
    }
    assert (found["c"]["examples"], found["c"]["predicted"], found["c"]["f1"]) == (1, 0, 0)
    assert (found["d"]["examples"], found["d"]["predicted"], found["d"]["f1"]) == (0, 1, 0)
    mean = np.mean([each["f1"] for each in found.values()])
    assert mean == pytest.approx(f1_score(truth.targets, said, average="macro", zero_division=0))


def test_types_of_spans_have_theirs() -> None:
    tags = [("B-x", "I-x", "O"), ("B-y", "O", "B-x")]
    examples = tokens([["a", "b", "c"]] * 2, tags, places(2), tagged=True)
    truth = truth_of(examples, "B-x", "B-y", "I-x", "O")
    found = by_class(truth, row(0, 2, 3, 1, 1, 3))
    assert found == [
        {"name": "x", "examples": 2, "predicted": 1, "precision": 1, "recall": 0.5}
        | {"f1": pytest.approx(2 / 3)},
        {"name": "y", "examples": 1, "predicted": 2, "precision": 0.5, "recall": 1}
        | {"f1": pytest.approx(2 / 3)},
    ]


def test_rows_are_true_and_columns_said() -> None:
    found = confusion(of_texts("aaabbc"), row(0, 1, 1, 1, 3, 0))
    assert found["confusion"] == [[1, 2, 0, 0], [0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert found["confusions"] == [
        {"true": "a", "predicted": "b", "count": 2, "of": 3},
        {"true": "b", "predicted": "d", "count": 1, "of": 2},
        {"true": "c", "predicted": "a", "count": 1, "of": 1},
    ]
    assert confusion(of_texts("ab"), row(0, 1))["confusions"] == []


def test_the_least_likely_truths_come_first() -> None:
    truth, said = of_texts("aaaab"), row(1, 0, 1, 2, 1)
    found = wrong(truth, said, np.array([0.3, 0.01, 0.1, 0.2, 0.9]), np.full(5, 0.6))
    assert [each["where"] for each in found] == [f"file.tsv, line {n}" for n in (4, 5, 2)]
    assert found[0] == {
        "where": "file.tsv, line 4",
        "text": "text 2",
        "true": "a",
        "predicted": "b",
        "p_true": 0.1,
        "p_predicted": 0.6,
    }


def test_the_same_text_comes_once_and_long_ones_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    long = "x" * 1000
    examples = texts(["same", "same", long, "other"], list("aaaa"), places(4))
    chances = np.array([0.1, 0.2, 0.3, 0.4])
    found = wrong(truth_of(examples, "a", "b"), row(1, 1, 1, 1), chances, 1 - chances)
    assert [each["text"] for each in found] == ["same", "x" * mistakes.LONGEST + "…", "other"]
    monkeypatch.setattr(mistakes, "WRONG", 2)
    assert len(wrong(truth_of(examples, "a", "b"), row(1, 1, 1, 1), chances, chances)) == 2


def test_a_sentence_is_shown_by_its_worst_step() -> None:
    words = [f"w{n}" for n in range(200)]
    examples = tokens([words, ["alone"]], [("O",) * 200, ("O",)], places(2), tagged=True)
    truth, said = truth_of(examples, "B-x", "O"), np.zeros(201, np.int64)
    chances = np.full(201, 0.5)
    chances[150], chances[20] = 0.01, 0.02
    first, second = wrong(truth, said, chances, chances)
    assert (first["token"], first["where"], first["p_true"]) == ("w150", "file.tsv, line 2", 0.01)
    assert first["before"].endswith(" w148 w149")
    assert first["after"].startswith("w151 w152 ")
    assert len(first["before"]) == len(first["after"]) == mistakes.LONGEST // 2 + 1
    assert (second["before"], second["token"], second["after"]) == ("", "alone", "")


def test_numbers_are_shown_by_their_size() -> None:
    values = [np.zeros((n, 3), np.float32) for n in (4, 7)]
    examples = numbers(values, ["a", "a"], places(2))
    found = wrong(truth_of(examples, "a", "b"), row(1, 1), np.array([0.4, 0.1]), np.ones(2))
    assert [(each["steps"], each["channels"]) for each in found] == [(7, 3), (4, 3)]
    lists = tokens([["a", "b"]], ["a"], places(1), tagged=False)
    (listed,) = wrong(truth_of(lists, "a", "b"), row(1), np.ones(1), np.ones(1))
    assert listed["text"] == "a b"
