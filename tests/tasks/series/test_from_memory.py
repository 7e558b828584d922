from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import polars
import pytest

from recurra.errors import DataError
from recurra.tasks.series.data import from_python
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.panel import SeriesData
from recurra.tasks.series.reading.from_memory import frame_of

VALUES = np.random.default_rng(0).normal(10, 2, 60)
DAYS = pandas.date_range("2024-01-01", periods=60)


def read(values: Any, **options: Any) -> SeriesData:
    return from_python(values, SeriesOptions(**options))


def test_one_series_in_many_forms() -> None:
    texts = [str(each.date()) for each in DAYS]
    named = pandas.Series(VALUES, DAYS, name="sales")
    forms: list[Any] = [
        pandas.Series(VALUES, DAYS),
        pandas.DataFrame({"y": VALUES}, DAYS),
        pandas.DataFrame({"ds": DAYS, "y": VALUES}),
        pandas.DataFrame({"ds": texts, "y": VALUES}, index=range(60, 120)),
        pandas.Series(VALUES, DAYS.to_period("D")),
        polars.DataFrame({"ds": texts, "y": VALUES}),
        polars.LazyFrame({"ds": texts, "y": VALUES}),
        {"ds": DAYS, "y": VALUES},
        {"ds": DAYS.to_numpy(), "y": VALUES.tolist()},
        {"ds": texts, "y": polars.Series(VALUES)},
    ]
    digests = {read(each).digest for each in (*forms, named.rename("y"))}
    assert len(digests) == 1
    assert read(named).columns["target"] == ["sales"]
    assert read(named).panel.ids == ("sales",)


def test_numbers_alone_are_steps() -> None:
    digests = {read(each).digest for each in (VALUES, VALUES.tolist(), tuple(VALUES.tolist()))}
    assert len(digests) == 1
    assert read(VALUES).panel.frequency.unit == "step"
    two = read(np.stack([VALUES, VALUES[::-1]], 1), target="all").panel
    assert two.ids == ("y0", "y1")
    np.testing.assert_array_equal(two.of(1), VALUES[::-1])


def test_an_index_of_names_is_a_column() -> None:
    index = pandas.MultiIndex.from_product([["b", "a"], DAYS], names=["unique_id", "ds"])
    data = read(pandas.DataFrame({"y": np.tile(VALUES, 2)}, index))
    assert data.panel.ids == ("b", "a")
    assert data.panel.frequency.description == "daily"


def test_types_of_pandas() -> None:
    frame = pandas.DataFrame(
        {
            "unique_id": pandas.Categorical(["a"] * 60),
            "ds": DAYS,
            "y": pandas.array([1, None, 3] * 20, dtype="Int64"),
            "open": [True, False] * 30,
            "day": pandas.Categorical(["x", "y"] * 30),
            "note": [None, 1, "x"] * 20,
        }
    )
    data = read(frame, futr_exog="open,day", hist_exog="note")
    assert data.found["missing"] == 20
    assert data.covariates.parts["futr_exog"] == ("open=false", "open=true", "day=x", "day=y")
    assert data.covariates.parts["hist_exog"] == ("note=1", "note=x")


def test_zones_of_pandas() -> None:
    hours = pandas.date_range("2024-01-01", periods=5000, freq="h", tz="Europe/Berlin")
    data = read(pandas.DataFrame({"ds": hours, "y": np.arange(5000.0)}))
    assert (data.columns["zone"], data.panel.frequency.description) == ("UTC", "hourly")
    assert data.found["gaps"] == 0
    assert "times are UTC" in data.summary()
    hours = pandas.date_range("2024-01-01", periods=9000, freq="h", tz="Europe/Berlin")
    with pytest.raises(DataError, match="the same time") as caught:
        read(pandas.DataFrame({"ds": hours.tz_localize(None), "y": np.arange(9000.0)}))
    assert "clocks went back" in caught.value.fix


@pytest.mark.parametrize(
    "values",
    [
        None,
        "a.csv,b",
        5,
        np.zeros((2, 2, 2)),
        ["a", "b"],
        {"ds": [1, 2], "y": [1]},
        {},
        pandas.DataFrame({"ds": [], "y": []}),
        polars.DataFrame(),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_is_no_frame_is_refused(values: Any) -> None:
    with pytest.raises(DataError) as caught:
        frame_of(values)
    assert caught.value.expected


def test_rows_are_named_by_their_place() -> None:
    values = VALUES.copy()
    values[17] = np.inf
    with pytest.raises(DataError, match=r"given\[17\]: column 'y': inf is infinite"):
        read({"ds": DAYS, "y": values})
