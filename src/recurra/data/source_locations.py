"""Where rows of data stand, for messages."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import final, overload

from recurra.errors import DataError


@final
@dataclass(frozen=True, eq=False)
class Places(Sequence[str]):
    """Where examples stand, put into words when asked for: "reviews.tsv, line 12".

    `parts` are (name, unit, numbers): the examples of a source, one after the other. The unit is
    line or row; or X, for those of an array, which are counted from 0: "X[11]".
    """

    parts: tuple[tuple[str, str, Sequence[int]], ...]

    @property
    def sources(self) -> list[tuple[str, str, int]]:
        """The name, the unit and the count of each part, which `of_sources` takes."""
        return [(name, unit, len(numbers)) for name, unit, numbers in self.parts]

    @property
    def numbers(self) -> list[int]:
        """The numbers of all parts."""
        return [int(each) for _, _, numbers in self.parts for each in numbers]

    @classmethod
    def of_sources(cls, sources: Iterable[tuple[str, str, int]], numbers: Sequence[int]) -> Places:
        """The places whose `sources` and `numbers` these are."""
        parts, begins = [], 0
        for name, unit, count in sources:
            parts.append((name, unit, numbers[begins : begins + count]))
            begins += count
        return cls(tuple(parts))

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *accumulate(len(numbers) for _, _, numbers in self.parts)]

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        row = int(row) + (len(self) if row < 0 else 0)
        if not 0 <= row < len(self):
            raise IndexError(row)
        part = bisect_right(self._starts, row) - 1
        name, unit, numbers = self.parts[part]
        number = numbers[row - self._starts[part]]
        place = f"X[{number}]" if unit == "X" else f"{unit} {number:,}"
        return f"{name}, {place}" if name else place

    def of(self, rows: Iterable[int]) -> Places:
        """The places of these rows, in their order."""
        parts: list[tuple[str, str, list[int]]] = []
        last = -1
        for row in rows:
            part = bisect_right(self._starts, row) - 1
            name, unit, numbers = self.parts[part]
            if part != last:
                parts.append((name, unit, []))
                last = part
            parts[-1][2].append(numbers[row - self._starts[part]])
        return Places(tuple(parts))


def composed(text: str, where: Places, row: int) -> str:
    """A row's text in Unicode's composed form (NFC).

    Raises:
        DataError: it holds half a character.
    """
    if text.isascii():
        return text
    normal = unicodedata.normalize("NFC", text)
    try:
        normal.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(
            f"{where[row]}: holds half a character (a surrogate alone)", expected="text"
        ) from None
    return normal
