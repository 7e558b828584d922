"""Numbers with decimal commas and separated thousands: read where a column leaves one reading."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, final

Mark = Literal[".", ","]

_BLANKS: Final = " '’\u00a0\u202f"


def _pattern(mark: Mark, between: str) -> re.Pattern[str]:
    separator = rf"(?P<by>[{re.escape(between + _BLANKS)}])"
    grouped = rf"[1-9]\d{{0,2}}{separator}\d{{3}}(?:(?P=by)\d{{3}})*(?:{re.escape(mark)}\d+)?"
    plain = rf"\d+(?:{re.escape(mark)}\d*)?|{re.escape(mark)}\d+"
    return re.compile(rf"[+-]?(?:{grouped}|{plain})(?:[eE][+-]?\d+)?", re.A)


_PATTERNS: Final = {".": _pattern(".", ","), ",": _pattern(",", ".")}
_DROPPED: Final = {mark: str.maketrans("", "", ".,".replace(mark, "") + _BLANKS) for mark in ".,"}


@final
@dataclass(frozen=True)
class Numbers:
    """What texts (N,) say as numbers.

    `mark` is what stands before decimals; `other` are the numbers with the other mark, where those
    differ and nothing says which is meant.
    """

    values: list[float]
    mark: Mark
    other: list[float] | None = None


def number(text: str, mark: str) -> float | None:
    """The number of a text with this mark before decimals, thousands separated or not."""
    if not _PATTERNS[mark].fullmatch(text):
        return None
    return float(text.translate(_DROPPED[mark]).replace(mark, "."))


def numbers(texts: Sequence[str], asked: Mark | None = None) -> Numbers | None:
    """The numbers of texts; None where neither mark reads them all.

    >>> numbers(["1.234,5", "0,5"]).values, numbers(["1,234", "1,234,567"]).mark
    ([1234.5, 0.5], '.')
    """
    found: dict[Mark, list[float]] = {}
    for mark in (asked,) if asked else (".", ","):
        values: list[float] = []
        for text in texts:
            value = number(text, mark)
            if value is None:
                break
            values.append(value)
        else:
            found[mark] = values
    if not found:
        return None
    mark = next(iter(found))
    other = found.get(",") if mark == "." else None
    return Numbers(found[mark], mark, None if other == found[mark] else other)
