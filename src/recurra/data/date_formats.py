"""Texts as dates and times: the formats that are known, which of them read all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import cache
from itertools import permutations, product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.frequency import Ordinals
from recurra.errors import OptionError

_DATES: Final = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y"),
    *("%m-%d-%Y", "%Y%m%d", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y"),
    *("%G-W%V-%u", "%GW%V%u", "%d.%m.%y", "%m/%d/%y", "%d/%m/%y", "%y/%m/%d", "%d-%m-%y"),
    *("%m-%d-%y", "%y-%m-%d", "%d-%b-%y", "%d %b %y"),
)
_TIMES: Final = (
    *("", " %H:%M:%S%.f", "T%H:%M:%S%.f", " %H:%M", "T%H:%M", " %I:%M:%S %p", " %I:%M %p"),
    "T%H%M%S",
)
_MONTHS: Final = (
    *("%Y-%m", "%Y/%m", "%Y.%m", "%b %Y", "%B %Y", "%b-%Y", "%m/%Y", "%m.%Y", "%Y %b", "%m-%Y"),
    *("%G-W%V", "%GW%V", "%G W%V", "%b-%y", "%b %y", "%b'%y", "%y-%b", "%y-%m", "%m-%y"),
    *("%y/%m", "%m/%y"),
)
_QUARTER: Final = "quarter"

_YEARLESS: Final = {"-": ("%b-%d", "%d-%b", "%m-%d", "%d-%m"), "/": ("%m/%d", "%d/%m")} | {
    " ": ("%b %d", "%d %b")
}
"""What some of the formats above may be meant as, though nothing says the year then."""

_FULL: Final = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_NAMES: Final = tuple(name[:3] for name in _FULL)
_NEVER: Final = np.datetime64("NaT", "us")
_HEAD: Final = 200  # texts that say which format it is

_PARTS: Final = {
    "%Y": r"(?P<year>[0-9]{4})",
    "%y": r"(?P<short>[0-9]{1,2})",
    "%m": r"(?P<month>[0-9]{1,2})",
    "%d": r"(?P<day>[0-9]{1,2})",
    "%b": r"(?P<name>[A-Za-z]{3})",
    "%B": r"(?P<name>[A-Za-z]{3,9})",
    "%G": r"(?P<weekyear>[0-9]{4})",
    "%V": r"(?P<week>[0-9]{1,2})",
    "%u": r"(?P<weekday>[1-7])",
    "%H": r"(?P<hour>[0-9]{1,2})",
    "%I": r"(?P<half>[0-9]{1,2})",
    "%M": r"(?P<minute>[0-9]{2})",
    "%S": r"(?P<second>[0-9]{2})",
    "%f": r"(?P<fraction>[0-9]{1,9})",
    "%.f": r"(?:\.(?P<fraction>[0-9]{1,9}))?",
    "%p": r"(?P<noon>[AaPp][Mm])",
    "%%": "%",
    " ": r"\s+",
}

_TIME_LIKE: Final = re.compile(
    r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?:[T ].*)?|\d{1,4}[-/]\d{1,2}|\d{4}[- ]?[Ww]\d{1,2}.*"
    r"|\d{4}[- ]?[Qq][1-4]|\d{1,2}:\d\d(?::\d\d)?"
    r"|(?=.*\d)(?=.{1,30}$).*\b(?:" + "|".join((*_FULL, *_NAMES)) + r")\b.*",
    re.I | re.S,
)
_MAY_BE: Final = re.compile(r"(?=.*\d)(?!\d{4}\.\d\d$)(?![-+]?\d*\.?\d+(?:[eE][-+]?\d+)?$).*", re.S)


def may_be_dates(texts: Sequence[str]) -> bool:
    """Whether it is worth to look closer: digits in each, and no plain decimals."""
    dotted = re.compile(r"\d{4}\.\d\d")
    return all(map(_MAY_BE.fullmatch, texts)) or all(map(dotted.fullmatch, texts))


def time_like(texts: Sequence[str]) -> bool:
    """Whether most texts look like dates or times, whether or not they can be read."""
    return 5 * sum(map(bool, map(_TIME_LIKE.fullmatch, texts))) >= 4 * max(len(texts), 1)


def likeliest(texts: Sequence[str]) -> tuple[str, int]:
    """The format that reads most of these texts, and how many it reads."""
    best, count = _QUARTER, -1
    for spelling in (_QUARTER, *_MONTHS, *map("".join, product(_DATES, _TIMES))):
        found = int((~np.isnat(read(texts, spelling))).sum())
        if found > count:
            best, count = spelling, found
        if count == len(texts):
            break
    return best, count


def read_all(texts: Sequence[str], usual: str | None = None) -> tuple[str, NDArray[Any]]:
    """The format of texts, and their moments (N,): NaT where one is none.

    Args:
        usual: the format to be preferred where it reads them.
    """
    if usual is not None and usual.startswith("%"):
        stamps = read(texts, usual)
        if not np.isnat(stamps).any():
            return usual, stamps
    spelling, _ = likeliest(texts[:_HEAD])
    stamps = read(texts, spelling)
    return (
        _second_reading(texts, spelling, stamps) if np.isnat(stamps).any() else (spelling, stamps)
    )


def _second_reading(
    texts: Sequence[str], spelling: str, stamps: NDArray[Any]
) -> tuple[str, NDArray[Any]]:
    """What reads all: some dates have a time of day, or the first can be read in two ways."""
    day, _ = _apart(spelling)
    filled = stamps
    for time in _TIMES if day else ():
        if np.isnat(filled).any():
            filled = np.where(np.isnat(filled), read(texts, day + time), filled)
    if not np.isnat(filled).any():
        return spelling, filled
    failed = [texts[row] for row in np.flatnonzero(np.isnat(stamps))[:_HEAD].tolist()]
    other, _ = likeliest(failed)
    found = read(texts, other)
    return (spelling, stamps) if np.isnat(found).any() else (other, found)


def _apart(spelling: str) -> tuple[str, str]:
    """A format as date and time of day."""
    day = max((each for each in _DATES if spelling.startswith(each)), key=len, default="")
    return day, spelling[len(day) :]


def other_readings(texts: Sequence[str], spelling: str, stamps: NDArray[Any]) -> list[str]:
    """Other formats that read all of these texts as other moments; those without a year too."""
    found = []
    for other in _other_orders(spelling):
        moments = read(texts, other)
        if not np.isnat(moments).any() and not np.array_equal(moments, stamps):
            found.append(other)
    return found


def _other_orders(spelling: str) -> Iterator[str]:
    """The same parts in another order, and what may be meant instead."""
    day, time = _apart(spelling)
    day, time = (day, time) if day else (spelling, "")
    separator = re.sub("%[A-Za-z]", "", day)[:1]
    parts = day.split(separator) if separator in ("-", "/", " ") else []
    if set(parts) <= {"%Y", "%m", "%d"} and parts[:1] == ["%Y"]:
        return  # a year of four digits first: nobody writes the day before the month then
    for order in permutations(parts):
        other = separator.join(order)
        if other != day and other in (*_DATES, *_MONTHS):
            yield other + time
    if len(parts) == 2 and "%y" in parts:
        named = "%b" in parts
        yield from (each for each in _YEARLESS.get(separator, ()) if ("%b" in each) == named)


def check_format(spelling: str) -> None:
    """Refuse what is no format of dates with a year.

    Raises:
        OptionError: it is none.
    """
    parts = re.findall(r"%\.f|%.?", spelling)
    unknown = [each for each in parts if each not in _PARTS]
    if unknown or not {"%Y", "%y", "%G"} & set(parts) or len(set(parts)) < len(parts):
        raise OptionError(
            f"--time-format {spelling}" + (f": {unknown[0]!r} is unknown" if unknown else ""),
            expected="each part once, a year among them: %Y or %y, %m or %b, %d, %H, %M, %S, %p; "
            "%G and %V for a year and its week",
            fix='as in "%d/%m/%Y" or "%b-%y"',
        )


@cache
def _reader(spelling: str) -> Callable[[str], re.Match[str] | None]:
    """What matches texts of a format whole."""
    if spelling == _QUARTER:
        return re.compile(r"(?P<year>[0-9]{4})[- ]?[Qq](?P<quarter>[1-4])").fullmatch
    pattern = re.sub(r"%\.f|%.| |[^%]", lambda m: _PARTS.get(m[0]) or re.escape(m[0]), spelling)
    if spelling.startswith("%Y%m%d"):
        pattern = pattern.replace("{1,2}", "{2}")
    if spelling.endswith("T%H%M%S"):
        pattern = pattern.replace(_PARTS["%H"], r"(?P<hour>[0-9]{2})")
    return re.compile(pattern).fullmatch


def read(texts: Sequence[str], spelling: str) -> NDArray[Any]:
    """The moments of texts (N,), NaT where one is not spelt so."""
    if len(texts) > _HEAD and spelling.startswith("%Y-%m-%d"):
        found = _iso(texts, spelling)
        if found is not None:
            return found
    match = _reader(spelling)
    numbers = np.full((len(texts), 7), -1)
    for row, text in enumerate(texts):
        matched = match(text)
        if matched is not None:
            numbers[row] = _numbers(matched.groupdict())
    return stamps_of(*numbers.T)


def _iso(texts: Sequence[str], spelling: str) -> NDArray[Any] | None:
    """What NumPy reads at once, where all texts are ISO dates alike, with a time or without."""
    wide = {"%Y-%m-%d": 10, "%Y-%m-%d %H:%M:%S%.f": 19, "%Y-%m-%dT%H:%M:%S%.f": 19}.get(spelling)
    if wide is None or any(len(each) != wide for each in texts):
        return None
    try:
        return np.array(texts).astype("datetime64[us]")
    except ValueError:
        return None


def month_of(name: str) -> int:
    """The month of an English name, whole or its first three letters; 0 where it is none."""
    name = name.lower()
    known = name[:3] in _NAMES and name in (name[:3], _FULL[_NAMES.index(name[:3])])
    return _NAMES.index(name[:3]) + 1 if known else 0


def _numbers(parts: dict[str, str | None]) -> tuple[int, ...]:
    """Year, month, day, hour, minute, second and microsecond; a month of 0 where it has no name."""

    def number(name: str, default: int) -> int:
        return int(parts.get(name) or default)

    year, day = number("year", 0), number("day", 1)
    month = number("month", 3 * number("quarter", 1) - 2 if parts.get("quarter") else 1)
    if short := parts.get("short"):
        year = int(short) + (1900 if int(short) > 68 else 2000)  # as POSIX has it
    if name := parts.get("name"):
        month = month_of(name)
    if parts.get("weekyear"):
        year, month, day = monday(number("weekyear", 0), number("week", 1), number("weekday", 1))
    hour = number("hour", 0)
    if noon := parts.get("noon"):
        half = number("half", 0)
        hour = half % 12 + 12 * (noon.lower() == "pm") if 1 <= half <= 12 else 99
    micros = int((parts.get("fraction") or "0").ljust(6, "0")[:6])
    minute, second = number("minute", 0), number("second", 0)
    return year, month, day, hour, minute, second, micros


def monday(year: int, week: int, weekday: int = 1) -> tuple[int, int, int]:
    """Year, month and day of a day of an ISO week; a month of 0 where there is no such week."""
    try:
        found = date.fromisocalendar(year, week, weekday)
    except ValueError:
        return year, 0, 1
    return found.year, found.month, found.day


def stamps_of(
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
