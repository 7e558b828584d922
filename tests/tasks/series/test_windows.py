"""Windows: what is known before an origin, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecast_toys import HOURLY, panel_of
from recurra.codecs import calendar
from recurra.codecs.frequency import Frequency
from recurra.tasks.series.context import tail
from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.scale import Scale
from recurra.tasks.series.windows import Reader

CONTEXT, HORIZON = 6, 4
TURNS = calendar.turns_of(HOURLY)


@pytest.fixture
def reader() -> Reader:
    draw = np.random.default_rng(0)
    panel = panel_of([draw.normal(size=30), draw.normal(size=11) + 50], HOURLY, start=1000)
    values = panel.values.copy()
    values[[3, 8, 35]] = np.nan
    known = draw.normal(size=(41 + 5, 2)).astype(np.float32)
    panel = replace(
        panel,
        values=values,
        past=draw.normal(size=(41, 1)).astype(np.float32),
        ahead=np.array([5, 0]),
        known=known,
        static=draw.normal(size=(2, 3)).astype(np.float32),
    )
    scale = Scale.of(panel, panel.lengths, False)
    return Reader(panel, scale, context=CONTEXT, horizon=HORIZON, turns=TURNS)


def test_windows_hold_what_stands_before_the_origin(reader: Reader) -> None:
    panel = reader.panel
    found = reader.windows(Origins(np.array([0, 1]), np.array([10, 9])))
    for row, (series, origin) in enumerate([(0, 10), (1, 9)]):
        own = panel.of(series)[origin - CONTEXT : origin]
        there = np.isfinite(own)
        np.testing.assert_array_equal(found.present[row], there)
        expected = (own - reader.scale.centre[series]) / reader.scale.spread[series]
        np.testing.assert_allclose(found.values[row], np.where(there, expected, 0), rtol=1e-5)
        begin = panel.begins[series] + origin - CONTEXT
        np.testing.assert_array_equal(found.past[row], panel.past[begin : begin + CONTEXT])
    np.testing.assert_array_equal(found.static, panel.static)


def test_known_columns_reach_over_the_horizon_and_no_further_than_they_are_given(
    reader: Reader,
) -> None:
    panel = reader.panel
    found = reader.windows(Origins(np.array([0, 1]), np.array([30, 11])))
    steps = np.arange(1030 - CONTEXT, 1030 + HORIZON)
    np.testing.assert_array_equal(found.known[0, :, 2:], calendar.features(HOURLY, steps))
    begin = int(panel.known_begins[0]) + 30 - CONTEXT
    np.testing.assert_array_equal(
        found.known[0, :, :2], panel.known[begin : begin + CONTEXT + HORIZON]
    )
    assert not found.known[1, CONTEXT:, :2].any(), "nothing is known of the second one's future"


def test_what_lies_before_a_series_is_missing_and_zero(reader: Reader) -> None:
    found = reader.windows(Origins(np.array([1]), np.array([2])))
    assert found.present[0].tolist() == [False] * 4 + [True, True]
    assert not found.values[0, :4].any()
    assert not found.past[0, :4].any()


def test_targets_end_where_they_are_told(reader: Reader) -> None:
    values, there = reader.targets(Origins(np.array([0, 1]), np.array([9, 9])), np.array([11, 30]))
    assert there[0].tolist() == [True, True, False, False]
    assert there[1].tolist() == [True, True, False, False], "beyond the end of the series"
    assert not values[~there].any()


def test_nothing_from_the_origin_on_is_read(reader: Reader) -> None:
    panel, at = reader.panel, Origins(np.array([0]), np.array([20]))
    values, past = panel.values.copy(), panel.past.copy()
    values[20:30] += 1e6
    past[20:30] += 1e6
    other = Reader(
        replace(panel, values=values, past=past),
        reader.scale,
        context=CONTEXT,
        horizon=HORIZON,
        turns=TURNS,
    )
    before, after = reader.windows(at), other.windows(at)
    for one, two in zip(vars(before).values(), vars(after).values(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_window_is_known_by_its_series_and_its_moment(reader: Reader) -> None:
    series, steps = np.array([0, 1, 0, 1]), np.array([20, 9, 21, 9])
    keys = reader.windows(Origins(series, steps)).keys
    assert len(np.unique(keys, axis=0)) == 3
    np.testing.assert_array_equal(keys[1], keys[3])
    # Not by where it lies: with another series before it, and with less of its past.
    panel, scale = reader.panel.chosen(["s1"]), reader.scale
    one = slice(1, 2)
    panel = tail(panel, 8)
    alone = Reader(
        panel,
        Scale(scale.centre[one], scale.spread[one], scale.log),
        context=CONTEXT,
        horizon=HORIZON,
        turns=TURNS,
    )
    again = alone.windows(Origins(np.array([0]), np.array([9 - 3])))
    np.testing.assert_array_equal(again.keys[0], keys[1])


def test_numbered_steps_have_no_calendar() -> None:
    panel = panel_of([np.arange(9.0)], Frequency("step", 1, 0))
    scale = Scale.of(panel, panel.lengths, False)
    reader = Reader(panel, scale, context=3, horizon=2, turns=[])
    assert reader.windows(Origins(np.array([0]), np.array([5]))).known.shape == (1, 5, 0)
