from __future__ import annotations

import pandas
import pytest

from recurra import SeriesModel
from recurra.errors import DataError
from recurra.tasks.series.data import from_python, more
from recurra.tasks.series.options import SeriesOptions
from recurra.tasks.series.reading.form import Form

HALVES = pandas.date_range("2017-01-02", "2017-03-11 23:30", freq="30min")
OPEN = HALVES[
    (HALVES.day_of_week < 6)
    & (HALVES.hour * 60 + HALVES.minute >= 540)
    & (HALVES.hour * 60 + HALVES.minute <= 930)
]
"""Monday to Saturday, 09:00 to 15:30, every half an hour."""

FRAME = pandas.DataFrame({"ds": OPEN, "y": [float(7 + n % 14) for n in range(len(OPEN))]})


def test_forecasts_keep_to_opening_hours() -> None:
    model = SeriesModel(horizon=30, steps=2, model="autoregressive").fit(FRAME)
    found = model.predict()["ds"]
    expected = [*pandas.date_range("2017-03-13 09:00", periods=14, freq="30min")]
    expected += [*pandas.date_range("2017-03-14 09:00", periods=14, freq="30min")]
    expected += [*pandas.date_range("2017-03-15 09:00", periods=2, freq="30min")]
    assert list(pandas.DatetimeIndex(found)) == expected
    stream = model.stream()
    stamps = [str(stream.push(8.0)["ds"])[:16].replace("T", " ") for _ in range(15)]
    assert stamps[-3:] == ["2017-03-13 15:30", "2017-03-14 09:00", "2017-03-14 09:30"]


def test_they_are_told_and_newer_rows_have_to_keep_to_them() -> None:
    data = from_python(FRAME, SeriesOptions(horizon=5))
    assert "every 30 minutes, Monday to Saturday 09:00 to 15:30" in data.summary()
    assert "--frequency 30min" in data.summary()
    assert data.period == 14
    form = Form.from_json(Form.of(data).to_json())
    newer = pandas.DataFrame({"ds": pandas.to_datetime(["2017-03-13 09:00"]), "y": [1.0]})
    assert more(newer, form).lengths.tolist() == [1]
    newer["ds"] += pandas.Timedelta(hours=9)
    with pytest.raises(DataError, match="2017-03-13T18:00 lies beside the grid") as caught:
        more(newer, form)
    assert "Monday to Saturday 09:00 to 15:30" in caught.value.expected
    every = from_python(FRAME, SeriesOptions(horizon=5, frequency="30min"))
    assert every.panel.frequency.opened == ()
    assert every.found["gaps"] > 1000
