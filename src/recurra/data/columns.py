"""Columns of a table as arrays: text, numbers, truth values, moments; what is missing, what not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.data.sequences import number_of

Rows = NDArray[np.int64]

MISSING: Final = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-"})
"""Texts, in lower case, that stand for a value that is not there."""

_ODD: Final[dict[str, Any]] = {
    "List": list | tuple | np.ndarray,
    "Struct": dict,
    "Binary": bytes,
    "Duration": timedelta,
}
_KINDS: Final = {"O": "text", "f": "numbers", "i": "numbers", "u": "numbers", "b": "truth"}


@final
@dataclass(frozen=True, eq=False)
class Column:
    """The values (N,) of a column, read when they are first looked at.

    Text is an array of `str` or None, moments are datetime64[us] with NaT where there is none, and
    a number that is missing is NaN.

    Args:
        size: N.
        read: gives the values.
        kind: "text", "numbers", "truth", "moments"; or what it holds that is none of these.
        offsets: (N,) minutes from UTC, where moments are local times of a zone.
    """

    size: int
    read: Callable[[], NDArray[Any]]
    kind: str
    offsets: Rows | None = None

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, row: int) -> Any:
        value = self.values[row]
        return value.item() if isinstance(value, np.generic) and self.kind != "moments" else value

    @cached_property
    def values(self) -> NDArray[Any]:
        """All of them (N,)."""
        return self.read()

    @cached_property
    def coded(self) -> tuple[list[str], Rows]:
        """The different texts without blanks around them, in the order of their first rows.

        And which of them each row (N,) holds; -1 where there is none.
        """
        values = self.values
        if self.kind == "text":
            texts: Sequence[str | None] = values.tolist()
        elif self.kind == "truth":
            texts = ["true" if each else "false" for each in values.tolist()]
        else:
            listed = zip(values.tolist(), self.missing.tolist(), strict=True)
            texts = [None if gone else str(value) for value, gone in listed]
        numbers: dict[str | None, int] = {}
        at = np.array([numbers.setdefault(each, len(numbers)) for each in texts], np.int64)
        known: dict[str | None, int] = {None: -1}
        again = [
            known.setdefault(None if each is None else each.strip(), len(known) - 1)
            for each in numbers
        ]
        once = [each for each in known if each is not None]
        return once, np.array(again, np.int64)[at] if len(again) else at

    @cached_property
    def missing(self) -> NDArray[np.bool_]:
        """Which rows (N,) have no value."""
        if self.kind == "moments":
            found: NDArray[np.bool_] = np.isnat(self.values)
            return found
        if self.kind != "text":
            gone = self.kind == "numbers" and np.isnan(self.values)
            return np.broadcast_to(gone, self.size)
        once, at = self.coded
        none = [each.lower() in MISSING for each in once]
        return np.array([*none, True])[at]

    @cached_property
    def numbers(self) -> tuple[NDArray[np.float64], Rows]:
        """The values (N,) as numbers, NaN where that fails; and the rows that hold none."""
        if self.kind in ("numbers", "truth"):
            return self.values.astype(np.float64), np.empty(0, np.int64)
        if self.kind != "text":
            return np.full(self.size, np.nan), np.flatnonzero(~self.missing)
        texts = self.values.tolist()
        try:
            joined = "\n".join(texts)
            if joined.isascii() and "_" not in joined:
                return np.array(list(map(float, texts))), np.empty(0, np.int64)
        except (TypeError, ValueError):
            pass
        read = [None if each is None else number_of(each) for each in texts]
        wrong = [
            row
            for row, (text, value) in enumerate(zip(texts, read, strict=True))
            if value is None and text is not None and text.strip().lower() not in MISSING
        ]
        return np.array(read, np.float64), np.array(wrong, np.int64)


def column_of(values: Any) -> Column:
    """A column of an array or of any values; what is mixed becomes text."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        return Column(len(values), lambda: values, _KINDS[values.dtype.kind])
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return Column(len(values), lambda: values.astype("datetime64[us]"), "moments")
    listed = [None if each is None or each != each else each for each in values]
    kinds = {type(each) for each in listed if each is not None}
    if kinds and all(issubclass(kind, date) for kind in kinds):
        return _of_dates(listed)
    odd = next((name for name, each in _ODD.items() if any(issubclass(k, each) for k in kinds)), "")
    if odd:
        return Column(len(listed), lambda: _objects(listed), odd)
    numeric = {kind for kind in kinds if issubclass(kind, int | float | np.number)}
    if kinds and kinds <= {bool, np.bool_} and None not in listed:
        return Column(len(listed), lambda: np.array(listed, np.bool_), "truth")
    if kinds and kinds == numeric:
        whole = None not in listed and all(issubclass(kind, int | np.integer) for kind in kinds)
        numbers = np.array(listed, np.int64 if whole else np.float64)
        return Column(len(listed), lambda: numbers, "numbers")
    return text_column([None if each is None else str(each) for each in listed])


def text_column(texts: Sequence[str | None]) -> Column:
    """A column of text."""
    return Column(len(texts), lambda: _objects(texts), "text")


def joined(columns: Sequence[Column]) -> Column:
    """Columns one behind the other; of several kinds as text."""
    if len({(each.kind, each.offsets is None) for each in columns}) > 1:
        columns = [_as_text(each) for each in columns]
    offsets = [each.offsets for each in columns if each.offsets is not None]
    return Column(
        sum(map(len, columns)),
        lambda: np.concatenate([each.values for each in columns]),
        columns[0].kind,
        np.concatenate(offsets) if offsets else None,
    )


def nothing(size: int) -> Column:
    """A column of numbers, all of them missing."""
    return Column(size, lambda: np.full(size, np.nan), "numbers")


def _as_text(column: Column) -> Column:
    once, at = column.coded
    return text_column([once[k] if k >= 0 else None for k in at.tolist()])


def _objects(texts: Sequence[str | None]) -> NDArray[Any]:
    found = np.empty(len(texts), object)
    found[:] = texts
    return found


def _of_dates(listed: Sequence[Any]) -> Column:
    """Dates and times; those with a zone as local times, and how far these are from UTC."""
    offsets = [each.utcoffset() if isinstance(each, datetime) else None for each in listed]
    if all(offset is None for offset in offsets):
        stamps = np.array(listed, "datetime64[us]")
        return Column(len(listed), lambda: stamps, "moments")
    if None in offsets:  # mixed, or missing: `moments` says so of text
        return text_column([None if each is None else each.isoformat() for each in listed])
    stamps = np.array([each.replace(tzinfo=None) for each in listed], "datetime64[us]")
    minutes = np.array([offset // timedelta(minutes=1) for offset in offsets], np.int64)  # type: ignore[operator]
    return Column(len(listed), lambda: stamps, "moments", minutes)
