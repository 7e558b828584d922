"""Moments out of a column: dates and times of many spellings, years, seconds, plain numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.frequency import DAY, Ordinals, Stamps
from recurra.data.date_formats import format_of, lacks, read, second_reading
from recurra.data.frames import Frame
from recurra.errors import DataError

_ZONE: Final = re.compile(
    r"(.*[0-9]:?[0-9]{2}(?:\.[0-9]+)?)\s*(Z|z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)", re.S
)
_TIMED: Final = re.compile(r":|T[0-9]{6}")
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")

_EXPECTED: Final = "dates as 2024-01-31, 2024-01-31T12:30 or 2024-01; or whole numbers"
_YEAR: Final = 365.25 * DAY


@final
@dataclass(frozen=True, eq=False)
class Moments:
    """The moment of each row: (N,) datetime64[us], or int64 where times are numbers.

    `zone` says what became of a zone: None where there was none; "UTC" where they were turned to
    it; "+09:00" where all have that offset, and are kept so; "local" where offsets change with the
    season, and each is kept in its own. `spelt` is how they are written.
    """

    stamps: Stamps
    zone: str | None
    spelt: str


def looks_like_moments(frame: Frame, name: str) -> bool:
    """Whether the first values of a column are dates."""
    column = frame.columns[name]
    if column.kind != "text":
        return column.kind == "moments"
    once, at = frame.texts(name)
    head = _unzoned([once[k] for k in at[at >= 0][:20].tolist()])[0]
    if not head or _whole(head):
        return False
    spelling, count = format_of(head)
    return count > 0 and not lacks(second_reading(head, spelling, read(head, spelling))[1])


def moments(frame: Frame, name: str, zone: str | None = "any") -> Moments:
    """The moments that a column holds.

    Args:
        frame: the table.
        name: the column.
        zone: what became of the zone in the training; "any" decides.

    Raises:
        DataError: a value is missing or no date, zones are mixed, a date can be read in two ways,
            or there is a zone where training had none; the row is named.
    """
    column = frame.columns[name]
    missing = np.flatnonzero(column.missing)
    if len(missing):
        more = f" (and in {len(missing) - 1:,} more rows)" if len(missing) > 1 else ""
        raise DataError(
            f"{frame.where(int(missing[0]))}: no time in column {name!r}{more}",
            expected="a time in every row",
            fix="drop these rows, or name another column with --time",
        )
    if column.kind == "numbers":
        numbers = frame.numbers(name)
        broken = np.flatnonzero(numbers != np.floor(numbers))
        if len(broken):
            raise _no_date(frame, name, int(broken[0]))
        return _of_numbers(column.values.astype(np.int64), name)
    if column.kind == "moments":
        if column.offsets is None:
            return _without_zone(frame, name, zone, Moments(column.values, None, "dates"))
        return _zoned(frame, name, zone, column.values, column.offsets, "dates")
    if column.kind != "text":
        raise DataError(
            f"{frame.where(0)}: column {name!r} holds {column.kind}", expected=_EXPECTED
        )
    # A panel has the same moments again and again: each is read once.
    once, at = frame.texts(name)
    if _whole(once):
        return _spread(_of_numbers(np.array(list(map(int, once)), np.int64), name), at)
    first = np.full(len(once), len(at))
    np.minimum.at(first, at, np.arange(len(at)))
    bare, offsets = _unzoned(once)
    if offsets is not None and np.isnan(offsets).any():
        none = np.isnan(offsets)
        zoned, bare_one = int(first[~none].min()), int(first[none].min())
        raise DataError(
            f"{frame.where(bare_one)}: column {name!r}: {once[at[bare_one]]!r} has no time zone, "
            f"but {once[at[zoned]]!r} ({frame.where(zoned)}) has one",
            expected="times that all have a zone, or none of them",
        )
    spelling, _ = format_of(bare)
    stamps = read(bare, spelling)
    if lacks(stamps):
        spelling, stamps = second_reading(bare, spelling, stamps)
    if lacks(stamps):
        raise _no_date(frame, name, int(first[np.isnat(stamps)].min()))
    other = {"%m": "%d", "%d": "%m"}.get(spelling[:2])
    if other and spelling[2:3] in "/-" and spelling[3:5] == other:
        swapped = other + spelling[2] + spelling[:2] + spelling[5:]
        if not lacks(read(bare, swapped)):
            raise DataError(
                f"{frame.where(0)}: column {name!r}: {once[at[0]]!r}: day or month first? "
                "No row says",
                expected="a date that can be read in one way",
                fix="write them as 2024-01-31",
            )
    if offsets is None:
        return _spread(_without_zone(frame, name, zone, Moments(stamps, None, spelling)), at)
    return _zoned(frame, name, zone, stamps[at], offsets.astype(np.int64)[at], spelling)


def _spread(found: Moments, at: NDArray[np.int64]) -> Moments:
    return Moments(found.stamps[at], found.zone, found.spelt)


def _no_date(frame: Frame, name: str, row: int) -> DataError:
    return DataError(
        f"{frame.where(row)}: column {name!r}: {str(frame.columns[name][row])[:40]!r} is no date",
        expected=_EXPECTED,
        fix="correct it, or name another column with --time",
    )


# -- text ---------------------------------------------------------------------------------------


def _whole(texts: Sequence[str]) -> bool:
    """Whether all are whole numbers."""
    return all(map(_WHOLE.fullmatch, texts))


def _unzoned(texts: Sequence[str]) -> tuple[list[str], NDArray[np.float64] | None]:
    """Texts without their zones, and the offset of each in minutes (NaN: none), if any has one."""
    # Few have one: a look at the end is enough for the others.
    ends = ("Z", "z", "UTC", "GMT")
    matches = [
        _ZONE.fullmatch(each)
        if (each.endswith(ends) or "+" in each[-6:] or "-" in each[-6:]) and _TIMED.search(each)
        else None
        for each in texts
    ]
    if not any(matches):
        return list(texts), None
    bare = [match[1] if match else text for match, text in zip(matches, texts, strict=True)]
    return bare, np.array([np.nan if match is None else _minutes(match[2]) for match in matches])


def _minutes(zone: str) -> int:
    """How far a zone is from UTC: +09:00, +0900, -03, Z."""
    if zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return int(zone[0] + "1") * (60 * int(digits[:2]) + int(digits[2:]))


# -- numbers ------------------------------------------------------------------------------------


def _of_numbers(numbers: Ordinals, name: str) -> Moments:
    """Whole numbers: years, days as 20240131, seconds of the clock, or steps as they are."""
    low, high = int(numbers.min()), int(numbers.max())
    if low >= 1000 and high <= 2999 and "year" in name.lower():
        return Moments((numbers - 1970).astype("datetime64[Y]").astype("datetime64[us]"), None, "Y")
    if low >= 1800_01_01 and high <= 2200_12_31:
        once, at = np.unique(numbers, return_inverse=True)
        days = read(list(map(str, once.tolist())), "%Y%m%d")
        if not lacks(days):
            return Moments(days[at], None, "%Y%m%d")
    for digits, unit, micros in ((10, "seconds", 1_000_000), (13, "milliseconds", 1_000)):
        if 10 ** (digits - 1) <= low and high < 4 * 10 ** (digits - 1):
            stamps = (numbers * micros).astype("datetime64[us]")
            return Moments(stamps, None, f"{unit} since 1970")
    return Moments(numbers.astype(np.int64), None, "numbers")


# -- zones --------------------------------------------------------------------------------------


def _without_zone(frame: Frame, name: str, zone: str | None, found: Moments) -> Moments:
    if zone in ("any", None):
        return found
    raise DataError(
        f"{frame.where(0)}: column {name!r}: {frame.columns[name][0]} has no time zone",
        expected=f"times with one: those of the training had ({zone})",
    )


def _zoned(
    frame: Frame, name: str, zone: str | None, local: NDArray[Any], minutes: Ordinals, spelt: str
) -> Moments:
    """Local times (N,) with their offsets from UTC (N,), in minutes, brought to one clock."""
    instants = local - minutes.astype("timedelta64[m]")
    if zone is None:
        raise DataError(
            f"{frame.where(0)}: column {name!r}: {frame.columns[name][0]} has a time zone",
            expected="times without one, as in the training",
        )
    if zone not in ("any", "UTC", "local"):
        return Moments(instants + _offset(zone), zone, spelt)
    offsets = np.unique(minutes)
    if zone == "any" and len(offsets) == 1:
        return Moments(local, _told(int(offsets[0])), spelt)
    order = np.argsort(instants, kind="stable")
    changes = int((np.diff(minutes[order]) != 0).sum())
    years = float((instants.max() - instants.min()).astype(np.int64)) / _YEAR
    # Summer time is an hour (on Lord Howe Island half of one), and comes and goes once a year.
    if offsets[-1] - offsets[0] > 120 or changes > 2 * years + 2:
        row = int(np.flatnonzero(minutes != minutes[0])[0])
        raise DataError(
            f"{frame.where(row)}: column {name!r}: {frame.columns[name][row]} is of another time "
            f"zone than {frame.columns[name][0]} ({frame.where(0)})",
            expected="times of one zone: offsets that change with summer time at most",
            fix="bring all times to one zone, best to UTC",
        )
    daily = len(np.unique(local.astype(np.int64) % DAY)) == 1
    if zone == "local" or (zone == "any" and daily):
        return Moments(local, "local", spelt)
    return Moments(instants, "UTC", spelt)


def _told(minutes: int) -> str:
    """An offset in words."""
    if not minutes:
        return "UTC"
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _offset(zone: str) -> np.timedelta64:
    minutes = 60 * int(zone[1:3]) + int(zone[4:6])
    return np.timedelta64(-minutes if zone.startswith("-") else minutes, "m")
