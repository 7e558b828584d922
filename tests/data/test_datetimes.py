from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars
import pytest

from recurra.data.datetimes import (
    Datetimes,
    datetimes,
    looks_like_datetimes,
    meant_as_times,
)
from recurra.data.frame_columns import column_of
from recurra.data.frames import Frame
from recurra.errors import DataError, OptionError


def frame(values: Any, name: str = "ds") -> Frame:
    return Frame("a", {name: column_of(values)}, lambda row: f"a, row {row}")


def read(values: Any, name: str = "ds", zone: str | None = "any") -> Datetimes:
    return datetimes(frame(values, name), name, zone)


def refusal(values: Any, zone: str | None = "any") -> DataError:
    with pytest.raises(DataError) as caught:
        read(values, zone=zone)
    assert caught.value.expected
    return caught.value


SPELLINGS = [
    (["2024-01-31", "2024-02-01"], ["2024-01-31", "2024-02-01"]),
    (["2024/01/31", "2024/02/01"], ["2024-01-31", "2024-02-01"]),
    (["31.1.2024", "1.2.2024"], ["2024-01-31", "2024-02-01"]),
    (["1/31/2024", "2/1/2024"], ["2024-01-31", "2024-02-01"]),
    (["1/2/2024", "31/1/2024"], ["2024-02-01", "2024-01-31"]),
    (["20240131", "20240201"], ["2024-01-31", "2024-02-01"]),
    (["2024-01", "2024-02"], ["2024-01-01", "2024-02-01"]),
    (["Jan 2024", "Feb 2024"], ["2024-01-01", "2024-02-01"]),
    (["2024Q1", "2024-Q4"], ["2024-01-01", "2024-10-01"]),
    (["31 Jan 2024", "1 Feb 2024"], ["2024-01-31", "2024-02-01"]),
    (["2024-01-31T12:30", "2024-01-31T13:00"], ["2024-01-31T12:30", "2024-01-31T13:00"]),
    (["2024-01-31 12:30:05", "2024-01-31 12:30:05.25"], ["2024-01-31T12:30:05", None]),
    (["2024-01-31", "2024-01-31 12:30"], ["2024-01-31", "2024-01-31T12:30"]),
    (["1/31/2024 1:00 PM", "1/31/2024 2:00 PM"], ["2024-01-31T13:00", "2024-01-31T14:00"]),
    (["1700000000", "1700003600"], ["2023-11-14T22:13:20", "2023-11-14T23:13:20"]),
    (["1700000000000", "1700000000250"], ["2023-11-14T22:13:20", None]),
]


@pytest.mark.parametrize(("texts", "expected"), SPELLINGS)
def test_spellings(texts: list[str], expected: list[str | None]) -> None:
    found = read(texts)
    assert found.zone is None
    for stamp, each in zip(found.stamps, expected, strict=True):
        assert each is None or stamp == np.array(each, "datetime64[us]")
    assert looks_like_datetimes(frame(texts), "ds") == (not texts[0].isdigit())
    # The same again and again, in any order.
    again = read([texts[1], *texts, texts[0]])
    np.testing.assert_array_equal(again.stamps, found.stamps[[1, 0, 1, 0]])


def test_fractions_of_seconds() -> None:
    found = read(["2024-01-31 12:30:05", "2024-01-31 12:30:05.25"])
    assert np.diff(found.stamps.astype(np.int64)).tolist() == [250_000]


def test_numbers_are_steps_or_years() -> None:
    assert read([3, 1, 2]).stamps.tolist() == [3, 1, 2]
    assert read(["3", "1"]).stamps.dtype == np.int64
    assert read([3.0, 1.0]).stamps.tolist() == [3, 1]
    assert "row 1: column 'ds': '1.5' is no date" in refusal([3.0, 1.5]).got
    years = read(["1999", "2001"], name="Year").stamps
    np.testing.assert_array_equal(years, np.array(["1999", "2001"], "datetime64[us]"))
    assert read([1999, 2001], name="step").stamps.tolist() == [1999, 2001]


def test_dates_of_frames() -> None:
    expected = np.array(["2024-01-31", "2024-02-01"], "datetime64[us]")
    days = [date(2024, 1, 31), date(2024, 2, 1)]
    np.testing.assert_array_equal(read(days).stamps, expected)
    for kind in (polars.Datetime("ms"), polars.Datetime("us"), polars.Datetime("ns")):
        values = polars.Series(days).cast(kind)
        np.testing.assert_array_equal(read(values).stamps, expected)
    assert "holds values of timedelta" in refusal([timedelta(1), timedelta(2)]).got


def test_no_date_names_the_row() -> None:
    days = [f"2024-01-{day:02}" for day in range(1, 29)]
    assert "row 28: column 'ds': 'soon' is no date" in refusal([*days, "soon"]).got
    assert "row 28: column 'ds': '2024-02-30' is no date" in refusal([*days, "2024-02-30"]).got
    assert "row 28: no time" in refusal([*days, None]).got
    assert "row 2: column 'ds': 'x' is no date" in refusal(["24-1", "25-2", "x"]).got


TWO_WAYS = [
    (["1/2/2024", "1/3/2024"], "%m/%d/%Y (2024-01-02) or as %d/%m/%Y (2024-02-01)", "%d/%m/%Y"),
    (["24-01-31", "24-02-01"], "%d-%m-%y (2031-01-24) or as %y-%m-%d (2024-01-31)", "%y-%m-%d"),
    (["Jan-10", "Feb-10"], "%b-%y (2010-01) or as %b-%d (of no year)", "%b-%y"),
    (["10-Jan", "11-Jan"], "%y-%b (2010-01) or as %d-%b (of no year)", "%y-%b"),
    (["1-01", "3-12"], "%y-%m (2001-01) or as %m-%y (2001-01)", "%y-%m"),
    (["1/2/24 12:30", "1/3/24 12:30"], "%m/%d/%y %H:%M (2024-01-02)", "%d/%m/%y %H:%M"),
]


@pytest.mark.parametrize(("texts", "said", "settles"), TWO_WAYS)
def test_what_can_be_read_in_two_ways_is_settled_by_a_format(
    texts: list[str], said: str, settles: str
) -> None:
    error = refusal(texts)
    assert f"row 0: column 'ds': {texts[0]!r} can be read as {said}" in error.got
    assert f'--time-format "{settles}"' in error.fix
    given = frame(texts)
    assert looks_like_datetimes(given, "ds")
    found = datetimes(given, "ds", time_format=settles)
    assert found.spelt == settles
    # Newer data are read as those of the training, without being asked.
    newer = datetimes(frame(texts[:1]), "ds", usual=settles)
    np.testing.assert_array_equal(newer.stamps, found.stamps[:1])


def test_a_whole_column_may_leave_one_reading() -> None:
    def found(texts: list[str]) -> list[str]:
        return [str(each)[:10] for each in read(texts).stamps]

    assert found(["Jan-98", "Feb-10"]) == ["1998-01-01", "2010-02-01"]
    assert found(["98-01", "99-12"]) == ["1998-01-01", "1999-12-01"]
    assert found(["13/1/24", "1/2/24", "14/1/99"])[:2] == ["2024-01-13", "2024-02-01"]
    assert found(["2021-W01", "2020-W53"]) == ["2021-01-04", "2020-12-28"]
    assert found(["2021W017"]) == ["2021-01-10"]
    assert read([202312, 202401], name="Month").stamps.astype("datetime64[M]").tolist() == [
        date(2023, 12, 1),
        date(2024, 1, 1),
    ]
    assert "'2021-W53' is no date" in refusal(["2021-W53"]).got


def test_a_format_is_checked() -> None:
    days = frame(["31.01.2024", "2024"])
    with pytest.raises(DataError, match="row 1: column 'ds': '2024' is no date") as caught:
        datetimes(days, "ds", time_format="%d.%m.%Y")
    assert caught.value.expected == "times as %d.%m.%Y"
    for wrong in ("%d.%m", "%Q %Y", "%Y %Y", "iso"):
        with pytest.raises(OptionError, match="time_format"):
            datetimes(days, "ds", time_format=wrong)
    quarter_hours = frame([202401312345])
    found = datetimes(quarter_hours, "ds", time_format="%Y%m%d%H%M")
    assert str(found.stamps[0])[:16] == "2024-01-31T23:45"


def test_what_is_meant_as_times() -> None:
    for texts in (["1-01", "1-02"], ["Jan 3rd", "Feb 4th"], ["2021/1/x", "2021/1/2", "2021/1/3"]):
        assert meant_as_times(frame(texts), "ds") == (texts[0] != "2021/1/x")
    assert not meant_as_times(frame(["10-20", "10-20", "20-30", "10-20"]), "ds")
    assert not meant_as_times(frame(["a1", "b2"]), "ds")
    assert not meant_as_times(frame(["1.5", "2.5"]), "ds")


def test_one_offset_is_kept() -> None:
    found = read(["2024-01-31T00:00+09:00", "2024-01-31T01:00+0900"])
    assert found.zone == "+09:00"
    assert str(found.stamps[0])[:16] == "2024-01-31T00:00"
    assert read(["2024-01-31T00:00Z", "2024-01-31T01:00+00:00"]).zone == "UTC"
    west = read(["2024-01-31T00:00-03:30", "2024-01-31T01:00-03:30"])
    assert west.zone == "-03:30"
    # Newer data of the same zone in summer: on the clock of the training.
    newer = read(["2024-07-31T01:00-02:30"], zone="-03:30")
    assert str(newer.stamps[0])[:16] == "2024-07-31T00:00"


def berlin(step: timedelta, count: int) -> list[datetime]:
    zone = ZoneInfo("Europe/Berlin")
    begin = datetime(2020, 1, 1, tzinfo=UTC) - timedelta(hours=1)
    if step >= timedelta(days=1):
        naive = [datetime(2020, 1, 1) + step * number for number in range(count)]
        return [each.replace(tzinfo=zone) for each in naive]
    return [(begin + step * number).astimezone(zone) for number in range(count)]


@pytest.mark.parametrize("as_text", [True, False])
def test_summer_time_is_of_one_zone(as_text: bool) -> None:
    hours = berlin(timedelta(hours=1), 9000)
    given: Any = [each.isoformat() for each in hours]
    found = read(given if as_text else polars.Series(hours).dt.convert_time_zone("Europe/Berlin"))
    assert found.zone == "UTC"
    assert set(np.diff(found.stamps).astype(np.int64).tolist()) == {3_600_000_000}
    days = berlin(timedelta(days=1), 700)
    given = [each.isoformat() for each in days]
    found = read(given if as_text else polars.Series(days).dt.convert_time_zone("Europe/Berlin"))
    assert found.zone == "local"
    assert set(np.diff(found.stamps).astype(np.int64).tolist()) == {86_400_000_000}


def test_mixed_zones_are_refused() -> None:
    days = [f"2024-01-{day:02} 00:00:00" for day in range(1, 29)]
    error = refusal([*(day + "+01:00" for day in days), "2024-01-29 00:00:00"])
    assert "row 28: column 'ds': '2024-01-29 00:00:00' has no time zone" in error.got
    error = refusal([*(day + "+01:00" for day in days), "2024-01-29 00:00:00-05:00"])
    assert "row 28" in error.got
    assert "another time zone" in error.got
    zones = ["+01:00", "+02:00"]  # an hour apart, but to and fro
    error = refusal([day + zones[at % 2] for at, day in enumerate(days)])
    assert "row 1" in error.got


def test_a_zone_as_in_the_training() -> None:
    assert "has no time zone" in refusal(["2024-01-31 00:00"], zone="UTC").got
    assert "has a time zone" in refusal(["2024-01-31 00:00Z"], zone=None).got
    found = read(["2024-01-31T01:00+01:00"], zone="UTC")
    assert str(found.stamps[0])[:16] == "2024-01-31T00:00"


def test_what_looks_like_moments() -> None:
    assert not looks_like_datetimes(frame(["a", "b"]), "ds")
    assert not looks_like_datetimes(frame(["1", "2"]), "ds")
    assert not looks_like_datetimes(frame([1.0, 2.0]), "ds")
    assert not looks_like_datetimes(frame([timedelta(1)]), "ds")
    assert not looks_like_datetimes(frame([None, None]), "ds")
    assert looks_like_datetimes(frame([None, "2024-01-31T00:00Z"]), "ds")
    assert looks_like_datetimes(frame([date(2024, 1, 31)]), "ds")
