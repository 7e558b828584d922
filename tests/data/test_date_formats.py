"""Dates by their formats: as `datetime.strptime` reads them, alone as among others."""

from __future__ import annotations

from datetime import datetime
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.data.date_formats import DATES, MONTHS, TIMES, format_of, read, second_reading

FORMATS = [*MONTHS, *map("".join, product(DATES, TIMES))]
moments = st.datetimes(datetime(1000, 1, 1), datetime(2999, 12, 31))


@pytest.mark.parametrize("form", FORMATS)
@given(st.lists(moments, min_size=1, max_size=4))
def test_what_strftime_writes_is_read(form: str, days: list[datetime]) -> None:
    texts = [each.strftime(form.replace("%.f", ".%f")) for each in days]
    again = [datetime.strptime(text, form.replace("%.f", ".%f")) for text in texts]
    np.testing.assert_array_equal(read(texts, form), np.array(again, "datetime64[us]"))
    # Without the zeros in front.
    if not form.startswith("%Y%m%d"):
        short = [text.replace("-0", "-").replace("/0", "/").replace(" 0", " ") for text in texts]
        np.testing.assert_array_equal(read(short, form), np.array(again, "datetime64[us]"))


mixed = st.lists(
    st.sampled_from(
        [
            *["2024-01-31", "2024-02-30", "2024-1-31", "24-01-31", "2024-13-01", "2024-00-10"],
            *["2024-01-31 12:30:05", "2024-01-31 12:30:05.25", "2024-01-31 24:00:00", "2024-01"],
            *["2024-01-31T12:30", "1/2/2024", "31/1/2024", "12/1/2024", "1/12/2024", "20240131"],
            *["2024013a", "20241301", "Jan 2024", "jan 2024", "June 2024", "2024Q1", "2024-q4"],
            *["2024Q5", "", "soon", "2024-01-3١", "+2024-01-31", "2024-01-31Z", " 2024-01-31"],
            *["1/31/2024 1:00 PM", "1/31/2024 13:00 PM", "1/31/2024 0:00 am", "2023-02-29"],
        ]
    ),
    max_size=6,
)


@given(mixed, st.sampled_from(["quarter", *FORMATS]))
def test_each_is_read_alone_as_among_others(texts: list[str], form: str) -> None:
    found = read(texts, form)
    assert found.dtype == np.dtype("datetime64[us]")
    alone = [read([text], form)[0] for text in texts]
    np.testing.assert_array_equal(found, np.array(alone, "datetime64[us]"))


def test_no_day_there_is() -> None:
    wrong = ["2024-02-30", "2023-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "24-01-31"]
    assert np.isnat(read(wrong, "%Y-%m-%d")).all()
    wrong = ["2024-01-31 24:00", "2024-01-31 12:60", "2024-01-31 12", "2024-01-31 12:30 "]
    assert np.isnat(read(wrong, "%Y-%m-%d %H:%M")).all()
    wrong = ["1/31/2024 0:30 PM", "1/31/2024 13:30 PM"]
    assert np.isnat(read(wrong, "%m/%d/%Y %I:%M %p")).all()
    assert str(read(["1/31/2024 12:30 AM"], "%m/%d/%Y %I:%M %p")[0])[11:16] == "00:30"


def test_the_format_of_most_is_found() -> None:
    assert format_of(["2024-01-31", "2024-02-01", "soon"]) == ("%Y-%m-%d", 2)
    assert format_of(["soon"])[1] == 0
    assert format_of(["2024Q1"]) == ("quarter", 1)
    texts = ["1/2/2024", "1/3/2024", "31/3/2024"]
    first = format_of(texts[:2])[0]
    assert first == "%m/%d/%Y"
    assert second_reading(texts, first, read(texts, first))[0] == "%d/%m/%Y"
