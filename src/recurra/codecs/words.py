"""Words: runs of letters and digits, and other characters one by one."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Self, final

import numpy as np
import numpy.typing as npt

from recurra.errors import BundleError


@cache
def word_pattern() -> re.Pattern[str]:
    """A word with its vowel signs and accents, which `re` takes for no letters; or one mark.

    Made when first needed: looking through 65,000 characters takes as long as starting Python.
    """
    signs = "".join(
        chr(code) for code in range(0x300, 0xFE30) if unicodedata.category(chr(code))[0] == "M"
    )
    return re.compile(rf"\w[\w{signs}]*|[^\w\s]")


def normal(text: str) -> str:
    """A text in Unicode's composed form (NFC), in which equal letters are equal characters."""
    return unicodedata.normalize("NFC", text)


@final
@dataclass(frozen=True)
class Words:
    """The words known, each with the blank before it: `known[k]` has the id k, others -1."""

    known: tuple[str, ...]

    unit = "words"

    @classmethod
    def learn(cls, texts: Iterable[str], most: int | None = None) -> Self:
        """The words that occur twice, so that a model learns what the unknown is; the commonest.

        There may be none.
        """
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(_cut(text))
        # Of equals the first in order, so that the same texts give the same ids anywhere.
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return cls(tuple([word for word, count in ranked[:most] if count > 1]))

    @property
    def pieces(self) -> Sequence[bytes]:
        """The bytes of UTF-8 of each word."""
        return [each.encode() for each in self.known]

    def encode(self, text: str) -> npt.NDArray[np.int32]:
        """Ids (T,) of the words of a text."""
        ids = self._ids
        return np.array([ids.get(word, -1) for word in _cut(text)], np.int32)

    def cut(self, text: str) -> list[str]:
        """The words of a text, known or not; together they are the text."""
        return _cut(text)

    def to_json(self) -> dict[str, Any]:
        """The known words in their order."""
        return {"kind": self.unit, "known": list(self.known)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The words that `to_json` wrote.

        Raises:
            BundleError: these are none, or one comes twice.
        """
        known = value.get("known")
        if (
            not isinstance(known, list)
            or not all(isinstance(each, str) and each for each in known)
            or not len(set(known)) == len(known) > 0
        ):
            raise BundleError("the vocabulary is damaged", expected='"known": words, each once')
        return cls(tuple(known))

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: k for k, word in enumerate(self.known)}


@cache
def _spaced() -> re.Pattern[str]:
    """A word or a mark with the blank before it; other blanks, tabs and line ends alone."""
    return re.compile(rf" ?(?:{word_pattern().pattern})|\s")


def _cut(text: str) -> list[str]:
    return _spaced().findall(text)
