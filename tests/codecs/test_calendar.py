from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from recurra.codecs.calendar import FEW, features, turns_of, worth
from recurra.codecs.frequency import Frequency


def at(frequency: Frequency, *datetimes: str) -> NDArray[np.float32]:
    stamps = np.array(datetimes, "datetime64[us]")
    return features(frequency, frequency.ordinals(stamps))


TURNS = [
    (Frequency("step", 1, 0), []),
    (Frequency("Y", 1, 1), []),
    (Frequency("Q", 1, 1), ["month"]),
    (Frequency("M", 1, 31), ["month"]),
    (Frequency("W", 1, 0), ["day of the year"]),
    (Frequency("D", 1, 0), ["weekday", "day of the year"]),
    (Frequency("B", 1, 0), ["weekday", "day of the year"]),
    (Frequency("h", 1, 0), ["hour", "weekday", "day of the year"]),
    (Frequency("min", 15, 0), ["minute", "hour", "weekday", "day of the year"]),
]


@pytest.mark.parametrize(("frequency", "turns"), TURNS, ids=lambda each: str(each))
def test_only_what_varies(frequency: Frequency, turns: list[str]) -> None:
    found = features(frequency, np.arange(-10_000, 30_000))
    assert found.dtype == np.float32
    assert found.shape == (40_000, 2 * len(turns))
    assert list(turns_of(frequency)) == turns
    if len(turns) > 1:
        some = features(frequency, np.arange(100), turns[1:])
        np.testing.assert_array_equal(some, features(frequency, np.arange(100))[:, 2:])
    for turn in range(len(turns)):
        pair = found[:, 2 * turn : 2 * turn + 2]
        np.testing.assert_allclose((pair**2).sum(1), 1, rtol=1e-5)
        assert pair.std() > 0.5


def test_hours_and_weekdays() -> None:
    hourly = Frequency("h", 1, 0)
    # A Monday: 0, 6 and 12 o'clock, before 1970 too.
    for day in ("2024-01-01", "1969-12-29"):
        found = at(hourly, f"{day}T00", f"{day}T06", f"{day}T12")
        np.testing.assert_allclose(found[:, :2], [[0, 1], [1, 0], [0, -1]], atol=1e-6)
        np.testing.assert_allclose(found[:, 2:4], [[0, 1]] * 3, atol=1e-6)
    week = at(Frequency("D", 1, 0), *(f"2024-01-0{day}" for day in range(1, 8)))
    angle = np.arctan2(week[:, 0], week[:, 1]) % (2 * np.pi)
    np.testing.assert_allclose(angle, np.arange(7) * 2 * np.pi / 7, atol=1e-5)


def test_months_are_the_same_each_year() -> None:
    monthly = Frequency("M", 1, 1)
    found = at(monthly, "2023-01-01", "2024-01-01", "2024-04-01", "2024-07-01")
    np.testing.assert_allclose(found, [[0, 1], [0, 1], [1, 0], [0, -1]], atol=1e-6)


def test_the_year_turns_evenly() -> None:
    daily = Frequency("D", 1, 0)
    found = at(daily, "2023-12-31", "2024-01-01", "2024-12-31")[:, 2:]
    angle = np.arctan2(found[:, 0], found[:, 1])
    np.testing.assert_allclose(angle, [-2 * np.pi / 365, 0, -2 * np.pi / 366], atol=1e-5)


def test_steps_know_each_other() -> None:
    frequency = Frequency("min", 30, 0)
    ordinals = np.random.default_rng(0).permutation(np.arange(1000))
    np.testing.assert_array_equal(
        features(frequency, ordinals), features(frequency, np.arange(1000))[ordinals]
    )


def test_a_turn_is_worth_reading_once_training_saw_it_twice() -> None:
    hourly = Frequency("h", 1, 0)
    year = 8766
    assert worth(hourly, 0, year, period=24, total=year) == ["hour", "weekday"]
    assert "day of the year" in worth(hourly, 0, 2 * year + 24, period=24, total=2 * year)
    assert worth(hourly, 0, 40, period=24, total=FEW) == []
    assert worth(Frequency("step", 1, 0), 0, 5000, period=24, total=5000) == []


def test_a_short_series_leaves_its_own_season_to_the_values() -> None:
    monthly = Frequency("M", 1, 1)
    assert worth(monthly, 0, 72, period=12, total=72) == []
    assert worth(monthly, 0, 72, period=12, total=FEW) == ["month"]
    assert worth(monthly, 0, 72, period=1, total=72) == ["month"]
