"""The characters a model knows, and their numbers."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from recurra.errors import BundleError, DataError

UNKNOWN: Final = 0
"""The id of every character that is not in the vocabulary; no text is ever encoded to mean it."""

UNKNOWN_DRAWN: Final = "\ufffd"
"""How `Vocabulary.decode` draws the unknown id."""

_BLOCK: Final = 1 << 20  # characters encoded at a time, so that memory stays near the result's

_WIDER: Final = np.array([0x80, 0x800, 0x10000])
"""The code points from which UTF-8 takes a byte more."""


@final
@dataclass(frozen=True)
class Vocabulary:
    """Known characters in the order of their code points; `symbols[i]` has the id `i + 1`.

    The id 0 is the unknown. It is an id only: a text that holds U+FFFD has its own id for it.

    Raises:
        DataError: a symbol is not one character, is half of a surrogate pair, is out of order or
            comes twice; or there is none.
    """

    symbols: tuple[str, ...]

    unit = "characters"
    lost = UNKNOWN
    silent = (UNKNOWN,)

    def __post_init__(self) -> None:
        if not self.symbols:
            raise DataError("the vocabulary is empty", expected="at least one character")
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
        for before, after in zip(self.symbols, self.symbols[1:], strict=False):
            if before >= after:
                raise DataError(
                    f"the vocabulary holds {after!r} after {before!r}",
                    expected="each character once, in the order of the code points",
                )

    @classmethod
    def from_text(cls, text: str) -> Vocabulary:
        """The characters of `text`; the same whatever the order they come in.

        Raises:
            DataError: the text is empty, or holds half of a surrogate pair.
        """
        return cls.from_blocks([text])

    @classmethod
    def from_blocks(cls, blocks: Iterable[str]) -> Vocabulary:
        """As `from_text`, of a text that comes in blocks.

        Raises:
            DataError: as `from_text`.
        """
        seen = np.zeros(sys.maxunicode + 1, np.bool_)
        for block in blocks:
            for start in range(0, len(block), _BLOCK):
                seen[_code_points(block[start : start + _BLOCK])] = True
        return cls(tuple(map(chr, np.flatnonzero(seen).tolist())))

    def __len__(self) -> int:
        """V: the known characters and the unknown."""
        return len(self.symbols) + 1

    def encode(self, text: str) -> npt.NDArray[np.int32]:
        """Ids (T,) of the characters of `text`; 0 where one is not known."""
        table = self._ids
        ids = np.empty(len(text), np.int32)
        for start in range(0, len(text), _BLOCK):
            codes = _code_points(text[start : start + _BLOCK])
            np.take(table, np.minimum(codes, len(table) - 1), out=ids[start : start + len(codes)])
        return ids

    def decode(self, ids: npt.ArrayLike) -> str:
        """The text of the ids (T,); the unknown is drawn as U+FFFD.

        Raises:
            DataError: an id is below 0 or not below V, or is no integer.
        """
        array = np.asarray(ids)
        if array.size == 0:
            return ""
        if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
            raise DataError(
                f"ids of shape {array.shape} and type {array.dtype}",
                expected="a row of whole numbers",
            )
        low, high = int(array.min()), int(array.max())
        if low < 0 or high >= len(self):
            raise DataError(
                f"id {low if low < 0 else high} is not in the vocabulary",
                expected=f"ids from 0 to {len(self) - 1}",
            )
        return str(self._codes[array].astype("<u4").tobytes(), "utf-32-le")

    def unknown(self, text: str) -> dict[str, int]:
        """How often each character that is not known occurs in `text`, the most frequent first."""
        counts: dict[int, int] = {}
        table = self._ids
        for start in range(0, len(text), _BLOCK):
            codes = _code_points(text[start : start + _BLOCK])
            strange = codes[table[np.minimum(codes, len(table) - 1)] == UNKNOWN]
            for code, count in zip(*np.unique(strange, return_counts=True), strict=True):
                counts[int(code)] = counts.get(int(code), 0) + int(count)
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return {chr(code): count for code, count in ordered}

    def shown(self, ids: npt.ArrayLike) -> list[str]:
        """The character of each of the ids (T,); the unknown is drawn as U+FFFD.

        Raises:
            DataError: as `decode`.
        """
        return list(self.decode(ids))

    def widths(self, text: str) -> npt.NDArray[np.int64]:
        """Bytes (T,) of UTF-8 that each character of `text` takes up."""
        codes = _code_points(text)
        return np.searchsorted(_WIDER, codes, "right") + 1

    @cached_property
    def written(self) -> list[bytes]:
        """The bytes of UTF-8 that each id writes; the unknown, those of U+FFFD."""
        return [each.encode() for each in (UNKNOWN_DRAWN, *self.symbols)]

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads: all symbols as one string."""
        return {"kind": "characters", "unknown": UNKNOWN, "symbols": "".join(self.symbols)}

    @classmethod
    def from_json(cls, value: object) -> Vocabulary:
        """The vocabulary that `to_json` wrote.

        Raises:
            BundleError: `value` is something else, or was damaged.
        """
        if not isinstance(value, dict) or value.get("kind") != "characters":
            raise BundleError(
                "the vocabulary is not one of characters",
                expected='an object with "kind": "characters"',
            )
        symbols = value.get("symbols")
        if not isinstance(symbols, str) or value.get("unknown") != UNKNOWN:
            raise BundleError(
                "the vocabulary is damaged",
                expected='"symbols": one string of all characters, "unknown": 0',
            )
        try:
            return cls(tuple(symbols))
        except DataError as error:
            raise BundleError(
                f"the vocabulary is damaged: {error.got}", expected=error.expected
            ) from error

    @cached_property
    def _ids(self) -> npt.NDArray[np.int32]:
        """The id of each code point up to the last known one, and one more place: the unknown."""
        codes = self._codes[1:]
        table = np.zeros(int(codes[-1]) + 2, np.int32)
        table[codes] = np.arange(1, len(codes) + 1, dtype=np.int32)
        return table

    @cached_property
    def _codes(self) -> npt.NDArray[np.uint32]:
        """The code point of each id."""
        return _code_points(UNKNOWN_DRAWN + "".join(self.symbols))


def _code_points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(
        np.uint32, copy=False
    )
