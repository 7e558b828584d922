from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import DataError, MissingExtra, OptionError
from recurra.judge.probability_calibration import (
    BINS,
    HOTTEST,
    calibration,
    probabilities,
    temperature,
)


def drawn(rows: int, kinds: int, seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Logits, and classes that fall as their softmax says."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(rows, kinds)) * 2
    chances = probabilities(logits)
    targets = (chances.cumsum(1) > generator.random((rows, 1))).argmax(1)
    return logits, targets


@given(st.integers(1, 20), st.integers(1, 6), st.floats(0.1, 10), st.integers(0, 9))
def test_probabilities_are_the_softmax(rows: int, kinds: int, heat: float, seed: int) -> None:
    logits = np.random.default_rng(seed).normal(size=(rows, kinds)) * 3
    found = probabilities(logits, heat)
    expected = [
        [math.exp(x / heat) / sum(math.exp(y / heat) for y in row) for x in row] for row in logits
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(probabilities(logits + 1e4, heat), found, rtol=1e-6)
    assert probabilities([[1e300, -1e300]]).tolist() == [[1.0, 0.0]]
    with pytest.raises(OptionError):
        probabilities(logits, 0)


@pytest.mark.parametrize("factor", [0.2, 1.0, 5.0])
def test_the_temperature_undoes_a_factor(factor: float) -> None:
    logits, targets = drawn(20_000, 4, seed=1)
    assert temperature(logits * factor, targets) == pytest.approx(factor, rel=0.05)


@given(st.integers(2, 60), st.integers(2, 5), st.integers(0, 50))
def test_no_other_temperature_fits_better(rows: int, kinds: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(rows, kinds)) * 4
    targets = generator.integers(0, kinds, rows)
    sure = (rows + 1) / (rows + 2)
    wanted = np.full((rows, kinds), (1 - sure) / (kinds - 1))
    wanted[np.arange(rows), targets] = sure

    def cost(heat: float) -> float:
        return float(-(wanted * np.log(np.maximum(probabilities(logits, heat), 1e-300))).sum())

    found = temperature(logits, targets)
    for other in np.geomspace(0.02, HOTTEST, 40):
        assert cost(found) <= cost(other) + 1e-5 * rows


@pytest.mark.parametrize("rows", [1, 8, 27, 1000])
def test_a_few_right_answers_make_it_no_surer_than_they_should(rows: int) -> None:
    # All right by a wide margin: certain, without the rule of succession.
    logits = np.tile([9.0, 0.0, 0.0], (rows, 1))
    heat = temperature(logits, np.zeros(rows, int))
    assert probabilities(logits[:1], heat)[0, 0] == pytest.approx((rows + 1) / (rows + 2), abs=1e-4)


def test_what_has_no_temperature() -> None:
    assert temperature(np.zeros((0, 3)), np.zeros(0, int)) == 1
    assert temperature(np.ones((5, 3)), np.zeros(5, int)) == 1
    for logits, targets in (
        (np.zeros(3), [0, 0, 0]),
        (np.zeros((2, 3)), [0]),
        (np.zeros((2, 3)), [0, 3]),
        (np.zeros((2, 3)), [0, -1]),
    ):
        with pytest.raises(DataError):
            temperature(logits, targets)
    with pytest.raises(DataError, match="row 1 of the logits"):
        temperature([[0.0, 1.0], [0.0, math.nan]], [0, 0])


def test_the_gap_of_each_bin_is_weighed_by_its_answers() -> None:
    # Bins of a fifth: two answers of 0.9 with one right, three of 0.5 with all right.
    found = calibration([0.9, 0.9, 0.5, 0.5, 0.5], [1, 0, 1, 1, 1], bins=5)
    assert found.error == pytest.approx((2 * 0.4 + 3 * 0.5) / 5)
    assert found.counts == (0, 0, 3, 0, 2)
    assert found.confidences == (None, None, 0.5, None, 0.9)
    assert found.accuracies == (None, None, 1.0, None, 0.5)
    assert found.confidence == pytest.approx(0.66)
    assert found.accuracy == 0.8
    plain = found.to_json()
    assert plain["counts"] == [0, 0, 3, 0, 2]
    assert plain["error"] == found.error


def test_bins_hold_their_upper_end() -> None:
    found = calibration([0.0, 1 / 15, 0.067, 1.0], [0, 0, 0, 1])
    assert found.counts == (2, 1, *[0] * (BINS - 3), 1)


def test_honest_probabilities_show_the_error_of_chance() -> None:
    generator = np.random.default_rng(0)
    errors, chances = [], []
    for _ in range(30):
        sure = generator.uniform(0.3, 1, 400)
        found = calibration(sure, generator.random(400) < sure)
        errors.append(found.error)
        chances.append(found.chance)
    assert np.mean(errors) == pytest.approx(np.mean(chances), rel=0.1)
    assert np.mean(chances) > 0.02
    boasting = calibration(np.full(400, 0.99), generator.random(400) < 0.5)
    assert boasting.error > 0.4 > 5 * boasting.chance


def test_what_cannot_be_calibrated() -> None:
    for sure, right in (([], []), ([0.5], [1, 0]), ([1.5], [1]), ([math.nan], [1])):
        with pytest.raises(DataError):
            calibration(sure, right)
    with pytest.raises(OptionError):
        calibration([0.5], [1], bins=0)


def test_without_scipy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("scipy"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"recurra\[labels\]"):
        temperature([[1.0, 0.0]], [0])
