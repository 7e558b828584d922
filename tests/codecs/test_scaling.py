from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recurra.codecs.scaling import Standard, Values
from recurra.errors import BundleError

tables = arrays(
    np.float32,
    st.tuples(st.integers(1, 20), st.integers(1, 4)),
    elements=st.floats(-1e6, 1e6, width=32),
)


@given(tables)
def test_scaling_inverts(values: Values) -> None:
    scale = Standard.of(values)
    back = scale.restore(scale.scale(values))
    assert back.dtype == np.float32
    size = np.abs(values).max(0) + scale.spread
    assert (np.abs(back - values) <= 1e-5 * size).all()


@given(tables)
def test_scaled_values_are_finite_and_of_size_one(values: Values) -> None:
    scaled = Standard.of(values).scale(values)
    assert np.isfinite(scaled).all()
    assert (np.abs(scaled) <= len(values) ** 0.5 + 1e-3).all()


def test_each_channel_has_mean_zero_and_spread_one() -> None:
    draw = np.random.default_rng(0)
    values = draw.normal([3, -1000, 0], [2, 50, 1e-6], (500, 3)).astype(np.float32)
    scale = Standard.of(values)
    scaled = scale.scale(values)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(0), 1, rtol=1e-4)
    np.testing.assert_allclose(scale.mean, values.mean(0, dtype=np.float64))
    # The same numbers in any shape, by the training part's scale.
    np.testing.assert_array_equal(scale.scale(values.reshape(50, 10, 3)).reshape(-1, 3), scaled)
    np.testing.assert_array_equal(scale.scale(values[:7]), scaled[:7])


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1e30, 1.7e9])
def test_a_constant_channel_becomes_nothing(value: float) -> None:
    values = np.stack([np.full(30, value), np.arange(30.0)], 1).astype(np.float32)
    scale = Standard.of(values)
    scaled = scale.scale(values)
    assert np.abs(scaled[:, 0]).max() <= 1e-6
    assert scaled[:, 1].std() == pytest.approx(1)
    np.testing.assert_allclose(scale.restore(scaled), values, rtol=1e-6, atol=1e-5)


def test_what_rounding_leaves_of_a_channel_does_not_drown_the_others() -> None:
    """Neighbours among float32 numbers of 1.7e9, as times are, are 128 apart."""
    values = np.full((100, 1), 1.7e9, np.float32)
    values[::2] += 128
    assert np.abs(Standard.of(values).scale(values)).max() < 1.1


def test_json_there_and_back() -> None:
    scale = Standard.of(np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32))
    again = Standard.from_json(json.loads(json.dumps(scale.to_json())))
    np.testing.assert_array_equal(again.mean, scale.mean)
    np.testing.assert_array_equal(again.spread, scale.spread)


@pytest.mark.parametrize(
    "damage",
    [
        {"mean": [0.0]},
        {"mean": None},
        {"mean": "many"},
        {"mean": [[0.0, 1.0]], "spread": [[1.0, 1.0]]},
        {"mean": [0.0, float("nan")]},
        {"mean": [], "spread": []},
        {"mean": 0.0, "spread": 1.0},
        {"spread": [1.0, 0.0]},
        {"spread": [1.0, -1.0]},
        {"spread": [1.0, float("nan")]},
        {"spread": [1.0, float("inf")]},
        {"spread": ["a", "b"]},
        {"spread": [[1.0], 2.0]},
    ],
)
def test_damage_is_told(damage: dict[str, Any]) -> None:
    whole: dict[str, Any] = {"mean": [0.0, 1.0], "spread": [1.0, 2.0]}
    Standard.from_json(whole)
    with pytest.raises(BundleError, match="scale is damaged"):
        Standard.from_json(whole | damage)
    with pytest.raises(BundleError, match="scale is damaged"):
        Standard.from_json({})
