"""Values that a model is not for: refused by the series' name, wherever they come from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recurra.errors import DataError
from recurra.tasks.series import render
from recurra.tasks.series.estimator import SeriesModel

LESS: dict[str, Any] = {"steps": 10, "hidden": 8, "batch": 8, "threads": 1, "horizon": 4}
SIZE = 140
STEP = np.arange(SIZE)
GROWING = np.exp(0.02 * STEP) * (10 + 3 * np.sin(2 * np.pi * STEP / 7))


def columns(values: Any, name: str = "shop") -> dict[str, Any]:
    days = np.datetime64("2024-01-01", "us") + np.arange(len(values)) * np.timedelta64(1, "D")
    return {"unique_id": [name] * len(values), "ds": days, "y": np.asarray(values, float)}


@pytest.fixture(scope="module")
def logs() -> SeriesModel:
    fitted = SeriesModel(model="autoregressive", **LESS).fit(columns(GROWING))
    assert fitted.run.read_json("scaler.json")["log"] is True
    return fitted


@pytest.mark.parametrize("value", [0.0, -100.29])
def test_logarithms_of_what_has_none_are_refused(logs: SeriesModel, value: float) -> None:
    newer = np.append(GROWING, [200.0, value, 210.0, 190.0, 205.0])
    for given in (columns(newer), columns(np.full(20, value), "new")):
        for verb in (logs.predict, logs.evaluate):
            with pytest.raises(DataError, match="logarithms") as caught:
                verb(given)
            assert f"series '{given['unique_id'][0]}'" in caught.value.got
            assert f"{value:g}" in caught.value.got
    stream, pool = logs.stream(), logs.pool()
    with pytest.raises(DataError, match="series 'shop': "):
        stream.push(value)
    with pytest.raises(DataError, match="series 'shop': "):
        pool.push(pool.open(2), [5.0, value])
    assert stream.push(float("nan"))["recurra"] > 0


def test_logarithms_are_not_chosen_where_a_later_part_has_none() -> None:
    values = GROWING.copy()
    values[-2] = 0.0
    fitted = SeriesModel(model="segments", **LESS).fit(columns(values))
    assert fitted.run.read_json("scaler.json")["log"] is False


def test_what_is_no_count_is_refused_later_too() -> None:
    counts = np.random.default_rng(0).poisson(4.0, SIZE)
    fitted = SeriesModel(distribution="counts", **LESS).fit(columns(counts))
    for value in (-1.0, 1.5):
        with pytest.raises(DataError, match=f"{value:g} is no count"):
            fitted.predict(columns(np.append(counts, [value, 3])))
    assert len(fitted.predict(columns(np.append(counts, [np.nan, 3])))["ds"]) == 4


@pytest.mark.parametrize("kind", ["segments", "autoregressive"])
def test_nothing_below_zero_is_forecast_where_that_is_asked_for(kind: str) -> None:
    """Mostly 0, now and then more: intervals around it reach below."""
    draw = np.random.default_rng(0)
    rare = np.where(draw.random(SIZE) < 0.3, draw.gamma(2.0, 3.0, SIZE), 0.0)
    free = SeriesModel(model=kind, **LESS).fit(columns(rare))
    assert min(free.predict()["recurra-lo-95"]) < 0
    assert 0 < free.report["below_zero"] <= 1
    assert "--positive" in render.summary(free.report)
    kept = SeriesModel(model=kind, positive=True, **LESS).fit(columns(rare))
    said = kept.predict(columns(np.append(rare, [5.0, 0.0])))
    assert min(said["recurra-lo-95"]) == 0
    assert max(said["recurra-hi-95"]) > 0
    assert "--positive" not in render.summary(kept.report)
    with pytest.raises(DataError, match="-1 is below 0"):
        kept.predict(columns(np.append(rare, [-1.0])))
    with pytest.raises(DataError, match=r"series 'shop', 2024-01-04: -2 is below 0"):
        SeriesModel(model=kind, positive=True, **LESS).fit(columns(np.where(STEP == 3, -2.0, rare)))


def test_a_series_that_is_below_zero_is_not_told_of_a_floor() -> None:
    wave = SeriesModel(model="segments", **LESS).fit(columns(np.sin(STEP)))
    assert wave.report["below_zero"] is None
    assert "--positive" not in render.summary(wave.report)
