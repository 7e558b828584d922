from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blocks import ROOT
from recurra import LabelModel
from recurra.bundle import Run
from recurra.errors import BundleError
from recurra.judge.answer import NETWORK
from recurra.judge.probability_calibration import probabilities, temperature
from recurra.runtime.label_baselines import Constant
from recurra.tasks.labels import answer, classify
from recurra.tasks.labels.answer import ANSWER, MEAN, Answer, decide, sentence
from toy_labels import label_data, texts

FEW: dict[str, Any] = {"steps": 30, "threads": 1, "precision": "float32", "hidden": 8}


def drawn(skill: float, seed: int, targets: Any, kinds: int = 3) -> Any:
    found = np.random.default_rng(seed).normal(size=(len(targets), kinds))
    found[np.arange(len(found)), targets] += skill
    return found.astype(np.float32)


def decided(own: float, other: float, n: int = 1200, same: bool = False) -> dict[str, Any]:
    targets = np.arange(n) % 3
    first = drawn(own, 1, targets)
    second = first if same else drawn(other, 2, targets)
    theirs = probabilities(second, temperature(second, targets)).astype(np.float32)
    tunes = np.random.default_rng(0).random(n) < 0.5
    return decide("SVM", 3, first, theirs, targets, tunes, np.arange(n))


def test_what_wins_is_answered_with() -> None:
    assert decided(1.5, 1.5)["name"] == MEAN
    assert 0.2 < decided(1.5, 1.5)["weight"] < 0.8
    assert (decided(9, -2)["name"], decided(9, -2)["weight"]) == (NETWORK, 1.0)
    assert (decided(-2, 9)["name"], decided(-2, 9)["weight"]) == ("SVM", 0.0)
    # What is the same is the baseline's, which is simpler.
    found = decided(1.5, 0, same=True)
    assert found["name"] == "SVM"
    assert found["compared"] == 5
    assert "It answers with the SVM: of 5 that were compared, on " in sentence(found)


def test_where_nothing_compares_the_network_answers() -> None:
    targets = np.arange(4) % 3
    own, ones = drawn(1, 0, targets), np.ones(4, bool)
    theirs = probabilities(own).astype(np.float32)
    found = decide("SVM", 1, own, theirs, targets, ones, np.arange(4))
    assert (found["name"], found["weight"], found["examples"]) == (NETWORK, 1.0, 0)
    assert "too few examples to compare it with the SVM" in sentence(found)


@pytest.mark.parametrize("kind", ["text", "tokens", "numbers"])
def test_half_of_each_fold_tunes_and_groups_are_whole(kind: str) -> None:
    data = label_data(kind)
    for fold in range(10):
        here = data.folds == fold
        share = data.tunes[here].mean()
        assert 0.3 < share < 0.7
        assert not set(data.groups[here & data.tunes]) & set(data.groups[here & ~data.tunes])
    for label in range(len(data.classes)):
        own = data.targets(data.learn) == label
        assert 0.35 < data.tunes[own].mean() < 0.65


@cache
def trained() -> LabelModel:
    return LabelModel(**FEW).fit(*texts(240))


def forced(model: LabelModel, path: Path, weight: float) -> LabelModel:
    """The same run, which answers with so much of the network and the rest of a constant."""
    model.save(path, overwrite=True)
    run = Run(path)
    answer.keep(run, "guess", 2, Constant(np.array([0.9, 0.1])))
    facts = {"name": MEAN, "baseline": "guess", "weight": weight, "compared": 4, "examples": 9}
    answer.settle(run, facts | {"best": MEAN})
    return LabelModel.load(path)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_every_verb_says_the_answer(tmp_path: Path, weight: float) -> None:
    X, y = texts(40, seed=3)
    model = forced(trained(), tmp_path / "run", weight)
    encoded = model._encoder.encode(X)
    scores = classify.scores(model.network, encoded, np.arange(len(X)))
    own = probabilities(scores, model._temperature)
    mean = weight * own + (1 - weight) * np.array([0.9, 0.1])
    np.testing.assert_allclose(model.predict_proba(X), mean)
    assert model.predict(X).tolist() == model.classes_[mean.argmax(1)].tolist()
    np.testing.assert_allclose(np.concatenate(list(model.probabilities([X[:9], X[9:]]))), mean)
    report = model.evaluate(X, y)
    right = np.mean(model.predict(X) == np.array(y))
    said = report["answer"] if weight < 1 else report["model"]
    assert said["accuracy"]["estimate"] == pytest.approx(right)
    assert ("answer" in report) == (weight < 1)
    network = model.set_params(answer="network")
    np.testing.assert_allclose(network.predict_proba(X), own)
    assert "chosen" not in network.evaluate(X, y)


def test_a_training_chooses_and_says_so() -> None:
    model = trained()
    report = model.report
    chosen = report["chosen"]
    assert chosen["baseline"] in ("linear SVM", "majority class")
    assert chosen["compared"] == 4
    assert chosen["sentence"].startswith("It answers with the ")
    assert (model.answer.baseline is None) == ("answer" not in report)
    assert model.answer.weight == chosen["weight"]
    assert model.run.config()["training"]["nested"] is True
    copied = LabelModel.load(model.run.path)
    X = texts(20, seed=5)[0]
    np.testing.assert_array_equal(copied.predict_proba(X), model.predict_proba(X))


def test_the_network_alone_where_that_is_asked_for() -> None:
    model = LabelModel(**FEW, answer="network").fit(*texts(120))
    assert not model.run.has(ANSWER)
    assert "chosen" not in model.report
    assert model.run.config()["training"]["nested"] is False
    assert model.answer.baseline is None


def test_what_is_kept_of_it_is_checked(tmp_path: Path) -> None:
    model = forced(trained(), tmp_path / "run", 0.3)
    arrays, facts = model.run.read_arrays(ANSWER)
    for other in (
        facts | {"chosen": facts["chosen"] | {"weight": 1.5}},
        facts | {"chosen": facts["chosen"] | {"weight": "much"}},
        facts | {"baseline": None},
        facts | {"baseline": {"kind": "other"}},
        {},
    ):
        model.run.write_arrays(ANSWER, arrays, other)
        with pytest.raises(BundleError, match=ANSWER):
            LabelModel.load(model.run.path)
    numbers = {"known": np.zeros((1, 3), np.float32), "lengths": np.array([1])}
    own = {"kind": "nearest", "right": 0.5, "length": None, "scale": None}
    model.run.write_arrays(ANSWER, numbers | {"targets": np.array([0])}, facts | {"baseline": own})
    with pytest.raises(BundleError, match="3 channels"):
        LabelModel.load(model.run.path)
    model.run.write_arrays(ANSWER, arrays, facts)
    assert LabelModel.load(model.run.path).answer.weight == 0.3
    (model.run.path / ANSWER).unlink()
    with pytest.raises(BundleError, match=f"{ANSWER}: missing"):
        LabelModel.load(model.run.path)


def test_its_use_needs_neither_torch_nor_scikit_learn(tmp_path: Path) -> None:
    trained().save(tmp_path / "run")
    script = f"""
from frozen.without import hide
hide(frozenset({{"torch", "sklearn", "scipy", "pandas", "matplotlib"}}))
from recurra import LabelModel
model = LabelModel.load({str(tmp_path / "run")!r})
print(model.predict(["a good film"]), model.answer.weight)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
    )
    assert done.returncode == 0, done.stderr


def test_an_answer_of_a_baseline_alone_asks_no_network() -> None:
    alone = Answer(0.0, Constant(np.array([0.25, 0.75])), {})
    assert not alone.asks_network
    np.testing.assert_array_equal(alone.probabilities(None, ["x"]), [[0.25, 0.75]])
