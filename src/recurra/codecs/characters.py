"""The characters that are known, each a piece of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self, final

import numpy as np
import numpy.typing as npt

from recurra.errors import BundleError, DataError

Ids = npt.NDArray[np.int32]

_BLOCK: Final = 1 << 20  # characters counted at a time


@final
@dataclass(frozen=True)
class Characters:
    """Known characters: `symbols[i]` has the id i, and one that is not known -1.

    Raises:
        DataError: a symbol is not one character, is half of a surrogate pair, or comes twice; or
            there is none.
    """

    symbols: tuple[str, ...]

    unit = "characters"

    def __post_init__(self) -> None:
        if not self.symbols:
            raise DataError("the vocabulary is empty", expected="at least one character")
        known = set[str]()
        for symbol in self.symbols:
            if len(symbol) != 1:
                raise DataError(
                    f"the vocabulary holds {symbol!r}", expected="symbols of one character each"
                )
            if "\ud800" <= symbol <= "\udfff":
                raise DataError(
                    f"the vocabulary holds half of a surrogate pair (U+{ord(symbol):04X})",
                    expected="characters that UTF-8 can write",
                    fix="read the text as strict UTF-8",
                )
            if symbol in known:
                raise DataError(
                    f"the vocabulary holds {symbol!r} twice", expected="each character once"
                )
            known.add(symbol)

    @classmethod
    def learn(cls, texts: Iterable[str], most: int | None = None) -> Self:
        """The characters of texts, at most so many: the commonest, in the order of code points.

        The same whatever the order they come in.

        Raises:
            DataError: the texts are empty, or hold half of a surrogate pair.
        """
        counts = np.zeros(sys.maxunicode + 1, np.int64)
        for text in texts:
            for start in range(0, len(text), _BLOCK):
                np.add.at(counts, _code_points(text[start : start + _BLOCK]), 1)
        known = np.flatnonzero(counts)
        if most is not None:
            known = np.sort(known[np.argsort(-counts[known], kind="stable")[:most]])
        return cls(tuple(map(chr, known.tolist())))

    @property
    def pieces(self) -> Sequence[bytes]:
        """The bytes of UTF-8 of each character."""
        return [each.encode() for each in self.symbols]

    def encode(self, text: str) -> Ids:
        """Ids (T,) of the characters of a text."""
        table = self._ids
        found: Ids = table[np.minimum(_code_points(text), len(table) - 1)]
        return found

    def cut(self, text: str) -> list[str]:
        """The characters of a text, known or not."""
        return list(text)

    def to_json(self) -> dict[str, Any]:
        """All characters as one string."""
        return {"kind": self.unit, "symbols": "".join(self.symbols)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The characters that `to_json` wrote.

        Raises:
            BundleError: `value` is something else, or was damaged.
        """
        symbols = value.get("symbols")
        if not isinstance(symbols, str):
            raise BundleError(
                "the vocabulary is damaged", expected='"symbols": one string of all characters'
            )
        try:
            return cls(tuple(symbols))
        except DataError as error:
            raise BundleError(
                f"the vocabulary is damaged: {error.got}", expected=error.expected
            ) from error

    @cached_property
    def _ids(self) -> npt.NDArray[np.int32]:
        """The id of each code point up to the last known one, and one more place: -1."""
        codes = _code_points("".join(self.symbols))
        table = np.full(int(codes.max()) + 2, -1, np.int32)
        table[codes] = np.arange(len(codes), dtype=np.int32)
        return table


def _code_points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(
        np.uint32, copy=False
    )
