from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recurra.codecs.frequency import Frequency
from recurra.errors import BundleError

Stamps = NDArray[np.datetime64]


def hours(weeks: int, *, first: int = 9, last: int = 17, days: int = 5, minute: int = 0) -> Stamps:
    """The hours of shops that open on the first `days` of a week, from a Monday on."""
    every = np.datetime64("2024-01-01T00:00", "us") + np.arange(weeks * 168) * np.timedelta64(
        1, "h"
    )
    turn = np.arange(weeks * 168)
    chosen = (turn % 24 >= first) & (turn % 24 <= last) & (turn // 24 % 7 < days)
    return every[chosen] + np.timedelta64(minute, "m")


def thinned(stamps: Stamps, share: float, seed: int = 0) -> Stamps:
    return stamps[np.random.default_rng(seed).random(len(stamps)) > share]


def test_steps_go_on_within_opening_hours() -> None:
    known, to_come = hours(4), hours(5)[len(hours(4)) :]
    found = Frequency.infer(known)
    assert found.description == "hourly, Monday to Friday 09:00 to 17:00"
    assert (found.season, found.alias) == (9, "h")
    ordinals = found.ordinals(known)
    np.testing.assert_array_equal(np.diff(ordinals), 1)
    np.testing.assert_array_equal(found.stamps(ordinals), known)
    np.testing.assert_array_equal(found.stamps(ordinals[-1] + 1 + np.arange(45)), to_come)
    assert Frequency.from_json(found.to_json()) == found
    closed = np.array(["2024-01-06T10", "2024-01-08T08", "2024-01-08T18"], "datetime64[us]")
    assert found.off(closed).all()
    # What was asked for is taken as it is.
    assert Frequency.infer(known, given="h").opened == ()


@pytest.mark.parametrize(
    ("stamps", "words", "season"),
    [
        (hours(6, minute=30, days=7), "hourly, every day 09:30 to 17:30", 9),
        (hours(6, first=12, last=12, days=6), "daily, Monday to Saturday 12:00", 6),
        (hours(6, first=0, last=23), "hourly, Monday to Friday", 24),
        (
            np.sort(np.concatenate([hours(6), hours(6, last=12, days=6)[-4:]])),
            "hourly, Monday to Friday 09:00 to 17:00",
            9,
        ),
    ],
)
def test_calendars_in_words(stamps: Stamps, words: str, season: int) -> None:
    found = Frequency.infer(np.unique(stamps))
    if "12:00" in words:
        words = words.removesuffix(" 12:00")
    assert found.description.startswith(words)
    assert not found.off(stamps).any()


def test_half_a_saturday_makes_the_season_a_week() -> None:
    turn = (hours(8, days=6).astype(np.int64) // 3_600_000_000 + 72) % 168
    stamps = hours(8, days=6)[(turn < 120) | (turn % 24 < 13)]
    found = Frequency.infer(stamps)
    assert found.description == "hourly, Monday to Friday 09:00 to 17:00; Saturday 09:00 to 12:00"
    assert found.season == 49
    np.testing.assert_array_equal(np.diff(found.ordinals(stamps)), 1)


def test_holidays_are_gaps() -> None:
    stamps = hours(10)
    stamps = stamps[stamps.astype("datetime64[D]") != np.datetime64("2024-01-17")]
    assert Frequency.infer(thinned(stamps, 0.1)).opened == Frequency.infer(hours(10)).opened


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_gaps_by_chance_are_no_calendar(share: float) -> None:
    every = hours(3, first=0, last=23, days=7)
    for seed in range(5):
        assert Frequency.infer(thinned(every, share, seed)).opened == ()
    days = hours(8, first=0, last=0, days=7)
    for seed in range(20):
        assert Frequency.infer(thinned(days, share, seed)).opened == ()


def test_a_series_that_is_open_always_opens_them_all() -> None:
    one, other = hours(4), hours(4, first=0, last=23, days=7)
    groups = np.repeat([0, 1], [len(one), len(other)])
    assert Frequency.infer(np.concatenate([one, other]), groups).opened == ()
    both = np.concatenate([one, one + np.timedelta64(7, "D")])
    groups = np.repeat([0, 1], len(one))
    assert Frequency.infer(both, groups).opened == Frequency.infer(one).opened


@given(st.lists(st.integers(0, 167), min_size=1, unique=True), st.integers(-500, 500))
def test_stamps_invert_ordinals_of_any_calendar(opened: list[int], first: int) -> None:
    frequency = Frequency("h", 1, 0, tuple(sorted(opened)))
    ordinals = np.arange(first, first + 300)
    stamps = frequency.stamps(ordinals)
    assert (np.diff(stamps).astype(np.int64) > 0).all()
    assert not frequency.off(stamps).any()
    np.testing.assert_array_equal(frequency.ordinals(stamps), ordinals)


@pytest.mark.parametrize("opened", [[168], [-1, 2], ["a"], 3])
def test_a_damaged_calendar_is_refused(opened: object) -> None:
    with pytest.raises(BundleError):
        Frequency.from_json({"unit": "h", "count": 1, "anchor": 0, "opened": opened})
