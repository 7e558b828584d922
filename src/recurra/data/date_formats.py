"""Dates out of text: which of many formats they are written in, and reading them by it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

Dates = NDArray[np.datetime64]

QUARTER: Final = "quarter"
MONTHS: Final = ("%Y-%m", "%Y/%m", "%Y.%m", "%b %Y", "%B %Y", "%b-%Y", "%m/%Y", "%m.%Y", "%Y %b")
DATES: Final = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y"),
    *("%Y%m%d", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y"),
)
TIMES: Final = (
    *("", " %H:%M:%S%.f", "T%H:%M:%S%.f", " %H:%M", "T%H:%M", " %I:%M:%S %p", " %I:%M %p"),
    "T%H%M%S",
)
_HEAD: Final = 200  # values by which a format is chosen

_NAMES: Final = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_SHORT: Final = tuple(name[:3] for name in _NAMES)
_FIELDS: Final = {
    "%Y": "(?P<Y>[0-9]{4})",
    **{f"%{each}": f"(?P<{each}>[0-9]{{1,2}})" for each in "mdHIMS"},
    "%.f": r"(?P<f>(?:\.[0-9]{1,9})?)",
    "%b": f"(?P<b>{'|'.join(_SHORT)})",
    "%B": f"(?P<b>{'|'.join((*_NAMES, *_SHORT))})",
    "%p": "(?P<p>am|pm)",
}


def format_of(texts: Sequence[str]) -> tuple[str, int]:
    """The format that reads most of the first texts, and how many of these it reads."""
    head = texts[:_HEAD]
    best, count = QUARTER, 0
    for each in (QUARTER, *MONTHS, *map("".join, product(DATES, TIMES))):
        found = int((~np.isnat(read(head, each))).sum())
        if found > count:
            best, count = each, found
        if count == len(head):
            break
    return best, count


def second_reading(texts: Sequence[str], first: str, dates: Dates) -> tuple[str, Dates]:
    """What reads all, where the first format does not: or that one again, and what it reads.

    Some dates have a time of day, or the first can be read in two ways.
    """
    date = max((each for each in DATES if first.startswith(each)), key=len, default="")
    filled = dates
    for time in TIMES if date else ():
        filled = np.where(np.isnat(filled), read(texts, date + time), filled)
    if not lacks(filled):
        return first, filled
    other, _ = format_of([texts[k] for k in np.flatnonzero(np.isnat(dates))[:_HEAD]])
    found = read(texts, other)
    return (first, dates) if lacks(found) else (other, found)


def lacks(dates: Dates) -> bool:
    """Whether one is missing."""
    return bool(np.isnat(dates).any())


def read(texts: Sequence[str], form: str) -> Dates:
    """Texts (N,) as datetime64[us]; NaT where one is not written so, or is no day there is."""
    found = np.full(len(texts), "NaT", "datetime64[us]")
    alike = _alike(texts, form)
    if alike is not None:
        fields, fits = alike
        found[fits] = _dates(fields)[fits]
        rows = np.flatnonzero(~fits).tolist()
    else:
        rows = list(range(len(texts)))
    matches = [(row, match) for row in rows if (match := _pattern(form).fullmatch(texts[row]))]
    if matches:
        given = zip(*(match.groups() for _, match in matches), strict=True)
        named = dict(zip(_pattern(form).groupindex, given, strict=True))
        fields = {name: _numbers(name, each) for name, each in named.items()}
        found[[row for row, _ in matches]] = _dates(fields)
    return found


def _alike(
    texts: Sequence[str], form: str
) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.bool_]] | None:
    """The fields of texts (N,) that are digits in the places where the first text has them.

    And which texts these are; None where the first is written otherwise, or has names in it. Long
    series have a million moments of one length, for which a match each would take seconds.
    """
    first = _pattern(form).fullmatch(texts[0]) if texts else None
    if first is None or first.groupdict().keys() & {"b", "p"} or not texts[0].isascii():
        return None
    size = len(texts[0])
    fits = np.array([len(each) == size and each.isascii() for each in texts])
    whole = "".join([each for each, fit in zip(texts, fits.tolist(), strict=True) if fit])
    letters = np.frombuffer(whole.encode(), np.uint8).reshape(-1, size)
    right, between = np.ones(len(letters), np.bool_), set(range(size))
    fields: dict[str, NDArray[np.int64]] = {}
    for name in first.groupdict():
        places = range(*first.span(name))
        places = places[1:] if name == "f" else places  # the point
        value = np.zeros(len(letters), np.int64)
        for place in places:
            right &= (letters[:, place] >= 48) & (letters[:, place] <= 57)
            value = 10 * value + letters[:, place] - 48
        if name == "f":
            value = value * 10**6 // 10 ** len(places)
        fields[name] = np.zeros(len(texts), np.int64)
        fields[name][fits] = value
        between -= set(places)
    for place in between:
        right &= letters[:, place] == ord(texts[0][place])
    fits[fits] = right
    return fields, fits


def _numbers(name: str, texts: Sequence[str]) -> NDArray[np.int64]:
    """What stands in a field of each text (N,), as a number."""
    if name == "b":
        return np.array([_SHORT.index(each[:3].lower()) + 1 for each in texts], np.int64)
    if name == "p":
        return np.array([each.lower() == "pm" for each in texts], np.int64)
    if name == "f":
        return np.array([int(f"{each[1:7]:0<6}") for each in texts], np.int64)
    return np.array(list(map(int, texts)), np.int64)


def _dates(fields: dict[str, NDArray[np.int64]]) -> Dates:
    """The moments (N,) that fields say; NaT where there is no such day, or time of day."""
    zero = np.zeros_like(fields["Y"])
    month, day = fields.get("m", fields.get("b", zero + 1)), fields.get("d", zero + 1)
    if "q" in fields:
        month = 3 * fields["q"] - 2
    hour, minute, second = (fields.get(name, zero) for name in "HMS")
    right = (month >= 1) & (month <= 12) & (day >= 1) & (hour < 24) & (minute < 60) & (second < 60)
    if "p" in fields:
        right &= (fields["I"] >= 1) & (fields["I"] <= 12)
        hour = fields["I"] % 12 + 12 * fields["p"]
    months = ((fields["Y"] - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    right &= days.astype("datetime64[M]") == months
    seconds = (hour * 60 + minute) * 60 + second
    stamps = days.astype("datetime64[us]") + (seconds * 1_000_000 + fields.get("f", zero))
    return np.where(right, stamps, np.datetime64("NaT"))


@cache
def _pattern(form: str) -> re.Pattern[str]:
    if form == QUARTER:
        return re.compile("(?P<Y>[0-9]{4})[- ]?[Qq](?P<q>[1-4])")

    def field(match: re.Match[str]) -> str:
        if len(match[0]) == 6:  # digits side by side are of full width
            return "".join(_FIELDS[match[0][k : k + 2]] for k in (0, 2, 4)).replace("1,2", "2")
        return _FIELDS.get(match[0]) or (r"\s+" if match[0] == " " else re.escape(match[0]))

    return re.compile(re.sub(r"%Y%m%d|%H%M%S|%\.f|%.|.", field, form), re.IGNORECASE)
