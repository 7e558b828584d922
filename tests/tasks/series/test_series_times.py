from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from numpy.typing import NDArray

from recurra.errors import DataError, OptionError
from recurra.tasks.series.data import from_python, more, read
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.panel import SeriesData
from recurra.tasks.series.reading.form import Form

HOURS = pandas.date_range("2023-12-28 05:00", periods=200, freq="h")
"""Over the end of a year."""

DAYS = pandas.date_range("2023-11-20", periods=120)


def panel(frame: Any, **options: Any) -> SeriesData:
    return from_python(frame, SeriesOptions(**options))


def refusal(frame: Any, **options: Any) -> DataError | OptionError:
    with pytest.raises((DataError, OptionError)) as caught:
        panel(frame, **options)
    assert caught.value.expected
    return caught.value  # type: ignore[return-value]


def stamps(data: SeriesData) -> NDArray[Any]:
    """The moments of the first series."""
    ordinals = data.panel.starts[0] + np.arange(data.panel.lengths[0])
    return data.panel.frequency.stamps(ordinals)


def test_parts_in_columns_of_their_own(tmp_path: Path) -> None:
    parts = {each: getattr(HOURS, each) for each in ("year", "month", "day", "hour")}
    frame = pandas.DataFrame({"No": range(200), **parts, "y": np.arange(200.0)})
    data = panel(frame)
    assert "times out of year,month,day,hour" in data.summary()
    np.testing.assert_array_equal(stamps(data), HOURS.to_numpy())
    # The same from a file, asked for, and called as people call them.
    frame.columns = ["No", "Jahr", "Monat", "T", "Stunde", "y"]
    frame.to_csv(tmp_path / "a.csv", index=False)
    asked = SeriesOptions(target="y", time="Jahr,Monat,T,Stunde")
    assert read([tmp_path / "a.csv"], asked).digest == data.digest
    # Newer data are read the same way; hours from 1 to 24 end the day.
    form = Form.of(data)
    newer = pandas.DataFrame({"year": [2024], "month": [1], "day": [5], "hour": [24], "y": [1.0]})
    found = more(newer, Form.from_json(form.to_json()))
    assert str(found.frequency.stamps(found.starts)[0])[:13] == "2024-01-06T00"
    with pytest.raises(DataError, match="no column 'day', the time of the training"):
        more(newer.drop(columns="day"), form)
    newer["month"] = 13
    with pytest.raises(
        DataError, match=r"given\[0\]: year 2024, month 13, day 5, hour 24: no such"
    ):
        more(newer, form)


@pytest.mark.parametrize(
    ("columns", "index"),
    [
        (["Month", "Year"], pandas.date_range("2020-01", periods=60, freq="MS")),
        (["year", "quarter"], pandas.date_range("2000-01", periods=60, freq="QS")),
        (["year", "week"], pandas.date_range("2019-12-30", periods=60, freq="W-MON")),
        (["year", "month", "day"], DAYS),
    ],
)
def test_parts_of_all_kinds(columns: list[str], index: pandas.DatetimeIndex) -> None:
    iso = index.isocalendar()
    held = {"week": iso.week.to_numpy(), "quarter": index.quarter, "day": index.day}
    held |= {"year": iso.year.to_numpy() if "week" in columns else index.year}
    held |= {"month": index.month, "Month": index.strftime("%b"), "Year": index.year}
    data = panel({**{each: held[each] for each in columns}, "y": np.arange(len(index))})
    np.testing.assert_array_equal(stamps(data), index.to_numpy())


@pytest.mark.parametrize("clock", ["%H:%M", "%H.%M.%S", "%I:%M %p", "hours"])
def test_a_date_and_a_time_of_day(clock: str) -> None:
    times = list(HOURS.hour) if clock == "hours" else list(HOURS.strftime(clock))
    name = "Hour" if clock == "hours" else "Time"
    frame = {"Date": list(HOURS.strftime("%d/%m/%Y")), name: times, "y": np.arange(200.0)}
    data = panel(frame)
    assert f"times out of Date,{name}" in data.summary()
    np.testing.assert_array_equal(stamps(data), HOURS.to_numpy())
    frame["Date"] = list(HOURS.date)
    assert panel(frame).digest == data.digest


def test_a_time_of_day_beside_dates_that_differ_is_a_column_like_any_other() -> None:
    frame = {"date": list(DAYS.date), "time": ["08:13", "09:01"] * 60, "y": np.arange(120.0)}
    assert panel(frame).panel.frequency.unit == "D"


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([f"{month}-{day:02}" for day in (10, 11, 12) for month in ("Jan", "Feb", "Mar")], "%b-%y"),
        ([f"{year}-{month:02}" for year in (1, 2, 3) for month in range(1, 13)], "%y-%m"),
        ([f"{month}/{day}/2024" for month in (1, 2, 3) for day in (1, 2, 3, 4)], "%d/%m/%Y"),
    ],
)
def test_times_of_two_readings_are_named_and_settled(texts: list[str], said: str) -> None:
    frame = {"Month": texts, "y": np.arange(float(len(texts)))}
    error = refusal(frame)
    assert f"column 'Month': {texts[0]!r} can be read as" in error.got
    assert f'--time-format "{said}"' in error.fix
    data = panel(frame, time_format=said, horizon=1, frequency="D" if "d" in said else "M")
    assert (data.columns["time"], data.columns["spelt"]) == ("Month", said)
    # Newer rows, few of them, are read as the others were.
    assert more({"Month": texts[-1:], "y": [1.0]}, Form.of(data)).lengths.tolist() == [1]
    assert "rows are steps" in panel(frame, time="none", horizon=1).summary()


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("when", ["2024-01-01", "2024-01-02", "soon", *(f"2024-02-{n:02}" for n in range(1, 20))]),
        ("x", [f"{n:02}:00" for n in range(24)]),
        ("Monat", [f"Monat {chr(65 + n)}" for n in range(24)]),
    ],
)
def test_times_that_cannot_be_read_are_named(name: str, texts: list[str]) -> None:
    frame = {name: texts, "y": np.arange(float(len(texts)))}
    error = refusal(frame)
    assert f"column {name!r}" in error.got
    assert "--time-format" in error.fix
    assert "--time none" in error.fix or "none: rows" in error.fix
    assert "rows are steps" in panel(frame, time="none", horizon=1).summary()


def test_texts_that_are_no_times_do_no_harm() -> None:
    ages = {"group": ["10-20", "20-30", "30-40"] * 20, "name": [f"n{n}" for n in range(60)]}
    data = panel({**ages, "y": np.arange(60.0)})
    assert data.columns["unused"] == ["group", "name"]


def test_pandas_index_and_periods() -> None:
    values = np.arange(48.0)
    months = pandas.date_range("2020-01", periods=48, freq="MS")
    expected = panel({"ds": months.to_numpy(), "y": values}).digest
    periods = months.to_period("M")
    given = {
        "dates": pandas.Series(values, months),
        "periods": pandas.Series(values, periods),
        "texts": pandas.Series(values, months.strftime("%Y-%m")),
        "named": pandas.DataFrame({"y": values}, months.rename("month")),
        "a column of periods": pandas.DataFrame({"month": periods, "y": values}),
    }
    for name, each in given.items():
        assert panel(each).digest == expected, name
    assert "rows are steps" in panel(pandas.Series(values)).summary()
    weeks = pandas.period_range("2024-01-01", periods=48, freq="W-SUN")
    assert stamps(panel(pandas.Series(values, weeks)))[0] == np.datetime64("2024-01-01")
    error = refusal(pandas.Series(values, [f"{n // 12 + 1}-{n % 12 + 1:02}" for n in range(48)]))
    assert "column 'index'" in error.got
