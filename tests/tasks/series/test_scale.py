from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recurra.codecs.frequency import Frequency
from recurra.errors import BundleError
from recurra.tasks.series.panel import Panel
from recurra.tasks.series.scale import Scale

Floats = NDArray[np.float64]


def panel(*series: Any, ids: tuple[str, ...] | None = None, unit: str = "M") -> Panel:
    values = [np.asarray(each, np.float64) for each in series]
    lengths = np.array([len(each) for each in values])
    empty = np.empty((int(lengths.sum()), 0), np.float32)
    return Panel(
        ids or tuple(map(str, range(len(values)))),
        Frequency(unit, 1, 1),
        np.zeros_like(lengths),
        lengths,
        np.concatenate(values),
        empty,
        np.zeros_like(lengths),
        empty,
        np.empty((len(values), 0), np.float32),
    )


def ends(one: Panel) -> NDArray[np.int64]:
    return one.lengths


@given(
    st.lists(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=30), min_size=1, max_size=5),
    st.booleans(),
)
def test_scaling_inverts(rows: list[list[float]], log: bool) -> None:
    one = panel(*rows)
    scale = Scale.of(one, ends(one), log)
    series = np.repeat(np.arange(len(one)), one.lengths)
    scaled = scale.scale(one.values, series)
    assert scaled.dtype == np.float32
    back = scale.restore(scaled, series)
    # As far as single precision goes: the last bit of what is scaled, on the slope of the way back.
    centre, spread = scale.centre[series], scale.spread[series]
    ends_ = (np.exp(centre + side * 8 * spread) for side in (-1, 1))
    slope = spread * (np.clip(one.values, *ends_) if log else 1)
    allowed = 2e-7 * np.abs(scaled) * slope + 1e-9 * np.abs(one.values)
    assert (np.abs(back - one.values) <= allowed).all()


@given(st.floats(-5, 5), st.floats(0.001, 3), st.booleans())
def test_what_ascends_stays_ascending(centre: float, spread: float, log: bool) -> None:
    scale = Scale(np.array([0.0, centre]), np.array([1.0, spread]), log)
    scaled = np.linspace(-30, 30, 601)[None]
    values = scale.restore(scaled, np.array([1]))
    assert np.isfinite(values).all()
    assert (np.diff(values) > 0).all()
    # Far from the centre too, where the logarithm goes on as its tangent.
    np.testing.assert_allclose(scale.scale(values, np.array([1])), scaled, rtol=1e-4, atol=1e-4)


def test_zeros_and_less_have_a_place_after_the_logarithm() -> None:
    one = panel(np.exp(np.random.default_rng(0).normal(3, 0.5, 50)))
    scale = Scale.of(one, ends(one), True)
    values = np.array([[-5.0, 0.0, 0.1, 20.0, 1e12]])
    scaled = scale.scale(values, np.array([0]))
    assert np.isfinite(scaled).all()
    assert (np.diff(scaled) > 0).all()
    np.testing.assert_allclose(scale.restore(scaled, np.array([0])), values, rtol=1e-5, atol=1e-5)


def test_centre_and_spread() -> None:
    one = panel([3.0, 1.0, np.nan, 2.0, 100.0], [5.0, 7.0, 6.0])
    scale = Scale.of(one, ends(one), False)
    assert scale.centre.tolist() == [2.5, 6.0]
    assert scale.spread.tolist() == [(0.5 + 1.5 + 0.5 + 97.5) / 4, 2 / 3]
    log = Scale.of(one, ends(one), True)
    np.testing.assert_allclose(log.centre, [np.log([2, 3]).mean(), np.log(6)])
    # Missing values stay missing.
    assert np.isnan(scale.scale(np.array([np.nan]), np.array([0])))


def test_one_value_far_off_moves_little() -> None:
    values = np.random.default_rng(0).normal(50, 3, 200)
    before = Scale.of(panel(values), np.array([200]), False)
    values[17] = 500
    after = Scale.of(panel(values), np.array([200]), False)
    assert abs(after.centre[0] - before.centre[0]) < 0.1
    assert after.spread[0] < 2 * before.spread[0]


def test_nothing_after_the_training_part_counts() -> None:
    draw = np.random.default_rng(0)
    rows = [draw.gamma(2, 3, 40), draw.gamma(2, 3, 25)]
    until = np.array([30, 10])
    expected = Scale.of(panel(rows[0][:30], rows[1][:10]), until)
    rows[0][30:] = -1000
    rows[1][10:] = 1e9
    found = Scale.of(panel(*rows), until)
    assert found.to_json() == expected.to_json()


@pytest.mark.parametrize("log", [False, True, None])
def test_series_that_say_little(log: bool | None) -> None:
    one = panel(np.zeros(20), np.full(20, 7.0), [3.0], np.full(5, np.nan), np.full(9, -1e9))
    scale = Scale.of(one, ends(one), log)
    assert np.isfinite([scale.centre, scale.spread]).all()
    assert (scale.unit >= 1).all()
    assert scale.centre[3] == 0
    if not log:
        assert scale.unit.tolist() == [1, 7, 3, 1, 1e9]
        assert scale.centre.tolist() == [0, 7, 3, 0, -1e9]
    scaled = scale.scale(one.values, np.repeat(np.arange(5), one.lengths))
    assert np.abs(scaled[~np.isnan(scaled)]).max() < (1e-5 if not log else np.inf)


def test_the_logarithm_is_taken_where_the_spread_grows() -> None:
    month = np.arange(144)
    season = np.sin(month * np.pi / 6)
    noise = np.random.default_rng(0).normal(0, 0.05, 144)
    grows = np.exp(month / 60 + 0.3 * season + noise)
    steady = 50 + month / 2 + 5 * season + 10 * noise
    for values, expected in ((grows, True), (steady, False), (grows - 2, False)):
        assert Scale.of(panel(values), np.array([144])).log is expected
        assert Scale.of(panel(values, values), np.array([144, 130])).log is expected
    # Most of the series decide, and too few seasons say nothing.
    both = panel(grows, steady, steady)
    assert Scale.of(both, ends(both)).log is False
    short = panel(grows[:30])
    assert Scale.of(short, ends(short)).log is False
    assert Scale.of(short, ends(short), period=5).log in (True, False)


def test_series_not_seen_in_training() -> None:
    draw = np.random.default_rng(0)
    one = panel(draw.normal(5, 1, 30), draw.normal(50, 9, 30), ids=("a", "b"))
    scale = Scale.of(one, ends(one), False)
    other = panel(draw.normal(0, 1, 9), np.arange(20.0), [], ids=("b", "new", "none"))
    found = scale.extended(one.ids, other, ends(other))
    own = Scale.of(other, ends(other), False)
    assert (found.centre[0], found.spread[0]) == (scale.centre[1], scale.spread[1])
    assert (found.centre[1], found.spread[1]) == (own.centre[1], own.spread[1])
    assert (found.centre[2], found.spread[2]) == (0, 1)
    assert scale.extended(one.ids, one, ends(one)).to_json() == scale.to_json()
    early = scale.extended(one.ids, other, np.array([9, 10, 0]))
    assert early.centre[1] == 4.5
    counts = Scale.of_counts(one, ends(one)).extended(one.ids, other, ends(other), counts=True)
    assert (counts.centre[1], counts.spread[1]) == (0, 9.5)


def test_values_of_several_dimensions() -> None:
    scale = Scale(np.array([1.0, 10.0]), np.array([2.0, 4.0]), False)
    values = np.arange(12.0).reshape(2, 3, 2)
    series = np.array([1, 0])
    expected = (values - [[[10.0]], [[1.0]]]) / [[[4.0]], [[2.0]]]
    np.testing.assert_allclose(scale.scale(values, series), expected, rtol=1e-6)
    np.testing.assert_allclose(scale.restore(expected, series), values)


def test_json_and_back() -> None:
    scale = Scale(np.array([0.1, 1e30]), np.array([1e-9, 3.0]), True)
    again = Scale.from_json(json.loads(json.dumps(scale.to_json())))
    assert again.to_json() == scale.to_json()


@pytest.mark.parametrize(
    "change",
    [
        {"centre": [1.0]},
        {"spread": [-1.0, 1.0]},
        {"floor": 0},
        {"spread": None},
        {"log": 1},
        {"centre": [float("nan"), 1.0]},
    ],
)
def test_a_damaged_scale_is_refused(change: dict[str, Any]) -> None:
    value = {"centre": [1.0, 2.0], "spread": [1.0, 2.0], "log": False} | change
    with pytest.raises(BundleError):
        Scale.from_json(value)
