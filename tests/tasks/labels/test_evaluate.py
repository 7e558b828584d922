from __future__ import annotations

import json

import numpy as np
import pytest

from judged import baseline, in_sentences, logits, truth_of
from recurra.errors import DataError
from recurra.judge.probability_calibration import probabilities
from recurra.tasks.labels import evaluate
from recurra.tasks.labels.baselines import Baseline
from recurra.tasks.labels.data import LabelData, from_python
from recurra.tasks.labels.evaluate import Answers, Held, judge, temperature


def texts(n: int = 400, kinds: int = 3) -> LabelData:
    return from_python([f"text {n}" for n in range(n)], [f"c{n % kinds}" for n in range(n)])


def sentences(n: int = 100) -> LabelData:
    tags = [["B-x", "I-x", "O"][: 1 + row % 3] for row in range(n)]
    return from_python([[f"w{row}", "b", "c"][: 1 + row % 3] for row in range(n)], tags)


def test_the_figures_are_those_of_the_answers() -> None:
    data = texts()
    truth = truth_of(data)
    answers = Answers(logits(truth, 1.5, 0))
    found = judge(truth, answers, 2.0, [baseline(data, 1, 5)])
    said = answers.logits.argmax(1)
    chances = probabilities(answers.logits, 2.0)
    own = chances[np.arange(40), truth.targets]
    assert found["model"]["accuracy"]["estimate"] == (said == truth.targets).mean()
    assert found["model"]["nats"] == pytest.approx(-np.log(own).mean())
    assert found["model"]["temperature"] == 2
    assert found["calibration"]["confidence"] == pytest.approx(chances.max(1).mean())
    assert found["calibration"]["error"] != found["calibration"]["uncorrected"]
    assert np.array(found["confusion"]).sum() == 40
    assert found["baselines"][0]["name"] == "guess"
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_verdict_is_against_the_best_baseline() -> None:
    data = texts(2000)
    truth = truth_of(data)
    answers = Answers(logits(truth, 2, 0))
    found = judge(truth, answers, 1.0, [baseline(data, 0, 1, "bad"), baseline(data, 1, 2, "fair")])
    verdict = found["verdict"]
    assert verdict["better"] is True
    assert verdict["sentence"].startswith("Better than the fair by ")
    assert "points of accuracy (95 % interval" in verdict["sentence"]
    model, fair = (each["accuracy"]["estimate"] for each in (found["model"], found["baselines"][1]))
    assert verdict["advantage"] == pytest.approx(100 * (model - fair))
    assert verdict["interval"]["low"] < verdict["advantage"] < verdict["interval"]["high"]
    assert "points of macro F1" in found["macro_verdict"]["sentence"]
    better = judge(truth, answers, 1.0, [baseline(data, 4, 3, "oracle")])
    assert better["verdict"]["better"] is False
    assert judge(truth, answers)["verdict"] is None
    two = texts(200, 2)
    both = judge(truth_of(two), Answers(logits(truth_of(two), 1, 0)), 1.0, [baseline(two, 1, 1)])
    assert both["macro_verdict"] is None  # of two balanced classes it says the same again


def test_the_best_by_macro_f1_may_be_another() -> None:
    data = from_python([f"t{n}" for n in range(1000)], ["a"] * 900 + ["b"] * 60 + ["c"] * 40)
    truth = truth_of(data)
    none = np.zeros(len(truth.targets), np.int64)
    fair = np.where(truth.targets == 0, np.arange(len(none)) % 4 == 0, truth.targets)
    found = [Baseline("majority class", "", none), Baseline("fair guess", "", fair)]
    best = [evaluate.strongest(truth, found, metric) for metric in truth.metrics]
    assert [each.name for each in best if each] == ["majority class", "fair guess"]


def test_few_examples_have_no_verdict() -> None:
    data = texts(50)
    assert len(data.test) == 5
    found = judge(
        truth_of(data), Answers(logits(truth_of(data), 9, 0)), 1.0, [baseline(data, 0, 1)]
    )
    assert found["verdict"]["better"] is None
    assert "too little data for an interval" in found["verdict"]["sentence"]
    assert found["model"]["accuracy"]["low"] is None


def test_tags_are_judged_by_spans_as_they_were_decoded() -> None:
    data = sentences(300)
    truth = truth_of(data)
    given = logits(truth, 1, 0)
    decoded = judge(truth, Answers(given, in_sentences(truth)), 1.0, [baseline(data, 1, 1)])
    assert decoded["model"]["span_f1"]["estimate"] == 1
    assert decoded["verdict"]["sentence"].startswith("Better than the guess")
    assert "points of span F1" in decoded["verdict"]["sentence"]
    assert decoded["wrong"] == []
    plain = judge(truth, Answers(given), 1.0)
    assert plain["model"]["span_f1"]["estimate"] < 1
    # How sure it is of the tags that it says, not of those it would say one by one.
    assert decoded["calibration"]["confidence"] < plain["calibration"]["confidence"]


def test_the_temperature_is_of_what_was_held_back() -> None:
    data = texts(3000)
    rows = data.learn[data.folds < 3]
    given = logits(truth_of(data, rows), 2, 0)
    heat = temperature(data, Held(rows, given))
    assert temperature(data, Held(rows, 5 * given)) == pytest.approx(5 * heat, rel=1e-3)
    tagged = sentences(300)
    held = Held(tagged.learn[:50], logits(truth_of(tagged, tagged.learn[:50]), 2, 0))
    assert 0.1 < temperature(tagged, held) < 10
    with pytest.raises(DataError):
        temperature(data, Held(rows[1:], given))


def test_answers_that_do_not_fit() -> None:
    data = texts()
    truth = truth_of(data)
    given = logits(truth, 1, 0)
    for wrong in (given[1:], given[:, 1:]):
        with pytest.raises(DataError, match="logits of shape"):
            judge(truth, Answers(wrong))
    with pytest.raises(DataError, match="39 labels said"):
        judge(truth, Answers(given, [np.zeros(39, np.int64)]))
    with pytest.raises(DataError, match="not finite"):
        judge(truth, Answers(given * np.nan))
    with pytest.raises(DataError, match="the guess says"):
        judge(truth, Answers(given), 1.0, [baseline(texts(500), 1, 1)])
