from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from judged import baseline, logits, truth_of
from recurra.console.text import fitted, printable
from recurra.tasks.labels import render
from recurra.tasks.labels.baselines import Baseline
from recurra.tasks.labels.data import LabelData, from_python
from recurra.tasks.labels.evaluate import Answers
from recurra.tasks.labels.render import summary
from recurra.tasks.labels.report import result


def told_of(data: LabelData, skill: float = 1.5, other: float = 1.0, **more: Any) -> str:
    """The report of a model and a baseline of so much skill; its lines are checked to fit."""
    answers = Answers(logits(truth_of(data), skill, 0))
    name = "TF-IDF of characters with logistic regression"
    report = result(data, answers, 1.0, [baseline(data, other, 3, name)])
    text = summary(report | more)
    assert [line for line in text.split("\n") if cell_len(line) > 80] == []
    assert "\n\n\n" not in text
    return text


def some_texts(n: int = 400, kinds: int = 3, names: str = "c{}") -> LabelData:
    labels = [names.format(row % kinds) for row in range(n)]
    return from_python([f"text number {row}" for row in range(n)], labels)


def test_a_stranger_finds_everything() -> None:
    training = {"sentence": "Trained for 120 steps."}
    text = told_of(some_texts(4000), training=training)
    title, table, verdicts, calibration, classes, confusion, wrong, end = text.split("\n\n")
    assert title == "given: the test part, 400 texts, 3 classes"
    head, model, other = table.split("\n")
    assert head.split() == ["accuracy", "95", "%", "interval", "macro", "F1"]
    assert model.startswith("this model ")
    assert other.startswith("TF-IDF of characters with logistic regression ")
    assert len(head) == len(model) == len(other) <= 79
    assert verdicts.startswith("Verdict: Better than the TF-IDF of characters")
    assert "Each class alike: Better than the" in verdicts
    assert "(expected calibration error)" in calibration
    assert [line.split()[0] for line in classes.split("\n")] == ["class", "c0", "c1", "c2"]
    assert confusion.startswith("Rows: what is true; columns: what it said.\n")
    assert len(wrong.split("\n")) == 11
    assert wrong.split("\n")[2].startswith("    text number ")
    assert end == training["sentence"]


def test_what_is_answered_stands_beside_the_network_and_the_baseline() -> None:
    data = some_texts(4000)
    answers, other = (Answers(logits(truth_of(data), 1.4, seed)) for seed in (0, 1))
    mean = Answers(answers.logits + other.logits)
    theirs = Baseline("linear SVM", "", other.predicted)
    chosen = {"baseline": "linear SVM", "weight": 0.5, "name": "mean of both", "examples": 200}
    chosen |= {"compared": 4, "best": "mean of both"}
    report = result(data, answers, 1.0, [theirs], mean, chosen)
    text = summary(report)
    table = text.split("\n\n")[1].split("\n")
    assert [line.split("  ")[0] for line in table[1:]] == [
        "the answer",
        "the network",
        "linear SVM",
    ]
    said = " ".join(text.split())
    assert (
        "It answers with the mean of both (0.5 of the network, 0.5 of the linear SVM): of 4 that "
        "were compared, on 200 examples that none of them had learnt from, it was best. On the "
        "test part it has "
    ) in said
    assert " points against the linear SVM alone (95 % interval " in said
    for name, figures in (("model", answers), ("answer", mean)):
        right = (figures.predicted == truth_of(data).targets).mean()
        assert report[name]["accuracy"]["estimate"] == pytest.approx(right)
    # What is said of classes and examples is said of the answer.
    right = np.trace(np.array(report["confusion"]))
    assert right == (mean.predicted == truth_of(data).targets).sum()
    alone = result(data, answers, 1.0, [theirs], None, chosen | {"weight": 1.0, "name": "network"})
    assert "It answers with the network: of 4" in " ".join(summary(alone).split())
    assert "this model" in summary(alone)


def test_few_examples_have_no_interval() -> None:
    text = told_of(some_texts(50)).replace("\n", " ")
    assert "not known" in text
    assert "too little data for an interval" in text
    assert "5 texts" in text


def test_two_classes_and_fifty() -> None:
    two = told_of(some_texts(400, 2))
    assert "Each class alike" not in two
    many = told_of(some_texts(2000, 50, "a class with a rather long name, number {:02}"))
    table = next(part for part in many.split("\n\n") if part.startswith("class "))
    assert len(table.split("\n")) == 1 + render.CLASSES + 1
    assert table.split("\n")[-1] == "and 38 smaller ones, 152 examples together"
    confused = next(part for part in many.split("\n\n") if part.startswith("What it confuses"))
    assert len(confused.split("\n")) == 1 + render.SHOWN
    assert "Rows: what is true" not in many
    eight = told_of(some_texts(2000, 8, "a class with a rather long name, number {:02}"))
    assert "Rows: what is true" in eight


def test_a_grid_that_is_too_wide_becomes_its_commonest_mistakes() -> None:
    names = [f"class{n}" for n in range(8)]
    matrix = np.full((8, 8), 12_345_678)
    report = {
        "data": {"classes": names, "steps": None},
        "confusion": matrix.tolist(),
        "confusions": [{"true": "class1", "predicted": "class2", "count": 12_345_678, "of": 10**8}],
    }
    assert render._confusion(report) == [
        "What it confuses most:",
        "  class1 taken for class2: 12,345,678 of 100,000,000",
    ]
    assert len(render._confusion(report | {"confusion": (matrix // 10_000).tolist()})) == 10


def test_a_class_never_said_and_one_that_does_not_occur() -> None:
    data = some_texts(400)
    report = result(
        data,
        Answers(np.tile(np.array([1, 0, 0], np.float32), (40, 1))),
        1.0,
        [],
    )
    report["classes"][2]["examples"] = 0
    table = next(part for part in summary(report).split("\n\n") if part.startswith("class "))
    rows = {line.split()[0]: line for line in table.split("\n")}
    assert "never said" in rows["c1"]
    assert rows["c2"].split()[-3:] == ["-", "0.0", "%"]
    assert "Verdict" not in summary(report)


def test_spans_and_other_tags() -> None:
    tags = [["B-per", "I-per", "O"][: 1 + n % 3] for n in range(300)]
    data = from_python([[f"w{n}", "b", "c"][: 1 + n % 3] for n in range(300)], tags)
    text = told_of(data)
    assert "given: the test part, 30 sentences (" in text
    assert "span F1  95 % interval" in text
    assert "type of span     spans" in text
    assert "macro F1" not in text
    parts = from_python(
        [[f"w{n}", "b"] for n in range(300)],
        [["NOUN", "VERB" if n % 2 else "X"] for n in range(300)],
    )
    other = told_of(parts)
    assert "tag   " in other
    assert "points of accuracy" in other
    assert "span" not in other


def test_nothing_wrong_is_said() -> None:
    assert "Not one of them is wrong." in told_of(some_texts(400), 50)


def test_numbers_are_shown_by_their_size() -> None:
    values = [np.random.default_rng(n).normal(size=(4 + n % 3, 2)) for n in range(100)]
    text = told_of(from_python(values, [str(n % 2) for n in range(100)]), 0.5)
    assert "6 steps of 2 channels" in text or "5 steps of 2 channels" in text
    single = [each[:, :1] for each in values]
    text = told_of(from_python(single, [str(n % 2) for n in range(100)]), 0.5)
    assert "channels" not in text


def test_texts_of_all_kinds_stay_in_their_line() -> None:
    texts = [
        "emoji 👩‍👩‍👧 😀 " * 20,
        "עברית וערבית العربية " * 9,
        "line\nbreak\ttab \x1b[31mred\x07 \u202eright to left",
        "넓은 글자는 두 칸을 차지한다 " * 9,
        "é" * 500,
        "\u0301" * 300 + "x",
    ]
    inputs = [f"{n} {texts[n % 6]}" for n in range(120)]
    labels = [["긍정적인 리뷰", "سلبي", "c\x1b[0m\n", "👍"][n % 4] for n in range(120)]
    text = told_of(from_python(inputs, labels), 0)
    assert {unicodedata.category(each) for each in text if each not in "\n\u200d"} & {
        "Cc",
        "Cf",
    } == set()
    assert "\\x1b" in text or "\\n" in text


@given(st.text(), st.integers(2, 60), st.booleans())
def test_what_is_fitted_fits(text: str, width: int, tail: bool) -> None:
    found = fitted(text, width, tail=tail)
    assert cell_len(found) <= width
    whole = printable(text)
    if found != whole:
        assert "…" in found
        kept = found.strip("…").strip()
        assert kept in whole
        assert whole.endswith(found.lstrip("…")) if tail else whole.startswith(found.rstrip("…"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc", "a\\tb\\nc"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\u202eabc", "\\u202eabc"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("한글 é שלום", "한글 é שלום"),
        ("\ufeff\U000e0001", "\\ufeff\\U000e0001"),
    ],
)
def test_what_moves_the_cursor_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_what_was_found_is_put_into_words() -> None:
    found = {"repeats": 1210, "conflicting": 0, "in_test": 3, "odd_ones": 2}
    report = {"data": {"found": found}}
    assert render._found(report["data"]["found"]) == [
        "In the data: 1,210 examples repeat another (they stay together in one part); 3 examples "
        "were left out of training, since the test part has the same; 2 odd ones."
    ]
    assert render._found({"repeats": 0}) == []


@pytest.mark.parametrize(
    ("p", "shown"),
    [(0.0, "under 0.1 %"), (0.5, "50.0 %"), (0.9999, "over 99.9 %"), (0.999, "99.9 %")],
)
def test_odds_are_never_none_or_all(p: float, shown: str) -> None:
    assert render._odds(p) == shown
