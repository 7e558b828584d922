from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recurra.codecs.frequency import Frequency
from recurra.errors import BundleError, DataError, OptionError


def grid(begin: str, step: str, count: int) -> NDArray[np.datetime64]:
    """Moments by NumPy's own calendar."""
    number, unit = int(step[:-1]), step[-1]
    first = np.array(begin, f"datetime64[{unit}]").astype(np.int64)
    found: NDArray[np.datetime64] = (first + np.arange(count) * number).astype(
        f"datetime64[{unit}]"
    )
    return found.astype("datetime64[us]")


KINDS = [
    ("1969-12-30T23:30", "15m", "min", 15, "every 15 minutes", 96),
    ("2020-01-01T00", "1h", "h", 1, "hourly", 24),
    ("2020-01-01T05", "6h", "h", 6, "every 6 hours", 4),
    ("2020-02-28", "1D", "D", 1, "daily", 7),
    ("2020-02-28", "2D", "D", 2, "every 2 days", 1),
    ("1958-03-29", "7D", "W", 1, "weekly", 52),
    ("1958-03-29", "28D", "W", 4, "every 4 weeks", 13),
    ("2019-11", "1M", "M", 1, "monthly", 12),
    ("2019-11", "2M", "M", 2, "every 2 months", 6),
    ("2019-11", "3M", "Q", 1, "quarterly", 4),
    ("2019-11", "12M", "Y", 1, "yearly", 1),
    ("2019", "10Y", "Y", 10, "every 10 years", 1),
    ("2020-01-01T00:00:00", "1s", "s", 1, "every second", 3600),
]


@pytest.mark.parametrize(("begin", "step", "unit", "count", "summary", "season"), KINDS)
def test_a_grid_is_known_again(
    begin: str, step: str, unit: str, count: int, summary: str, season: int
) -> None:
    stamps = grid(begin, step, 40)
    draw = np.random.default_rng(1)
    some = draw.permutation(stamps)[:30]  # gaps, in any order
    for given_ in (stamps, some):
        found = Frequency.infer(given_)
        assert (found.unit, found.count, found.description, found.season) == (
            unit,
            count,
            summary,
            season,
        )
        assert not found.off(stamps).any()
        ordinals = found.ordinals(stamps)
        np.testing.assert_array_equal(np.diff(ordinals), 1)
        np.testing.assert_array_equal(found.stamps(ordinals), stamps)
        assert Frequency.from_json(found.to_json()) == found


def test_ends_of_months() -> None:
    ends = grid("2019-02", "1M", 30).astype("datetime64[M]") + 1
    stamps = (ends.astype("datetime64[D]") - 1).astype("datetime64[us]")
    found = Frequency.infer(stamps)
    assert found == Frequency("M", 1, 31)
    np.testing.assert_array_equal(found.stamps(found.ordinals(stamps)), stamps)
    # The last business days are not always the last ones: still the ends of months.
    back = np.where(np.arange(30) % 3 == 0, stamps - np.timedelta64(2, "D"), stamps)
    assert Frequency.infer(back) == found
    np.testing.assert_array_equal(found.ordinals(back), found.ordinals(stamps))


def test_the_thirtieth_is_the_last_of_february() -> None:
    stamps = np.array(["2020-01-30", "2020-02-29", "2020-03-30", "2020-04-30"], "datetime64[us]")
    found = Frequency.infer(stamps)
    assert found == Frequency("M", 1, 30)
    np.testing.assert_array_equal(found.stamps(found.ordinals(stamps)), stamps)


def test_thirty_days_are_no_month() -> None:
    assert Frequency.infer(grid("2020-01-01", "30D", 20)).description == "every 30 days"


def test_business_days() -> None:
    days = grid("1969-11-03T16", "24h", 100)
    days = days[((days.astype("datetime64[D]").astype(int) + 3) % 7) < 5]
    found = Frequency.infer(np.delete(days, [3, 18]))
    assert (found.unit, found.season) == ("B", 5)
    np.testing.assert_array_equal(np.diff(found.ordinals(days)), 1)
    np.testing.assert_array_equal(found.stamps(found.ordinals(days)), days)
    saturday = np.array(["1970-01-03T16"], "datetime64[us]")
    assert found.off(saturday).all()
    assert Frequency.infer(np.concatenate([days, saturday])).unit == "D"


def test_numbers() -> None:
    steps = np.array([20, 0, 10, 50, 40]) + 3
    found = Frequency.infer(steps)
    assert found == Frequency("step", 10, 3)
    np.testing.assert_array_equal(found.stamps(found.ordinals(steps)), steps)
    np.testing.assert_array_equal(found.ordinals(steps), [2, 0, 1, 5, 4])
    assert found.off(np.array([3, 4])).tolist() == [False, True]


def test_most_stamps_say_the_grid_and_the_others_are_off_it() -> None:
    stamps = grid("2020-01-01T00", "1h", 50)
    stamps[17] += np.timedelta64(7, "m")
    found = Frequency.infer(stamps)
    assert found.description == "hourly"
    assert np.flatnonzero(found.off(stamps)).tolist() == [17]
    with pytest.raises(DataError, match="2020-01-01T17:07"):
        found.ordinals(stamps)


def test_alternating_gaps_are_gaps() -> None:
    hours = np.cumsum(np.tile([2, 3, 1, 1, 2], 10))
    stamps = grid("2020-01-01T00", "1h", 200)[hours]
    assert Frequency.infer(stamps).description == "hourly"


def test_nothing_is_concluded_from_one_series_to_another() -> None:
    stamps = np.concatenate([grid("2020-01-01", "1D", 5), grid("2020-01-01", "1D", 5)])
    stamps[5:] += np.timedelta64(100, "D")
    groups = np.repeat([0, 1], 5)
    assert Frequency.infer(stamps, groups).description == "daily"
    one_each = Frequency.infer(grid("2020-01-01", "7D", 3), np.array([0, 0, 1]))
    assert one_each.description == "weekly"
    with pytest.raises(DataError, match="one step") as caught:
        Frequency.infer(stamps[:2], np.array([0, 1]))
    assert "--frequency" in caught.value.fix


@pytest.mark.parametrize(
    ("words", "unit", "count"),
    [
        ("h", "h", 1),
        ("H", "h", 1),
        ("15min", "min", 15),
        ("15T", "min", 15),
        ("60 minutes", "h", 1),
        ("W-SUN", "W", 1),
        ("7D", "W", 1),
        ("MS", "M", 1),
        ("ME", "M", 1),
        ("3M", "Q", 1),
        ("monthly", "M", 1),
        ("2 weeks", "W", 2),
        ("YE-DEC", "Y", 1),
        ("business days", "B", 1),
    ],
)
def test_a_frequency_in_words(words: str, unit: str, count: int) -> None:
    found = Frequency.infer(grid("2020-01-06", "1D", 1), given=words)
    assert (found.unit, found.count) == (unit, count)


@pytest.mark.parametrize("words", ["", "m", "often", "0h", "h15", "-1h"])
def test_words_that_are_none(words: str) -> None:
    with pytest.raises(OptionError) as caught:
        Frequency.infer(grid("2020-01-06", "1D", 3), given=words)
    assert "15min" in caught.value.expected


def test_dates_and_numbers_are_not_mixed() -> None:
    with pytest.raises(OptionError, match="numbers"):
        Frequency.infer(np.arange(5), given="h")
    assert Frequency.infer(np.arange(5), given="step") == Frequency("step", 1, 0)


@given(
    st.sampled_from(["us", "ms", "s", "min", "h", "D", "B", "W", "M", "Q", "Y", "step"]),
    st.integers(1, 40),
    st.integers(-2000, 2000),
    st.integers(0, 3),
)
def test_stamps_invert_ordinals(unit: str, count: int, first: int, months: int) -> None:
    anchor = months * 100 + 31 if unit in "MQY" else months
    frequency = Frequency(unit, count, anchor)
    ordinals = np.arange(first, first + 50)
    stamps = frequency.stamps(ordinals)
    assert (np.diff(stamps).astype(np.int64) > 0).all()
    np.testing.assert_array_equal(frequency.ordinals(stamps), ordinals)


@pytest.mark.parametrize(
    "value",
    [{}, {"unit": "x", "count": 1, "anchor": 0}, {"unit": "h", "count": 0, "anchor": 0}, []],
)
def test_a_damaged_frequency_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(BundleError):
        Frequency.from_json(value)
