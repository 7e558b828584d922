"""Moments out of a column: dates and times of many spellings, years, seconds, plain numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.frequency import DAY, Ordinals, Stamps
from recurra.data.date_formats import (
    check_format,
    may_be_dates,
    other_readings,
    read,
    read_all,
    stamps_of,
    time_like,
)
from recurra.data.frames import Frame
from recurra.errors import DataError

_ZONE: Final = re.compile(r"(.*\d:?\d\d(?:\.\d+)?)\s*(Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?)", re.S)
_TIMED: Final = re.compile(r":|T\d{6}")
_BY_MONTH: Final = re.compile("month|date|period|^ds$|^ym$|yyyymm", re.I)
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_EXPECTED: Final = "dates as 2024-01-31, 2024-01-31T12:30 or 2024-01; or whole numbers"
_LOOK: Final = 20  # values that tell whether a column holds dates
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
    head, _ = _unzoned(column.first_texts(_LOOK))
    if not head or _whole(head) or not may_be_dates(head):
        return False
    return not np.isnat(read_all(head)[1]).any()


def meant_as_times(frame: Frame, name: str) -> bool:
    """Whether the values of a column look like times that differ, readable or not."""
    head = frame.columns[name].first_texts(_LOOK) if frame.columns[name].kind == "text" else []
    return bool(head) and len(set(head)) > len(head) / 2 and time_like(head)


def datetimes(
    frame: Frame,
    name: str,
    zone: str | None = "any",
    *,
    time_format: str | None = None,
    usual: str | None = None,
) -> Datetimes:
    """The moments that a column holds.

    Args:
        frame: the table.
        name: the column.
        zone: what became of the zone in the training; "any" decides.
        time_format: how they are written, "%d/%m/%Y"; None: what reads all of them.
        usual: how those of the training are written, preferred where that reads them.

    Raises:
        DataError: a value is missing or no date, zones are mixed, a date can be read in two ways,
            or there is a zone where training had none; the row is named.
        OptionError: no such format.
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
    if time_format is not None:
        check_format(time_format)
    elif column.kind != "text":
        numbers = frame.numbers(name)
        broken = np.flatnonzero(numbers != np.floor(numbers))
        if len(broken):
            raise _no_date(frame, name, int(broken[0]))
        assert column.values is not None
        return _of_numbers(column.values.astype(np.int64), name)
    # A panel has the same moments again and again: each is read once.
    texts = frame.texts(name)
    once, at = texts.once, texts.codes
    if time_format is None and _whole(once):
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
    spelling, stamps = (
        read_all(bare, usual) if time_format is None else (time_format, read(bare, time_format))
    )
    wrong = np.flatnonzero(np.isnat(stamps))
    if len(wrong):
        raise _no_date(frame, name, int(texts.first_rows()[wrong].min()), time_format)
    others = other_readings(bare, spelling, stamps) if spelling not in (time_format, usual) else []
    if others:
        raise _two_ways(frame, name, [spelling, *others])
    if offsets is None:
        return _spread(_without_zone(frame, name, zone, Datetimes(stamps, None, spelling)), at)
    minutes = offsets.astype(np.int64)
    return _zoned(frame, name, zone, stamps[at], minutes[at], spelling)


def _two_ways(frame: Frame, name: str, formats: Sequence[str]) -> DataError:
    """What is said of a column whose dates can be read in several ways."""
    row = int(np.flatnonzero(~frame.missing(name))[0])
    text = str(frame.texts(name)[row])
    dated = [each for each in formats if {"%Y", "%y"} & set(re.findall("%.", each))]
    said = []
    for each in formats:
        day = str(read([_unzoned([text])[0][0]], each)[0])[: 10 if "%d" in each else 7]
        said.append(f"{each} ({day if each in dated else 'of no year'})")
    return DataError(
        f"{frame.where(row)}: column {name!r}: {text!r} can be read as {' or as '.join(said)}, "
        "and no row says which",
        expected="dates that can be read in one way, as 2024-01-31",
        fix=" or ".join(f'--time-format "{each}"' for each in dated)
        + "; or --time none, where rows are steps in the order they stand in",
    )


def _spread(found: Datetimes, at: NDArray[np.int64]) -> Datetimes:
    return Datetimes(found.stamps[at], found.zone, found.spelt)


def _no_date(frame: Frame, name: str, row: int, time_format: str | None = None) -> DataError:
    text = frame.columns[name].value(row)[:40]
    return DataError(
        f"{frame.where(row)}: column {name!r}: {text!r} is no date",
        expected=_EXPECTED if time_format is None else f"times as {time_format}",
        fix="correct it, name another column with --time (none: rows are steps), or say how it is "
        'written: --time-format "%d/%m/%Y"',
    )


# -- text ---------------------------------------------------------------------------------------


def _whole(texts: Sequence[str]) -> bool:
    """Whether all are whole numbers."""
    return all(map(_WHOLE.fullmatch, texts))


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
        days = stamps_of(*parts)
        if not np.isnat(days).any():
            return Datetimes(days, None, "%Y%m%d")
    if low >= 1800_01 and high <= 2200_12 and _BY_MONTH.search(name):
        none = np.zeros_like(numbers)
        parts = numbers // 100, numbers % 100, none + 1, none, none, none, none
        months = stamps_of(*parts)
        if not np.isnat(months).any():
            return Datetimes(months, None, "%Y%m")
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
