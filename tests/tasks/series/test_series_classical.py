"""statsforecast's models beside the others: nothing of the future, all the data or left out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from forecast_toys import MONTHLY, cut, panel_of, seasonal
from recurra.tasks.series.baselines import classical
from recurra.tasks.series.baselines.measured import series_baselines
from recurra.tasks.series.baselines.past import Past
from recurra.tasks.series.choosing import Choosing
from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.panel import SeriesData

models = pytest.importorskip("statsforecast.models")


def data_of() -> SeriesData:
    rows = [seasonal(40, 4, seed=1), np.full(30, 3.0), seasonal(34, 4, seed=2)]
    rows[2][[3, 17]] = np.nan
    return cut(panel_of(rows, MONTHLY), 3, 4, select=3, test=5)


def test_they_forecast_what_statsforecast_does_and_their_median() -> None:
    data = data_of()
    past = Past(data.panel, data.scale, 4)
    windows = Origins(np.array([0, 0, 1, 2]), np.array([35, 37, 28, 30]))
    job = (np.array([35, 35, 28, 30]), windows)
    said = {name: classical.said(name, past, job, 3) for name in classical.PARTS}
    theirs = models.AutoETS(season_length=4).fit(data.panel.of(0)[:35])
    np.testing.assert_allclose(said["AutoETS"][0, :, 3], theirs.predict(3)["mean"])
    later = theirs.forward(data.panel.of(0)[:37], 3, level=[80])
    np.testing.assert_allclose(said["AutoETS"][1, :, 3], later["mean"])
    np.testing.assert_allclose(said["AutoETS"][1, :, 5], later["hi-80"])
    np.testing.assert_allclose(said["AutoETS"][2], 3.0, atol=1e-3)
    both = classical.said(classical.COMBINED, past, job, 3)
    np.testing.assert_array_equal(both, np.median(list(said.values()), 0))
    assert (np.diff(both, axis=-1) >= 0).all()
    # What comes later changes nothing.
    values = data.panel.values.copy()
    values[data.panel.begins[0] + 37 : data.panel.begins[1]] = 1e6
    changed = Past(dataclasses.replace(data.panel, values=values), data.scale, 4)
    np.testing.assert_array_equal(classical.said("AutoCES", changed, job, 3), said["AutoCES"])


def test_what_has_no_time_is_left_out_by_name() -> None:
    data = data_of()
    test = Origins(np.array([0, 1, 2]), data.select_ends)
    found, without = series_baselines(data, Choosing.of(data), test, seconds=0)
    assert [each.name for each in without] == [*classical.KINDS, classical.COMBINED]
    assert "exponential smoothing" in [each.name for each in found]
    found, without = series_baselines(data, Choosing.of(data), test, seconds=60)
    names = [each.name for each in found]
    assert not without
    assert names[-6:] == [*classical.KINDS, classical.COMBINED]
    assert "exponential smoothing" not in names
    for each in found[-6:]:
        own = each.forecasts(data.scale, test)
        assert np.isfinite(own.quantiles).all()
        np.testing.assert_array_equal(own.point, each.point)
