"""Whether the first line of a table names its columns, or is its first row."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final

from recurra.data import decimals
from recurra.data.columns import MISSING
from recurra.data.date_formats import time_like
from recurra.data.sequences import number_of
from recurra.errors import DataError

_LOOK: Final = 200  # rows that are looked at
_MOST: Final = 0.6  # share of a column's values whose kind is the column's
_LONG: Final = 60  # characters, beyond which a field is a text and no name
_YEARS: Final = range(1500, 2200)


def names_columns(
    first: Sequence[str], rows: Sequence[Sequence[str]], known: Collection[str] = ()
) -> bool | None:
    """Whether a first line names the columns; None where it may do so or not.

    It does where words stand above numbers or dates, or what a task would look for. It does not
    where numbers or dates stand above their like, where a word comes again in its column, and where
    it is a sentence or a picture's path.

    Args:
        first: its fields.
        rows: the fields of some rows below it.
        known: names that may be expected.

    >>> names_columns(["day", "y"], [["2024-01-01", "5"], ["2024-01-02", "6"]])
    True
    >>> names_columns(["good", "1"], [["so so", "0"], ["fine", "1"]])
    False
    """
    first = [each.strip() for each in first]
    rows = [row for row in rows[:_LOOK] if len(row) == len(first)]
    if not rows:
        return True
    expected = {each.lower() for each in known}
    hits = [each for each in first if each.lower() in expected]
    if len(hits) == len(first):
        return True
    columns = [[each.strip() for each in column] for column in zip(*rows, strict=True)]
    kinds = [_kind_of(column) for column in columns]
    own = [_kind(each) for each in first]
    named = any(
        kind in ("number", "date") and mine not in (kind, "") and mine != "number"
        for kind, mine in zip(kinds, own, strict=True)
    )
    alike = [at for at, kind in enumerate(kinds) if kind in ("number", "date") and own[at] == kind]
    numbered = [first[at] for at in alike if first[at].isascii() and first[at].isdigit()]
    counts = _are_counted([int(each) for each in numbered if len(each) < 10])
    if named:
        # Columns may be called 0 or 2019.
        return True if len(numbered) == len(alike) else None
    if counts and len(numbered) == len(alike):
        return True if len(alike) > 4 or (len(alike) > 2 and int(numbered[0]) in _YEARS) else None
    if any(len(each) > 1 for each in hits) and not _again(first, rows, columns):
        return True
    if alike:
        return False
    if _again(first, rows, columns) or any(map(_is_value, first)):
        return False
    return None


def _again(
    first: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[Sequence[str]]
) -> bool:
    """Whether a field comes again in its column; where the whole line does, it says nothing."""
    if any([each.strip() for each in row] == list(first) for row in rows):
        return False
    return any(
        mine and mine.lower() not in MISSING and mine in column
        for mine, column in zip(first, columns, strict=True)
    )


def _is_value(text: str) -> bool:
    """Whether a text is a sentence, or the path of a picture."""
    ends = (".", "!", "?", "。", ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
    return len(text) > _LONG or text.lower().endswith(ends) or text.count(" ") > 3


def _are_counted(numbers: Sequence[int]) -> bool:
    """Whether numbers go up one by one, as those of columns do."""
    return len(numbers) > 1 and all(after - before == 1 for before, after in pairwise(numbers))


def is_number(text: str) -> bool:
    """Whether a text is a number, written in any way."""
    return number_of(text) is not None or any(decimals.number(text, m) is not None for m in ".,")


def _kind(text: str) -> str:
    if text.lower() in MISSING:
        return ""
    if is_number(text):
        return "number"
    return "date" if time_like([text]) else "text"


def _kind_of(column: Sequence[str]) -> str:
    """The kind that most values of a column are of."""
    kinds = [kind for each in column if (kind := _kind(each))]
    for kind in ("number", "date"):
        if kinds and kinds.count(kind) >= _MOST * len(kinds):
            return kind
    return "text"


def unsure(where: str, line: str, known: Collection[str] = ()) -> DataError:
    """What is said of a first line that may name the columns, or be the first row."""
    names = [each for each in known if len(each) > 1][:4]
    return DataError(
        f"{where}: {line[:60]!r} may name the columns, or be the first row",
        expected="names that can be told from rows"
        + (f": {', '.join(names)} ..." if names else ""),
        fix="say which: --header or --no-header",
    )
