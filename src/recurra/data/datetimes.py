"""Moments out of a column: dates and times of many spellings, years, seconds, plain numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.frequency import DAY, Ordinals, Stamps
from recurra.data.frames import Frame
from recurra.errors import DataError

_DATES: Final = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y"),
    *("%Y%m%d", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y"),
)
_TIMES: Final = (
    *("", " %H:%M:%S%.f", "T%H:%M:%S%.f", " %H:%M", "T%H:%M", " %I:%M:%S %p", " %I:%M %p"),
    "T%H%M%S",
)
_MONTHS: Final = ("%Y-%m", "%Y/%m", "%Y.%m", "%b %Y", "%B %Y", "%b-%Y", "%m/%Y", "%m.%Y", "%Y %b")
_QUARTER: Final = "quarter"
_ZONE: Final = re.compile(r"(.*\d:?\d\d(?:\.\d+)?)\s*(Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?)", re.S)
_TIMED: Final = re.compile(r":|T\d{6}")
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_FULL: Final = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_NAMES: Final = tuple(name[:3] for name in _FULL)
_NEVER: Final = np.datetime64("NaT", "us")

_EXPECTED: Final = "dates as 2024-01-31, 2024-01-31T12:30 or 2024-01; or whole numbers"
_HEAD: Final = 200  # values by which a spelling is chosen
_YEAR: Final = 365.25 * DAY


@final
@dataclass(frozen=True, eq=False)
class Datetimes:
    """The moment of each row: (N,) datetime64[us], or int64 where times are numbers.

    `zone` says what became of a zone: None where there was none; "UTC" where they were turned to
    it; "+09:00" where all have that offset, and are kept so; "local" where offsets change with the
    season, and each is kept in its own. `spelt` is how they are written.
    """

    stamps: Stamps
    zone: str | None
    spelt: str


def looks_like_datetimes(frame: Frame, name: str) -> bool:
    """Whether the first values of a column are dates."""
    column = frame.columns[name]
    if column.kind != "text":
        return column.kind == "date"
    texts = frame.texts(name)
    rows = np.flatnonzero(texts.codes >= 0)[:20]
    head, _ = _unzoned([texts.once[code] for code in texts.codes[rows].tolist()])
    if not head or _whole(head):
        return False
    spelling, count = _spelling(head)
    return (
        count > 0 and not np.isnat(_second_reading(head, spelling, _read(head, spelling))[1]).any()
    )


def datetimes(frame: Frame, name: str, zone: str | None = "any") -> Datetimes:
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
    missing = np.flatnonzero(frame.missing(name))
    if len(missing):
        more = f" (and in {len(missing) - 1:,} more rows)" if len(missing) > 1 else ""
        raise DataError(
            f"{frame.where(int(missing[0]))}: no time in column {name!r}{more}",
            expected="a time in every row",
            fix="drop these rows, or name another column with --time",
        )
    if column.kind == "other":
        raise DataError(
            f"{frame.where(0)}: column {name!r} holds {column.description}", expected=_EXPECTED
        )
    if column.kind == "date":
        return _of_dates(frame, name, zone)
    if column.kind != "text":
        numbers = frame.numbers(name)
        broken = np.flatnonzero(numbers != np.floor(numbers))
        if len(broken):
            raise _no_date(frame, name, int(broken[0]))
        assert column.values is not None
        return _of_numbers(column.values.astype(np.int64), name)
    # A panel has the same moments again and again: each is read once.
    texts = frame.texts(name)
    once, at = texts.once, texts.codes
    if _whole(once):
        return _spread(_of_numbers(np.array(list(map(int, once)), np.int64), name), at)
    bare, offsets = _unzoned(once)
    if offsets is not None and np.isnan(offsets).any():
        none, first = np.isnan(offsets), texts.first_rows()
        zoned, bare_one = int(first[~none].min()), int(first[none].min())
        raise DataError(
            f"{frame.where(bare_one)}: column {name!r}: {texts[bare_one]!r} has no time zone, but "
            f"{texts[zoned]!r} ({frame.where(zoned)}) has one",
            expected="times that all have a zone, or none of them",
        )
    spelling, _ = _spelling(bare[:_HEAD])
    stamps = _read(bare, spelling)
    if np.isnat(stamps).any():
        spelling, stamps = _second_reading(bare, spelling, stamps)
    wrong = np.flatnonzero(np.isnat(stamps))
    if len(wrong):
        raise _no_date(frame, name, int(texts.first_rows()[wrong].min()))
    other = {"%m": "%d", "%d": "%m"}.get(spelling[:2])
    if other and spelling[2:3] in "/-" and spelling[3:5] == other:
        swapped = other + spelling[2] + spelling[:2] + spelling[5:]
        if not np.isnat(_read(bare, swapped)).any():
            raise DataError(
                f"{frame.where(0)}: column {name!r}: {texts[0]!r}: day or month first? No row says",
                expected="a date that can be read in one way",
                fix="write them as 2024-01-31",
            )
    if offsets is None:
        return _spread(_without_zone(frame, name, zone, Datetimes(stamps, None, spelling)), at)
    minutes = offsets.astype(np.int64)
    return _zoned(frame, name, zone, stamps[at], minutes[at], spelling)


def _spread(found: Datetimes, at: NDArray[np.int64]) -> Datetimes:
    return Datetimes(found.stamps[at], found.zone, found.spelt)


def _no_date(frame: Frame, name: str, row: int) -> DataError:
    return DataError(
        f"{frame.where(row)}: column {name!r}: {frame.columns[name].value(row)[:40]!r} is no date",
        expected=_EXPECTED,
        fix="correct it, or name another column with --time",
    )


# -- text ---------------------------------------------------------------------------------------


def _whole(texts: Sequence[str]) -> bool:
    """Whether all are whole numbers."""
    return all(map(_WHOLE.fullmatch, texts))


def _spelling(texts: Sequence[str]) -> tuple[str, int]:
    """The spelling that reads most of these texts, and how many it reads."""
    best, count = _QUARTER, -1
    for spelling in (_QUARTER, *_MONTHS, *map("".join, product(_DATES, _TIMES))):
        read = int((~np.isnat(_read(texts, spelling))).sum())
        if read > count:
            best, count = spelling, read
        if count == len(texts):
            break
    return best, count


def _second_reading(
    texts: Sequence[str], spelling: str, stamps: NDArray[Any]
) -> tuple[str, NDArray[Any]]:
    """What reads all: some dates have a time of day, or the first can be read in two ways."""
    date = max((each for each in _DATES if spelling.startswith(each)), key=len, default="")
    filled = stamps
    for time in _TIMES if date else ():
        if np.isnat(filled).any():
            filled = np.where(np.isnat(filled), _read(texts, date + time), filled)
    if not np.isnat(filled).any():
        return spelling, filled
    failed = [texts[row] for row in np.flatnonzero(np.isnat(stamps))[:_HEAD].tolist()]
    other, _ = _spelling(failed)
    read = _read(texts, other)
    return (spelling, stamps) if np.isnat(read).any() else (other, read)


_PARTS: Final = {
    "%Y": r"(?P<year>[0-9]{4})",
    "%m": r"(?P<month>[0-9]{1,2})",
    "%d": r"(?P<day>[0-9]{1,2})",
    "%b": r"(?P<name>[A-Za-z]{3})",
    "%B": r"(?P<name>[A-Za-z]{3,9})",
    "%H": r"(?P<hour>[0-9]{1,2})",
    "%I": r"(?P<half>[0-9]{1,2})",
    "%M": r"(?P<minute>[0-9]{2})",
    "%S": r"(?P<second>[0-9]{2})",
    "%.f": r"(?:\.(?P<fraction>[0-9]{1,9}))?",
    "%p": r"(?P<noon>[AaPp][Mm])",
    " ": r"\s+",
}


@cache
def _reader(spelling: str) -> Callable[[str], re.Match[str] | None]:
    """What matches texts of a spelling whole."""
    if spelling == _QUARTER:
        return re.compile(r"(?P<year>[0-9]{4})[- ]?[Qq](?P<quarter>[1-4])").fullmatch
    pattern = re.sub(
        r"%\.f|%[A-Za-z]| |[^%]", lambda m: _PARTS.get(m[0]) or re.escape(m[0]), spelling
    )
    if spelling.startswith("%Y%m%d"):
        pattern = pattern.replace("{1,2}", "{2}")
    if spelling.endswith("T%H%M%S"):
        pattern = pattern.replace(_PARTS["%H"], r"(?P<hour>[0-9]{2})")
    return re.compile(pattern).fullmatch


def _read(texts: Sequence[str], spelling: str) -> NDArray[Any]:
    """The moments of texts (N,), NaT where one is not spelt so."""
    if len(texts) > _HEAD and spelling.startswith("%Y-%m-%d"):
        found = _iso(texts, spelling)
        if found is not None:
            return found
    match = _reader(spelling)
    numbers = np.full((len(texts), 7), -1)
    for row, text in enumerate(texts):
        read = match(text)
        if read is not None:
            numbers[row] = _numbers(read.groupdict())
    return _stamps(*numbers.T)


def _iso(texts: Sequence[str], spelling: str) -> NDArray[Any] | None:
    """What NumPy reads at once, where all texts are ISO dates alike, with a time or without."""
    wide = {"%Y-%m-%d": 10, "%Y-%m-%d %H:%M:%S%.f": 19, "%Y-%m-%dT%H:%M:%S%.f": 19}.get(spelling)
    if wide is None or any(len(each) != wide for each in texts):
        return None
    try:
        return np.array(texts).astype("datetime64[us]")
    except ValueError:
        return None


def _numbers(parts: dict[str, str | None]) -> tuple[int, ...]:
    """Year, month, day, hour, minute, second and microsecond; a month of 0 where it has no name."""

    def number(name: str, default: int) -> int:
        return int(parts.get(name) or default)

    month = number("month", 3 * number("quarter", 1) - 2 if parts.get("quarter") else 1)
    if name := (parts.get("name") or "").lower():
        known = name[:3] in _NAMES and name in (name[:3], _FULL[_NAMES.index(name[:3])])
        month = _NAMES.index(name[:3]) + 1 if known else 0
    hour = number("hour", 0)
    if noon := parts.get("noon"):
        half = number("half", 0)
        hour = half % 12 + 12 * (noon.lower() == "pm") if 1 <= half <= 12 else 99
    micros = int((parts.get("fraction") or "0").ljust(6, "0")[:6])
    day, minute, second = number("day", 1), number("minute", 0), number("second", 0)
    return number("year", 0), month, day, hour, minute, second, micros


def _stamps(
    year: Ordinals,
    month: Ordinals,
    day: Ordinals,
    hour: Ordinals,
    minute: Ordinals,
    second: Ordinals,
    micros: Ordinals,
) -> NDArray[Any]:
    """Moments (N,); NaT where the calendar or the clock has no such."""
    there = (month >= 1) & (month <= 12) & (year >= 0)
    months = (12 * (year - 1970) + np.where(there, month, 1) - 1).astype("datetime64[M]")
    begins = months.astype("datetime64[D]")
    there &= (day >= 1) & (day <= ((months + 1).astype("datetime64[D]") - begins).astype(np.int64))
    there &= (hour >= 0) & (hour < 24) & (minute < 60) & (second < 60)
    days = (begins + (day - 1)).astype("datetime64[us]")
    clock = ((60 * hour + minute) * 60 + second) * 1_000_000 + micros
    return np.where(there, days + clock.astype("timedelta64[us]"), _NEVER)


def _unzoned(texts: Sequence[str]) -> tuple[Sequence[str], NDArray[np.float64] | None]:
    """Texts without their zones, and the offset of each in minutes (NaN: none), if any has one."""
    found = [_ZONE.fullmatch(text) if _TIMED.search(text) else None for text in texts]
    if not any(found):
        return texts, None
    bare = [text if match is None else match[1] for text, match in zip(texts, found, strict=True)]
    minutes = [np.nan if match is None else _minutes(match[2]) for match in found]
    return bare, np.array(minutes, np.float64)


def _minutes(zone: str) -> int:
    """The offset that a zone is written as."""
    if zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "")
    minutes = 60 * int(digits[:2]) + int(digits[2:] or 0)
    return -minutes if zone[0] == "-" else minutes


# -- dates and numbers --------------------------------------------------------------------------


def _of_dates(frame: Frame, name: str, zone: str | None) -> Datetimes:
    """The moments of a column that holds dates already."""
    column = frame.columns[name]
    assert column.values is not None
    if column.offsets is None:
        return _without_zone(frame, name, zone, Datetimes(column.values, None, "dates"))
    return _zoned(frame, name, zone, column.values, column.offsets, "dates")


def _of_numbers(numbers: Ordinals, name: str) -> Datetimes:
    """Whole numbers: years, days as 20240131, seconds of the clock, or steps as they are."""
    low, high = int(numbers.min()), int(numbers.max())
    if low >= 1000 and high <= 2999 and "year" in name.lower():
        return Datetimes(
            (numbers - 1970).astype("datetime64[Y]").astype("datetime64[us]"), None, "Y"
        )
    if low >= 1800_01_01 and high <= 2200_12_31:
        none = np.zeros_like(numbers)
        parts = numbers // 10_000, numbers // 100 % 100, numbers % 100, none, none, none, none
        days = _stamps(*parts)
        if not np.isnat(days).any():
            return Datetimes(days, None, "%Y%m%d")
    for digits, unit, micros in ((10, "seconds", 1_000_000), (13, "milliseconds", 1_000)):
        if 10 ** (digits - 1) <= low and high < 4 * 10 ** (digits - 1):
            stamps = (numbers * micros).astype("datetime64[us]")
            return Datetimes(stamps, None, f"{unit} since 1970")
    return Datetimes(numbers.astype(np.int64), None, "numbers")


# -- zones --------------------------------------------------------------------------------------


def _without_zone(frame: Frame, name: str, zone: str | None, found: Datetimes) -> Datetimes:
    if zone in ("any", None):
        return found
    raise DataError(
        f"{frame.where(0)}: column {name!r}: {frame.columns[name].value(0)} has no time zone",
        expected=f"times with one: those of the training had ({zone})",
    )


def _zoned(
    frame: Frame, name: str, zone: str | None, local: NDArray[Any], minutes: Ordinals, spelt: str
) -> Datetimes:
    """Local times (N,) with their offsets from UTC (N,), in minutes, brought to one clock."""
    instants = local - minutes.astype("timedelta64[m]")
    if zone is None:
        raise DataError(
            f"{frame.where(0)}: column {name!r}: {frame.columns[name].value(0)} has a time zone",
            expected="times without one, as in the training",
        )
    if zone not in ("any", "UTC", "local"):
        return Datetimes(instants + _offset(zone), zone, spelt)
    offsets = np.unique(minutes)
    if zone == "any" and len(offsets) == 1:
        return Datetimes(local, _zone_name(int(offsets[0])), spelt)
    order = np.argsort(instants, kind="stable")
    changes = int((np.diff(minutes[order]) != 0).sum())
    years = float((instants.max() - instants.min()).astype(np.int64)) / _YEAR
    # Summer time is an hour (on Lord Howe Island half of one), and comes and goes once a year.
    if offsets[-1] - offsets[0] > 120 or changes > 2 * years + 2:
        row = int(np.flatnonzero(minutes != minutes[0])[0])
        raise DataError(
            f"{frame.where(row)}: column {name!r}: {frame.columns[name].value(row)} is of another "
            f"time zone than {frame.columns[name].value(0)} ({frame.where(0)})",
            expected="times of one zone: offsets that change with summer time at most",
            fix="bring all times to one zone, best to UTC",
        )
    daily = len(np.unique(local.astype(np.int64) % DAY)) == 1
    if zone == "local" or (zone == "any" and daily):
        return Datetimes(local, "local", spelt)
    return Datetimes(instants, "UTC", spelt)


def _zone_name(minutes: int) -> str:
    """An offset in words."""
    if not minutes:
        return "UTC"
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _offset(zone: str) -> np.timedelta64:
    minutes = 60 * int(zone[1:3]) + int(zone[4:6])
    return np.timedelta64(-minutes if zone.startswith("-") else minutes, "m")
