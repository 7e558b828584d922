from __future__ import annotations

import csv
import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from forecast_toys import HOURLY, MONTHLY, STEPS, choosing, cut, panel_of, seasonal, windows
from recurra.codecs.frequency import Frequency
from recurra.errors import DataError
from recurra.judge import forecasts as metrics
from recurra.judge.forecasts import Sums
from recurra.tasks.series.baselines import lags, measured, naive2, smoothing
from recurra.tasks.series.baselines.measured import Baseline
from recurra.tasks.series.baselines.naive2 import decomposed, is_seasonal
from recurra.tasks.series.baselines.past import Past
from recurra.tasks.series.forecasts import INTERVALS, Origins
from recurra.tasks.series.panel import SeriesData
from recurra.tasks.series.scale import Scale


def several(log: bool = False) -> SeriesData:
    """Series of unequal lengths and levels; one short, one with gaps, one constant, one late."""
    rows = [seasonal(150 + 17 * k, 12, seed=k, trend=0.02 * k) * 10**k for k in range(4)]
    rows.append(np.full(120, 7.0))
    rows.append(seasonal(75, 12, seed=9))
    gaps = np.random.default_rng(0)
    rows[1][gaps.random(len(rows[1])) < 0.2] = np.nan
    rows[2][:30] = np.nan
    rows[3][-40:-36] = np.nan
    return cut(panel_of(rows, MONTHLY), 6, 12, select=24, test=24, log=log)


def series_baselines(
    data: SeriesData, held: Origins, test: Origins, seconds: float = 60
) -> tuple[Baseline, ...]:
    """Those of recurra's own."""
    own = choosing(data, held)
    return measured.series_baselines(data, own, test, seconds=seconds)[0]


def named(data: SeriesData, stride: int = 1) -> dict[str, Baseline]:
    held, test = windows(data, "select", stride), windows(data, "test", stride)
    found = series_baselines(data, held, test, seconds=2)
    return {each.name: each for each in found}


@pytest.mark.parametrize("log", [False, True])
def test_none_of_them_looks_at_what_it_forecasts(log: bool) -> None:
    """All that lies at or after the last origin is changed: not a forecast from it moves."""
    data = several(log)
    panel = data.panel
    # Two windows of each part, so that what is between them is past for the one alone.
    held, test = windows(data, "select", 17), windows(data, "test", 17)
    before = series_baselines(data, held, test, seconds=2)
    values = panel.values.copy()
    for series in range(len(panel)):
        begin = panel.begins[series]
        last = test.origins[test.series == series].max()
        values[begin + last : begin + panel.lengths[series]] = 1e6
    changed = dataclasses.replace(data, panel=dataclasses.replace(panel, values=values))
    for old, new in zip(before, series_baselines(changed, held, test, seconds=2), strict=True):
        np.testing.assert_array_equal(old.point, new.point, err_msg=old.name)
        np.testing.assert_array_equal(old.moves, new.moves, err_msg=old.name)
    # And of the selection part: what is after its first origins is not known at these. Ridge
    # regression chooses its penalty on that part, by its very nature.
    values = panel.values.copy()
    for series in range(len(panel)):
        begin = panel.begins[series]
        values[begin + data.train_ends[series] : begin + panel.lengths[series]] = 1e6
    changed = dataclasses.replace(data, panel=dataclasses.replace(panel, values=values))
    first = held.origins == data.train_ends[held.series]
    for old, new in zip(before, series_baselines(changed, held, test, seconds=2), strict=True):
        if "ridge" not in old.name:
            np.testing.assert_array_equal(old.held[first], new.held[first], err_msg=old.name)


def test_what_is_fitted_ends_before_the_test_part() -> None:
    data = several()
    panel, held, test = data.panel, windows(data, "select", 17), windows(data, "test", 500)
    test = Origins(test.series, data.select_ends[test.series])  # its first steps
    step = np.arange(len(panel.values)) - np.repeat(panel.begins, panel.lengths)
    late = step >= np.repeat(data.select_ends, panel.lengths)
    values = np.where(late, 1e6, panel.values)
    changed = dataclasses.replace(data, panel=dataclasses.replace(panel, values=values))
    found = [series_baselines(each, held, test, seconds=2) for each in (data, changed)]
    for old, new in zip(*found, strict=True):
        np.testing.assert_array_equal(old.point, new.point, err_msg=old.name)
        np.testing.assert_array_equal(old.moves, new.moves, err_msg=old.name)


@given(st.integers(0, 1000), st.integers(1, 6), st.floats(0.0, 0.97))
def test_the_past_of_an_origin_is_before_it(seed: int, period: int, missing: float) -> None:
    """Whatever comes later, and wherever values are missing."""
    generator = np.random.default_rng(seed)
    rows = [generator.normal(size=length) for length in (30, 9, 21)]
    for row in rows:
        row[generator.random(len(row)) < missing] = np.nan
    panel = panel_of(rows)
    scale = Scale(np.zeros(3), np.ones(3), False)
    series = generator.integers(0, 3, 8)
    origins = generator.integers(0, panel.lengths[series] + 1)
    for number in range(8):
        at = Origins(series[[number]], origins[[number]])
        begin = panel.begins[at.series[0]]
        later = panel.values.copy()
        later[begin + at.origins[0] : begin + panel.lengths[at.series[0]]] = 99.0
        found = []
        for values in (panel.values, later):
            past = Past(dataclasses.replace(panel, values=values), scale, period)
            methods = (past.last_step, past.level, past.season, past.change)
            found.append([*(method(at) for method in methods), past.before(at, 5)])
        for mine, other in zip(*found, strict=True):
            np.testing.assert_array_equal(mine, other)
        own = panel.of(int(at.series[0]))[: at.origins[0]]
        there = own[~np.isnan(own)]
        assert found[0][1][0] == pytest.approx(there[-1] if len(there) else 0.0, rel=1e-6)


def test_seasons_are_counted_from_the_first_value() -> None:
    """A series is forecast alike whether the steps before its first value are there or not."""
    row = seasonal(120, 12, seed=0)
    said = []
    for late in (0, 5):
        data = cut(
            panel_of([np.concatenate([np.full(late, np.nan), row])]), 12, 12, select=24, test=24
        )
        said.append([each.point for each in named(data).values()])
    for mine, other in zip(*said, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4)


def test_all_of_them_answer_whatever_the_series_are_like() -> None:
    data = several()
    held, test = windows(data, "select"), windows(data, "test")
    found = series_baselines(data, held, test, seconds=2)
    assert [each.name for each in found] == [
        "naive forecast",
        "seasonal naive forecast",
        "drift forecast",
        "seasonal naive with drift",
        "Naive2",
        "ridge regression on lags",
        "exponential smoothing",
    ]
    for each in found:
        said = each.forecasts(data.scale, test)
        assert said.quantiles.shape == (len(test), 6, 7)
        assert np.isfinite(said.quantiles).all()
        assert (np.diff(said.quantiles, axis=-1) >= 0).all()
        np.testing.assert_array_equal(said.point, each.point)
        assert each.held.shape == (len(held), 6)
        constant = test.series == 4
        near = 0.1 if "ridge" in each.name else 1e-5  # its line is that of all series
        np.testing.assert_allclose(said.point[constant], 7.0, rtol=near, err_msg=each.name)


def test_the_naive_ones_by_hand() -> None:
    row = np.array([1.0, 2, 4, 3, 4, 6, 5, 6, 8, np.nan, 8, 10, 50, 51, 52, 53])
    data = cut(panel_of([row]), 4, 3, select=4, test=4)
    found = named(data)
    # Before the origin, 12, stands nan 8 10: of the missing step's place the 5 + ... 6th before.
    np.testing.assert_allclose(found["naive forecast"].point, [[10, 10, 10, 10]])
    np.testing.assert_allclose(found["seasonal naive forecast"].point, [[5, 8, 10, 5]])
    slope = 9 / 11
    np.testing.assert_allclose(
        found["drift forecast"].point, [10 + slope * np.arange(1, 5)[None]][0], rtol=1e-5
    )
    # Each season is 2 above the one before.
    np.testing.assert_allclose(
        found["seasonal naive with drift"].point, [[7, 10, 12, 9]], rtol=1e-5
    )


def test_after_a_logarithm_growth_is_a_factor() -> None:
    row = np.array([1.0, 3.0, 2.0]).repeat(1)[None].repeat(12, 0) * 2.0 ** np.arange(12)[:, None]
    data = cut(panel_of([row.ravel()]), 6, 3, select=12, test=6, log=True)
    found = named(data)["seasonal naive with drift"]
    np.testing.assert_allclose(found.point, row[10:].ravel()[None], rtol=1e-4)
    assert "mean factor" in found.note


def test_quantiles_are_the_errors_of_the_selection_part() -> None:
    """Of steps alike they hold as often as they say, and the median is the point."""
    row = np.random.default_rng(0).normal(size=4000)
    data = cut(panel_of([row]), 3, 1, select=1500, test=1500)
    test = windows(data, "test")
    for each in named(data).values():
        said = each.forecasts(data.scale, test)
        actuals = data.panel.actuals(test.series, test.origins, 3)
        for size, (low, high) in INTERVALS.items():
            inside = metrics.inside(actuals, said.quantiles[..., low], said.quantiles[..., high])
            assert Sums.of(inside).mean == pytest.approx(size / 100, abs=0.06), each.name


def test_ridge_finds_a_rule_of_lags() -> None:
    generator = np.random.default_rng(0)
    rows = []
    for level in (1.0, 1000.0):
        row = generator.normal(size=500)
        for step in range(2, 500):
            row[step] += 1.2 * row[step - 1] - 0.8 * row[step - 2]
        rows.append(level * row)
    data = cut(panel_of(rows), 2, 1, select=80, test=80)
    found, test = named(data), windows(data, "test")
    actuals = data.panel.actuals(test.series, test.origins, 2)

    def error(name: str) -> float:
        cells = metrics.absolute(actuals, found[name].point)
        return float(Sums.of(metrics.scaled(cells, data.scale.spread[test.series])).steps[0])

    ideal = float(np.mean(np.abs(generator.normal(size=10_000))) / data.scale.spread[0])
    assert error("ridge regression on lags") < 1.1 * ideal
    assert error("naive forecast") > 1.3 * ideal


@pytest.mark.parametrize(("frequency", "helps"), [(Frequency("D", 1, 0), True), (STEPS, False)])
def test_ridge_knows_the_time_of_the_year(frequency: Frequency, helps: bool) -> None:
    """A wave of the year under noise, of which few lags know little."""
    generator, days = np.random.default_rng(0), np.arange(1500)
    row = 3 * np.sin(2 * np.pi * days / 365.25) + generator.normal(size=1500)
    data = cut(panel_of([row], frequency), 14, 7, select=300, test=300)
    ridge, test = named(data)["ridge regression on lags"], windows(data, "test")
    actuals = data.panel.actuals(test.series, test.origins, 14)
    error = float(np.abs(actuals - ridge.point).mean())
    assert ("a wave of the year" in ridge.note) == helps
    assert (error < 0.85) == helps  # the noise alone: 0.80


def test_smoothing_goes_on_as_statsmodels_does() -> None:
    """From the end of what it was fitted to; and one step later as if it had known that step."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    row = seasonal(200, 12, seed=3, trend=0.05)
    data = cut(panel_of([row]), 12, 12, select=40, test=40)
    past = Past(data.panel, data.scale, 12)
    found = smoothing.fit(past, data.train_ends, seconds=60)
    alpha, beta, gamma, phi = found.weights[0]
    for end in (120, 121, 150):
        theirs = ExponentialSmoothing(
            past.values[:end],
            trend="add",
            damped_trend=True,
            seasonal="add",
            seasonal_periods=12,
            initialization_method="known",
            initial_level=found.levels[0],
            initial_trend=found.trends[0],
            initial_seasonal=found.seasons[0],
        ).fit(
            smoothing_level=alpha,
            smoothing_trend=beta,
            smoothing_seasonal=gamma,
            damping_trend=phi,
            optimized=False,
        )
        mine = found(Origins(np.array([0]), np.array([end])), 12)
        # In the twelfth step theirs has not yet learnt what the last value says of its season.
        np.testing.assert_allclose(mine[0, :11], theirs.forecast(11), rtol=1e-6, atol=1e-8)


def test_smoothing_of_more_series_than_time() -> None:
    rows = [seasonal(120 + k % 7, 6, seed=k) for k in range(16)]
    data = cut(panel_of(rows), 6, 6, select=20, test=20)
    past, test = Past(data.panel, data.scale, 6), windows(data, "test")
    few = smoothing.fit(past, data.train_ends, seconds=0.005)
    assert few.less.startswith("fitted to ")
    assert few.less.endswith(" of 16 series, whose median the others take")
    assert few.less in few.note
    assert len(np.unique(few.weights, axis=0)) < 8
    again = smoothing.fit(past, data.train_ends, seconds=0.005)
    np.testing.assert_array_equal(few.weights, again.weights)
    every = smoothing.fit(past, data.train_ends, seconds=60)
    assert every.less == ""
    assert len(np.unique(every.weights, axis=0)) > 8
    errors = [np.abs(fit(test, 6) - past.ahead(test, 6)).mean() for fit in (few, every)]
    assert errors[0] < 1.1 * errors[1]


def test_smoothing_of_a_series_longer_than_there_is_time_for() -> None:
    data = cut(panel_of([seasonal(3000, 6, seed=0)]), 6, 6, select=20, test=20)
    past = Past(data.panel, data.scale, 6)
    few = smoothing.fit(past, data.train_ends, seconds=0.01)
    assert few.less == "fitted to the last 2,000 of up to 2,960 steps"
    assert smoothing.fit(past, data.train_ends, seconds=60).less == ""


@pytest.mark.parametrize("period", [1, 6])
def test_smoothing_fits_as_well_as_statsmodels(period: int) -> None:
    """Searched together or alone, of unequal lengths, by the errors of one step."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    draw = np.random.default_rng(0)
    rows = [
        seasonal(90 + 31 * k, 6, seed=k, trend=0.03 * (k % 3))
        + draw.normal(size=90 + 31 * k).cumsum()
        for k in range(6)
    ]
    data = cut(panel_of(rows), 6, period, select=20, test=20)
    past = Past(data.panel, data.scale, period)
    found = smoothing.fit(past, data.train_ends, seconds=60)
    for series, end in enumerate(data.train_ends.tolist()):
        values = past.filled[past.panel.begins[series] :][:end]
        known = {"initialization_method": "known", "initial_level": found.levels[series]}
        known["initial_trend"] = found.trends[series]
        if period > 1:
            known |= {"seasonal": "add", "seasonal_periods": period}
            known["initial_seasonal"] = found.seasons[series]
        theirs = [
            ExponentialSmoothing(values, trend="add", damped_trend=damped, **known).fit()
            for damped in (False, True)
        ]
        origins = np.arange(end)
        said = found(Origins(np.full(end, series), origins), 1)[:, 0]
        squares = float(((values - said) ** 2).sum())
        assert squares < 1.03 * min(each.sse for each in theirs), series


def test_a_line_of_more_windows_than_there_is_time_for() -> None:
    rows = [seasonal(300, 6, seed=k) for k in range(100)]
    data = cut(panel_of(rows), 6, 6, select=20, test=20)
    past, held = Past(data.panel, data.scale, 6), windows(data, "select")
    fits = [
        lags.fit(past, data.train_ends, data.select_ends, held, 6, seconds=seconds)
        for seconds in (0, 60)
    ]
    few, every = fits
    assert few is not None
    assert every is not None
    assert few.less == "fitted to one of 2 windows"
    assert every.less == ""
    test = windows(data, "test")
    errors = [np.abs(fit.late(test) - past.ahead(test, 6)).mean() for fit in (few, every)]
    assert errors[0] == pytest.approx(errors[1], rel=0.02)


def test_windows_begin_in_their_part() -> None:
    data = several()
    held, test = windows(data, "select"), windows(data, "test")
    with pytest.raises(DataError, match="before the test part"):
        series_baselines(data, held, held)
    with pytest.raises(DataError, match="before the selection part"):
        series_baselines(data, Origins(held.series, held.origins - 1), test)


def test_the_season_of_a_decomposition_is_that_of_statsmodels() -> None:
    from statsmodels.tsa.seasonal import seasonal_decompose

    for period in (4, 7):
        rows = np.stack([seasonal(53, period, seed=k, trend=0.1) for k in range(3)])
        for times, name in ((True, "multiplicative"), (False, "additive")):
            mine = decomposed(rows, period, np.full(3, times))
            for row, found in zip(rows, mine, strict=True):
                theirs = seasonal_decompose(row, model=name, period=period)
                np.testing.assert_allclose(found, theirs.seasonal[:period], rtol=1e-8)


def test_the_test_of_a_season() -> None:
    noise = np.random.default_rng(0).normal(size=(400, 120))
    wave = np.sin(2 * np.pi * np.arange(120) / 12)
    assert is_seasonal(noise + 2 * wave, 12).all()
    assert is_seasonal(noise, 12).mean() < 0.15
    assert not is_seasonal(np.full((1, 120), 1e9), 12).any()


def test_ten_thousand_windows_take_seconds() -> None:
    rows = [seasonal(200 + k % 50, 12, seed=k % 20) for k in range(500)]
    data = cut(panel_of(rows), 12, 12, select=31, test=31)
    held, test = windows(data, "select"), windows(data, "test")
    assert len(test) == 10_000
    began = time.process_time()
    series_baselines(data, held, test, seconds=2)
    assert time.process_time() - began < 15


def hourly(folder: Path) -> tuple[SeriesData, NDArray[np.float64]]:
    """M4's hourly series, the official test part behind the official training part."""
    rows: list[list[float]] = []
    for name in ("Hourly-train.csv", "Hourly-test.csv"):
        with open(folder / name, encoding="utf-8") as file:
            read = list(csv.reader(file))[1:]
        found = [[float(cell) for cell in row[1:] if cell] for row in read]
        rows = [a + b for a, b in zip(rows, found, strict=True)] if rows else found
    data = cut(panel_of([np.array(row) for row in rows], HOURLY), 48, 24, select=96, test=48)
    panel = data.panel
    scale, _ = metrics.naive_scale(
        panel.values, panel.begins, panel.begins + data.select_ends, data.period
    )
    return data, scale


def test_naive2_scores_what_the_organisers_published(data_folder: Path) -> None:
    data, scale = hourly(data_folder / "m4-hourly")
    test = windows(data, "test")
    past = Past(data.panel, data.scale, 24)
    said = past.scale.restore(naive2.fit(past, data.select_ends)(test, 48), test.series)
    actuals = data.panel.actuals(test.series, test.origins, 48)
    mase = metrics.scaled(metrics.absolute(actuals, said), scale[test.series])
    assert Sums.of(metrics.symmetric(actuals, said)).mean == pytest.approx(18.383, abs=6e-4)
    assert Sums.of(mase).mean == pytest.approx(2.395, abs=6e-4)
