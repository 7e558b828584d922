"""The default data: dates written out in English, and in Korean."""

from __future__ import annotations

import importlib
from datetime import date
from typing import Any, Final

import numpy as np

from recurra.data.source_locations import Places
from recurra.data.splits import Rows
from recurra.errors import MissingExtra
from recurra.tasks.pairs.splits import Pairs, checked

COUNT: Final = 20_000
"""Pairs that are drawn."""

FORMATS: Final = ("full", "long", "medium", "short")
"""Each becomes the same in Korean, so that the answer is a function of the source."""

MAY: Final = 5
"""Its name is its own abbreviation: long and medium read alike in English, and not in Korean."""

YEARS: Final = (1900, 2099)
SHORT_YEARS: Final = (2000, 2099)
"""Years of two digits: of one century, so that no date reads like another."""


def dates(seed: int, count: int = COUNT) -> tuple[Pairs, Rows]:
    """Dates from English to Korean, in an order that follows from the seed, none twice.

    Returns:
        The pairs, and for each the day (count,) it is about: pairs of one day belong together.

    Raises:
        MissingExtra: Babel is not installed.
    """
    try:
        write = importlib.import_module("babel.dates").format_date
    except ImportError as error:
        raise MissingExtra(
            "the default data of pairs are written by Babel, which is not installed",
            fix='pip install "recurra[pairs]", or give data of your own',
        ) from error
    days, formats = _all()
    # Its raw output is the same on every version of NumPy.
    random = np.random.PCG64(np.random.SeedSequence((seed, 0xDA7E5)))
    drawn = np.argsort(np.atleast_1d(random.random_raw(len(days))), kind="stable")[:count]
    found: list[list[str]] = [[], []]
    for day, number in zip(days[drawn].tolist(), formats[drawn].tolist(), strict=True):
        for side, language in zip(found, ("en", "ko"), strict=True):
            side.append(_plain(write(date.fromordinal(day), FORMATS[number], language)))
    where = Places((("", "date", range(1, len(drawn) + 1)),))
    return checked(found[0], found[1], where), days[drawn]


def _all() -> tuple[Rows, Rows]:
    """Every day of the years, with every format that it is written in."""
    found: list[Rows] = []
    for name in FORMATS:
        first, last = SHORT_YEARS if name == "short" else YEARS
        days = np.arange(f"{first}-01-01", f"{last + 1}-01-01", dtype="datetime64[D]")
        months = days.astype("datetime64[M]").astype(np.int64) % 12 + 1
        kept = days[months != MAY] if name == "medium" else days
        found.append(kept.astype(np.int64) + date(1970, 1, 1).toordinal())
    return np.concatenate(found), np.repeat(np.arange(len(FORMATS)), list(map(len, found)))


def _plain(text: Any) -> str:
    """A date with plain blanks: CLDR's releases differ in whether some are narrow."""
    return " ".join(str(text).split())
