from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recurra.codecs.random_convolutions import RandomConvolutions
from recurra.codecs.scaling import Standard
from recurra.codecs.tfidf import Tfidf
from recurra.errors import InputError
from recurra.runtime.label_baselines import (
    Baseline,
    Constant,
    LinearConvolutions,
    LinearTexts,
    Nearest,
    baseline_of,
)
from recurra.runtime.neighbour import Euclidean, Warped

TEXTS = ["not bad at all", "bad", "good film", "a film", "?", "good good"]
DRAW = np.random.default_rng(0)
NUMBERS = [DRAW.normal(size=(n, 2)).astype(np.float32) for n in (3, 12, 20, 7)]


def single(*shape: int) -> Any:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def texts() -> LinearTexts:
    grams = [Tfidf.learn(TEXTS, unit) for unit in ("characters", "words")]
    return LinearTexts(grams, single(sum(map(len, grams)), 3), single(3), 0.7)


def convolutions() -> LinearConvolutions:
    scale = Standard.of(np.concatenate(NUMBERS))
    kernels = RandomConvolutions.drawn([scale.scale(each) for each in NUMBERS], 0)
    return LinearConvolutions(scale, kernels, single(3, kernels.biases.size) / 50, single(3), 2.0)


def nearest(warped: bool) -> Nearest:
    distance = Warped() if warped else Euclidean(20)
    return Nearest(NUMBERS, np.array([0, 2, 1, 2]), 3, 0.8, distance, None)


EVERY: list[tuple[Baseline, list[Any]]] = [
    (Constant(np.array([0.2, 0.3, 0.5])), TEXTS),
    (texts(), TEXTS),
    (convolutions(), NUMBERS),
    (nearest(True), NUMBERS),
    (nearest(False), NUMBERS),
]


@pytest.mark.parametrize(("baseline", "inputs"), EVERY)
def test_it_is_the_same_after_it_was_kept_and_in_any_company(
    baseline: Baseline, inputs: list[Any]
) -> None:
    whole = baseline.probabilities(inputs)
    assert whole.shape == (len(inputs), 3)
    np.testing.assert_allclose(whole.sum(1), 1)
    again = baseline_of(*baseline.to_arrays(), 3)
    np.testing.assert_array_equal(again.probabilities(inputs), whole)
    for row, each in enumerate(inputs):
        np.testing.assert_array_equal(baseline.probabilities([each])[0], whole[row])
    assert baseline.probabilities([]).shape == (0, 3)


def test_texts_are_products_of_their_rows() -> None:
    baseline = texts()
    asked = [*TEXTS, "unknown 本", "good"]
    said = np.tile(baseline.bias.astype(np.float64), (len(asked), 1))
    begin = 0
    for grams in baseline.grams:
        rows = grams.rows(asked)
        owners = np.repeat(np.arange(len(asked)), rows.counts)
        np.add.at(said, owners, baseline.weights[begin + rows.columns] * rows.values[:, None])
        begin += len(grams)
    chances = np.exp(said / 0.7)
    chances /= chances.sum(1, keepdims=True)
    np.testing.assert_allclose(baseline.probabilities(asked), chances, rtol=1e-6)
    tokens = [tuple(each.split()) for each in asked]
    np.testing.assert_array_equal(baseline.probabilities(tokens), baseline.probabilities(asked))


def test_the_nearest_says_its_class_and_how_sure_it_is() -> None:
    for warped in (False, True):
        chances = nearest(warped).probabilities([each + 0.01 for each in NUMBERS])
        assert chances.argmax(1).tolist() == [0, 2, 1, 2]
        assert set(chances.max(1).tolist()) == {0.8}


@pytest.mark.parametrize(("baseline", "inputs"), EVERY)
def test_what_does_not_fit_is_refused(baseline: Baseline, inputs: list[Any]) -> None:
    del inputs
    arrays, facts = baseline.to_arrays()
    with pytest.raises((InputError, KeyError)):
        baseline_of(arrays, facts, 4 if facts["kind"] != "nearest" else 2)
    for name, each in arrays.items():
        if each.dtype == np.uint8:
            continue
        broken = np.full_like(each, np.nan) if each.dtype.kind == "f" else each[:0]
        with pytest.raises((InputError, KeyError)):
            baseline_of(arrays | {name: broken}, facts, 3)
    for name in ("temperature", "right", "length"):
        if facts.get(name) is not None:
            with pytest.raises(InputError):
                baseline_of(arrays, facts | {name: -1}, 3)
    with pytest.raises(InputError, match="kind"):
        baseline_of(arrays, facts | {"kind": "other"}, 3)
