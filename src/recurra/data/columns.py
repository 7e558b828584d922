"""Columns of a table: text as a file has it, numbers, dates; millions of values, by NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final, Literal, final

import numpy as np
from numpy.typing import NDArray

from recurra.data import decimals
from recurra.data.decimals import Mark
from recurra.data.sequences import number_of

Rows = NDArray[np.int64]
Places = NDArray[np.int32] | NDArray[np.int64]
Kind = Literal["text", "number", "boolean", "date", "other"]

MISSING: Final = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-"})
"""Texts, in lower case, that stand for a value that is not there."""

WIDEST: Final = 64
"""Bytes of a field; columns with longer ones are read one by one. A buffer has as many more."""

_DIGITS: Final = 15  # of a number that float64 holds with all of them
_AT_ONCE: Final = 1 << 15  # fields that are looked at together: they stay in the cache


@final
@dataclass(frozen=True, eq=False)
class Texts:
    """N texts, each different one once: `once[codes[row]]`, or none where the code is -1."""

    codes: Rows
    once: list[str]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, row: int) -> str | None:
        code = int(self.codes[row])
        return None if code < 0 else self.once[code]

    def to_list(self) -> list[str | None]:
        """All of them, one after the other."""
        return [None if code < 0 else self.once[code] for code in self.codes.tolist()]

    @classmethod
    def of(cls, values: Sequence[str | None]) -> Texts:
        """Those of a list."""
        number: dict[str | None, int] = {None: -1}
        codes = [number.setdefault(each, len(number) - 1) for each in values]
        return cls(np.array(codes, np.int64), [each for each in number if each is not None])

    def changed(self, into: Sequence[str | None]) -> Texts:
        """With each of `once` turned into another, or into none."""
        number: dict[str | None, int] = {None: -1}
        codes = [number.setdefault(each, len(number) - 1) for each in into]
        again = np.array([*codes, -1], np.int64)  # -1 finds the last
        return Texts(again[self.codes], [each for each in number if each is not None])

    def first_rows(self) -> Rows:
        """The row at which each of `once` stands first."""
        found = np.full(len(self.once) + 1, len(self.codes))
        np.minimum.at(found, self.codes, np.arange(len(self.codes)))
        return found[:-1]


@final
@dataclass(frozen=True, eq=False)
class Fields:
    """Fields (N,) of a file of plain text, where they begin and end in its bytes.

    `buffer` goes on for WIDEST bytes behind the last of them.
    """

    buffer: NDArray[np.uint8]
    begins: Places
    ends: Places

    def __len__(self) -> int:
        return len(self.begins)

    def text(self, row: int) -> str:
        """One of them, without blanks around it."""
        return bytes(self.buffer[self.begins[row] : self.ends[row]]).decode().strip()

    def words(self, rows: slice = slice(None)) -> NDArray[np.uint64]:
        """The bytes of some as (n, W) words of eight, zeros behind their ends."""
        begins = self.begins[rows]
        counts = self.ends[rows] - begins
        wide = -(-int(counts.max(initial=1)) // 8) or 1
        # As items of that many bytes, one from each byte on: a field is one copy.
        shape = (max(0, len(self.buffer) - 8 * wide + 1),)
        items = np.ndarray(shape, f"V{8 * wide}", self.buffer.data, strides=(1,))
        found = items[begins].view(np.uint64).reshape(-1, wide)
        found &= _masks(wide)[counts]
        return found

    def texts(self) -> Texts:
        """Each different text once, in the order of their first rows."""
        count = len(self)
        if not count or self.widest > WIDEST:
            return Texts.of([self.text(row) for row in range(count)])
        words = self.words()
        # Rows of a panel lie series by series, or the same dates come again and again: what is
        # told apart is then looked at once.
        new = np.ones(count, bool)
        new[1:] = words[1:, 0] != words[:-1, 0]
        for word in range(1, words.shape[1]):
            new[1:] |= words[1:, word] != words[:-1, word]
        heads, spread = np.flatnonzero(new), None
        if 2 * len(heads) > count and (period := _period(words)) < count:
            heads, spread = np.arange(period), np.resize(np.arange(period), count)
        keys = words[heads].view(f"S{8 * words.shape[1]}")[:, 0].tolist()
        number = {each: at for at, each in enumerate(dict.fromkeys(keys))}
        own = np.fromiter(map(number.__getitem__, keys), np.int64, len(keys))
        codes = own[spread] if spread is not None else own[np.cumsum(new) - 1]
        once = [each.decode() for each in number]
        found = Texts(codes, once)
        bare = [each.strip() for each in once]
        return found if bare == once else found.changed(bare)

    @property
    def widest(self) -> int:
        """Bytes of the longest."""
        return int((self.ends - self.begins).max(initial=0))

    def numbers(self) -> tuple[NDArray[np.float64], Rows]:
        """The numbers (N,), NaN where there is none, and the rows of fields that say what is none.

        A decimal of up to 15 digits is a whole number over a power of ten: both are exact, and so
        is their quotient but for its rounding (Clinger 1990). All else goes through Python.
        """
        found, others = np.full(len(self), np.nan), [np.arange(len(self) * (self.widest > WIDEST))]
        for start in range(0, len(self) * (self.widest <= WIDEST), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            found[rows], plain = _decimals(self.words(rows), self.ends[rows] - self.begins[rows])
            others.append(np.flatnonzero(~plain) + start)
        wrong = []
        for row in np.concatenate(others).tolist():
            text = self.text(row)
            value = number_of(text)
            if value is not None:
                found[row] = value
            elif text.lower() not in MISSING:
                wrong.append(row)
        return found, np.array(wrong, np.int64)


def _period(words: NDArray[np.uint64]) -> int:
    """After how many rows the same ones come again, to the end; their number where they do not."""
    again = np.flatnonzero((words[1:] == words[0]).all(1))
    if len(again):
        period = int(again[0]) + 1
        if np.array_equal(words[period:], words[:-period]):
            return period
    return len(words)


@cache
def _masks(wide: int) -> NDArray[np.uint64]:
    """What leaves so many bytes (0 to 8 W) of W words, (8 W + 1, W)."""
    kept = np.arange(8 * wide) < np.arange(8 * wide + 1)[:, None]
    return np.where(kept, 255, 0).astype(np.uint8).view(np.uint64)


def _decimals(
    words: NDArray[np.uint64], counts: Places
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Numbers (n,) of words (n, W), NaN where they are no plain decimals, and which are (n,)."""
    cells = words.view(np.uint8)
    whole = np.zeros(len(cells), np.int64)
    digits, behind = np.zeros(len(cells), np.int64), np.zeros(len(cells), np.int64)
    dotted, wrong = np.zeros(len(cells), bool), counts > _DIGITS + 2
    for place in range(min(cells.shape[1], _DIGITS + 2)):
        byte = np.ascontiguousarray(cells[:, place])
        digit = byte - np.uint8(48)
        is_digit, is_dot = digit <= 9, byte == 46
        whole = np.where(is_digit, 10 * whole + digit, whole)
        digits += is_digit
        behind += is_digit & dotted
        other = ~(is_digit | is_dot | (byte == 0))
        if place == 0:
            other &= (byte != 43) & (byte != 45)
        wrong |= other | (is_dot & dotted)
        dotted |= is_dot
    plain = ~wrong & (digits > 0) & (digits <= _DIGITS)
    values = whole / 10.0**behind
    values = np.where(cells[:, 0] == 45, -values, values)
    return np.where(plain, values, np.nan), plain


@final
@dataclass(frozen=True, eq=False)
class Column:
    """A column of N values of one kind.

    Args:
        kind: of "other" nothing can be read; `description` says what it holds.
        values: of numbers, int64 or float64 (NaN: missing); of truth values 0, 1 or NaN; of dates
            datetime64[us] (NaT: missing), on their own clocks.
        offsets: of dates in a time zone, minutes (N,) from UTC.
        given: of text, a list, each different one once, or the fields of a file.
        description: what it holds, for messages.
        decimal: of text, what stands before decimals; None: what reads all of it.
    """

    kind: Kind
    values: NDArray[Any] | None = None
    offsets: Rows | None = None
    given: Fields | Texts | list[str | None] | None = None
    description: str = ""
    decimal: Mark | None = None

    def __len__(self) -> int:
        held = self.given if self.values is None else self.values
        return 0 if held is None else len(held)

    def value(self, row: int) -> str:
        """One value as text, for messages."""
        if self.values is None:
            return str(self.texts[row])
        return str(self.values[row])

    @cached_property
    def texts(self) -> Texts:
        """The values as text, without blanks around it."""
        if isinstance(self.given, Fields):
            return self.given.texts()
        if isinstance(self.given, Texts):
            return self.given
        if self.given is not None:
            return Texts.of([None if each is None else each.strip() for each in self.given])
        if self.values is None:
            return Texts(np.full(len(self), -1), [])
        once, codes = np.unique(self.values, return_inverse=True)
        written = [None if each != each else _written(each, self.kind) for each in once.tolist()]
        return Texts(codes.astype(np.int64), [""] * len(once)).changed(written)

    def first_texts(self, count: int) -> list[str]:
        """The first of its values that are there, as text; of a long file's only those are read."""
        some = (
            [self.given.text(row) for row in range(min(len(self), 5 * count))]
            if isinstance(self.given, Fields)
            else []
        )
        some = [each for each in some if each.lower() not in MISSING]
        if not some:
            rows = np.flatnonzero(~self.missing)[:count]
            some = [str(self.texts[row]) for row in rows.tolist()]
        return some[:count]

    @cached_property
    def cast(self) -> tuple[NDArray[np.float64], Rows]:
        """The values as numbers (N,), NaN where there are none, and rows that hold something else.

        Something else is what is neither a number nor stands for one that is missing.
        """
        if self.written is not None:
            return self._by_texts(self.written.values), np.zeros(0, np.int64)
        return self._plain

    @cached_property
    def written(self) -> decimals.Numbers | None:
        """Its numbers where they are not plain: with decimal commas, or separated thousands."""
        if self.given is None or (self.decimal != "," and not len(self._plain[1])):
            return None
        texts = [each for each in self.texts.once if each.lower() not in MISSING]
        return decimals.numbers(texts, self.decimal) if texts else None

    def _by_texts(self, values: Sequence[float]) -> NDArray[np.float64]:
        """A number (N,) for each row, of those of the texts that are there."""
        there = np.array([each.lower() not in MISSING for each in self.texts.once] + [False])
        once = np.full(len(there), np.nan)
        once[there] = values
        found: NDArray[np.float64] = once[self.texts.codes]
        return found

    @cached_property
    def _plain(self) -> tuple[NDArray[np.float64], Rows]:
        if isinstance(self.given, Fields):
            return self.given.numbers()
        if self.given is not None:
            once = [np.nan if t.lower() in MISSING else number_of(t) for t in self.texts.once]
            values = np.array([np.nan if v is None else v for v in once] + [np.nan])
            broken = np.array([v is None for v in once] + [False])
            return values[self.texts.codes], np.flatnonzero(broken[self.texts.codes])
        if self.kind in ("number", "boolean"):
            assert self.values is not None
            return self.values.astype(np.float64), np.zeros(0, np.int64)
        return np.full(len(self), np.nan), np.flatnonzero(~self.missing)

    @cached_property
    def missing(self) -> NDArray[np.bool_]:
        """Which rows (N,) have no value."""
        if self.values is not None:
            gone: NDArray[np.bool_] = (np.isnat if self.kind == "date" else np.isnan)(self.values)
            return gone
        if self.kind == "other":
            return np.zeros(len(self), bool)
        none = np.array([each.lower() in MISSING for each in self.texts.once] + [True])
        return none[self.texts.codes]

    def then(self, other: Column) -> Column:
        """This, and another behind it; of two kinds as text."""
        if self.kind == other.kind and self.values is not None and other.values is not None:
            joined = np.concatenate([self.values, other.values])
            offsets = [each.offsets for each in (self, other) if each.offsets is not None]
            if len(offsets) != 1:
                return Column(self.kind, joined, np.concatenate(offsets) if offsets else None)
        texts: list[str | None] = [*self.texts.to_list(), *other.texts.to_list()]
        return Column("text", given=texts, decimal=self.decimal)


def _written(value: Any, kind: Kind) -> str:
    if kind == "boolean":
        return "true" if value else "false"
    return str(value)


def empty(count: int) -> Column:
    """A column without any value."""
    return Column("number", np.full(count, np.nan))


# -- what Python holds --------------------------------------------------------------------------
