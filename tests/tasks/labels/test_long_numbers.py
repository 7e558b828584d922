"""Long sequences of numbers: which are read through convolutions, and a run that does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from judged import logits, truth_of
from recurra.errors import OptionError
from recurra.runtime.certificate import CERTIFICATE
from recurra.runtime.labels import Architecture
from recurra.tasks.labels import config
from recurra.tasks.labels.config import LONG_NUMBERS, EncodedDataset
from recurra.tasks.labels.data import from_python
from recurra.tasks.labels.estimator import LabelModel
from recurra.tasks.labels.evaluate import Answers
from recurra.tasks.labels.options import LabelOptions
from recurra.tasks.labels.render import summary
from recurra.tasks.labels.report import result
from recurra.tasks.labels.trainer import TRAINING
from recurra.training.precision import Precision

CPU = torch.device("cpu")
LESS: dict[str, Any] = {"steps": 30, "hidden": 8, "ensemble": 2, "threads": 1}


def currents(count: int, least: int = 70, seed: int = 0) -> tuple[list[Any], list[int]]:
    """Waves of unequal lengths and sizes; what tells them apart is how fast they go."""
    draw = np.random.default_rng(seed)
    found = []
    for row in range(count):
        steps, period = int(draw.integers(least, 2 * least)), (9, 17)[row % 2]
        wave = np.sin(2 * np.pi * np.arange(steps) / period + draw.uniform(0, 6))
        found.append((draw.uniform(0.1, 20) * wave + 2).astype(np.float32)[:, None])
    return found, [row % 2 for row in range(count)]


def architecture(least: int = 70, **options: Any) -> Architecture:
    """What is planned for sequences of so many steps and more."""
    dataset = EncodedDataset.of(from_python(*currents(40, least), name="waves"), None)
    plan = TRAINING.plan(
        LabelOptions(**({"ensemble": 1} | options)), dataset, Precision(False, ""), CPU
    )
    return Architecture(**plan.architecture)


def test_the_longer_they_are_the_more_often_they_are_halved() -> None:
    found = [config.convolutions(steps) for steps in (3, 63.5, 64, 300, 1600, 1601, 3201, 10**5)]
    assert found == [0, 0, 3, 3, 3, 4, 5, 9]
    for steps in (64, 300, 1460, 2000, 10**5):
        assert steps / 2 ** config.convolutions(steps) <= config.AT_MOST


def test_long_ones_are_read_through_convolutions_and_without_noise() -> None:
    long, short = architecture(), architecture(least=8)
    assert (long.convolutions, long.filters, long.noise) == (3, config.FILTERS, 0)
    assert (short.convolutions, short.filters) == (0, 0)
    assert short.noise > 0
    assert (long.hidden, long.dropout) == (LONG_NUMBERS.hidden, LONG_NUMBERS.dropout)


def test_what_is_asked_for_comes_first() -> None:
    assert architecture(convolutions=1, least=8).convolutions == 1
    none = architecture(convolutions=0)
    assert (none.convolutions, none.filters) == (0, 0)
    assert none.noise > 0


def test_one_direction_has_none_so_that_it_can_be_streamed() -> None:
    assert architecture(bidirectional=False).convolutions == 0
    with pytest.raises(OptionError, match="convolutions=2 with bidirectional=False"):
        architecture(bidirectional=False, convolutions=2)


def test_texts_have_none() -> None:
    with pytest.raises(OptionError, match="convolutions=2 for text"):
        LabelModel(convolutions=2, **LESS).fit([f"text {n}" for n in range(40)], ["a", "b"] * 20)


def test_a_run_is_certified_and_says_the_same_alone_and_loaded(tmp_path: Path) -> None:
    X, y = currents(60)
    model = LabelModel(answer="network", **LESS).fit(X, y, out=tmp_path / "run")
    facts = model.run.config()["inference"]["architecture"]
    assert (facts["convolutions"], facts["filters"]) == (3, config.FILTERS)
    checks = model.run.read_json(CERTIFICATE)["checks"]
    assert {each["held"] for each in checks} == {True}
    assert any("torch" in each["name"] for each in checks)
    said = LabelModel.load(tmp_path / "run").predict_proba(X[:5])
    np.testing.assert_array_equal(said, model.predict_proba(X[:5]))
    np.testing.assert_array_equal(said[3:4], model.predict_proba(X[3:4]))
    with pytest.raises(OptionError, match="both ends"):
        model.stream().push([1.0])
    _, steps, shares = model.attribution(X[0])
    assert len(steps) == len(shares) == len(X[0])
    assert sum(shares) == pytest.approx(1)


def test_they_learn_a_form_whatever_its_size() -> None:
    model = LabelModel(answer="network", **LESS | {"steps": 60}).fit(*currents(100))
    assert model.score(*currents(40, seed=1)) > 0.9


# -- a network that has learnt nothing -------------------------------------------------------------


@pytest.mark.parametrize(("skill", "failed"), [(0.0, True), (3.0, False)])
def test_a_network_that_has_learnt_nothing_is_said_to_have_failed(
    skill: float, failed: bool
) -> None:
    data = from_python([f"text {n}" for n in range(900)], ["abc"[n % 3] for n in range(900)])
    said = Answers(logits(truth_of(data), skill, 0))
    found = result(data, said, temperature=1.0, baselines=[])
    assert ("failure" in found) == failed
    if failed:
        assert found["failure"].startswith("The network has failed here: within noise it says no")
        assert found["failure"] in summary(found).replace("\n", " ")


def test_of_one_class_it_cannot_be_said() -> None:
    data = from_python([f"text {n}" for n in range(12)], ["ab"[n % 2] for n in range(12)])
    assert len(data.test) == 1
    assert "failure" not in result(data, Answers(np.zeros((1, 2), np.float32)), 1.0, [])
