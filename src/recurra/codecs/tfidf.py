"""Texts as sparse rows of TF-IDF: n-grams of characters or of words, counted by sorting numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.words import word_pattern
from recurra.errors import BundleError

Numbers = NDArray[np.int64]
Arrays = dict[str, NDArray[Any]]

LONGEST: Final = {"characters": 4, "words": 2}
"""Units of the longest n-grams."""

_ENOUGH: Final = 1_000  # texts from which on an n-gram has to occur in two of them


@final
@dataclass(frozen=True, eq=False)
class Sparse:
    """Rows (B, D) that are zero but for `values` (n,) at `columns` (n,), row after row.

    Args:
        counts: how many of them each row has, (B,).
    """

    counts: Numbers
    columns: Numbers
    values: NDArray[np.float32]


@final
@dataclass(frozen=True, eq=False)
class Tfidf:
    """What n-grams there are, and what each counts; made by `learn`.

        Tfidf.learn(["not bad", "bad"], "words").rows(["not good"])

    Of 1 to 4 characters, with a blank before and behind each text, or of words and pairs of words;
    in lower case. The rows are those of scikit-learn's TfidfVectorizer with `sublinear_tf`.

    Args:
        words: in the order of their numbers; None where n-grams are of characters.
        levels: for n after n the n-grams that are known, ascending; see `_grams`.
        weights: the inverse document frequency of each, (D,), level after level.
    """

    words: tuple[str, ...] | None
    levels: tuple[Numbers, ...]
    weights: NDArray[np.float64]

    @classmethod
    def learn(cls, texts: Sequence[str], unit: str) -> Tfidf:
        """The n-grams of texts.

        Args:
            unit: "characters" or "words".
        """
        least = 2 if len(texts) > _ENOUGH else 1
        words = None
        if unit == "words":
            occur = Counter(word for text in texts for word in dict.fromkeys(_find(text)))
            if max(occur.values(), default=0) < least:
                least = 1  # each word in a text of its own
            words = tuple(word for word, count in occur.items() if count >= least)
        units = cls(words, (), np.zeros(0))._units(texts)
        levels = _learnt(units, LONGEST[unit], least)
        size = sum(map(len, levels))
        columns = cls(words, tuple(levels), np.ones(size))._counted(units)[1]
        texts_with = np.bincount(columns, minlength=size)
        return cls(words, tuple(levels), np.log((1 + len(texts)) / (1 + texts_with)) + 1)

    def __len__(self) -> int:
        """D, how many n-grams there are."""
        return len(self.weights)

    def rows(self, texts: Sequence[str]) -> Sparse:
        """The rows of texts, each of length one; of texts without a known n-gram zero."""
        rows, columns, times = self._counted(self._units(texts))
        values = (1 + np.log(times)) * self.weights[columns]
        length = np.sqrt(np.bincount(rows, values**2, len(texts)))
        counts = np.bincount(rows, minlength=len(texts))
        return Sparse(counts, columns, (values / length[rows]).astype(np.float32))

    def to_arrays(self) -> Arrays:
        """What `from_arrays` makes it from."""
        found: Arrays = {f"level.{n}": each for n, each in enumerate(self.levels)}
        found["weights"] = self.weights
        if self.words is not None:
            found["words"] = np.frombuffer("\n".join(self.words).encode(), np.uint8)
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Tfidf:
        """What `to_arrays` took apart, of unknown origin.

        Raises:
            BundleError: it is none.
        """
        words = arrays.get("words")
        unit = "characters" if words is None else "words"
        known = None if words is None else tuple(words.tobytes().decode().split("\n"))
        levels = tuple(arrays.get(f"level.{n}", np.zeros(0)) for n in range(LONGEST[unit]))
        weights = arrays.get("weights", np.zeros(0))
        if (
            any(each.dtype != np.int64 or each.ndim != 1 for each in levels)
            or any((np.diff(each) <= 0).any() for each in levels)
            or weights.shape != (sum(map(len, levels)),)
            or weights.dtype != np.float64
            or not np.isfinite(weights).all()
        ):
            raise BundleError("the n-grams are damaged", expected="levels, and a weight for each")
        return cls(known, levels, weights)

    def _units(self, texts: Sequence[str]) -> _Units:
        """The characters of texts, or their words; those that are not known are all one."""
        if self.words is None:
            # The blanks at its ends say where a text begins and ends.
            framed = [f" {' '.join(text.lower().split())} " for text in texts]
            codes = np.frombuffer("".join(framed).encode("utf-32-le"), "<u4").astype(np.int64)
            lengths = np.fromiter(map(len, framed), np.int64, len(framed))
            return _Units(codes, lengths, 0x110000)
        unknown, get = len(self.words), self._number.get
        rows = [[get(word, unknown) for word in _find(text)] for text in texts]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        ids = np.fromiter((each for row in rows for each in row), np.int64, int(lengths.sum()))
        return _Units(ids, lengths, unknown + 1)

    @cached_property
    def _number(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words or ())}

    def _counted(self, units: _Units) -> tuple[Numbers, Numbers, Numbers]:
        """The n-grams of each text once, text after text: text, column, how often."""
        begins = np.cumsum([0, *map(len, self.levels)])
        found = _grams(units, len(self.levels), lambda n, *_: self.levels[n])
        size = max(len(self), 1)
        keys = [rows * size + at + begin for (rows, at), begin in zip(found, begins, strict=False)]
        each, times = np.unique(np.concatenate(keys), return_counts=True)
        return each // size, each % size, times


@final
@dataclass(frozen=True, eq=False)
class _Units:
    """Characters or words of texts, end to end: their numbers (N,), below `base`; lengths (B,)."""

    ids: Numbers
    lengths: Numbers
    base: int


def _find(text: str) -> list[str]:
    return word_pattern().findall(text.lower())


def _grams(
    units: _Units, longest: int, level: Callable[[int, Numbers, Numbers], Numbers]
) -> Iterator[tuple[Numbers, Numbers]]:
    """The texts and the places in their level of all known n-grams, for n after n.

    An n-gram is its beginning's place in the level before, and its last unit, as one number; one
    whose beginning is not known is not known either.

    Args:
        level: (n, the n-grams there are, the text of each) -> those that are known, ascending.
    """
    rows = np.repeat(np.arange(len(units.lengths)), units.lengths)
    ends = np.repeat(np.cumsum(units.lengths), units.lengths)
    at = np.arange(len(units.ids))
    before = np.zeros_like(at)
    for n in range(longest):
        inside = at + n < ends[at]
        at = at[inside]
        keys = before[inside] * units.base + units.ids[at + n]
        known = level(n, keys, rows[at])
        places = np.searchsorted(known, keys)
        found = np.append(known, -1)[places] == keys
        at, before = at[found], places[found]
        yield rows[at], before


def _learnt(units: _Units, longest: int, least: int) -> list[Numbers]:
    """The n-grams that occur in so many texts at least, for each n; see `_grams`."""
    levels: list[Numbers] = []

    def level(_: int, keys: Numbers, rows: Numbers) -> Numbers:
        # Sorted by number and, since the sort is stable, by text: where either changes it is new.
        order = np.argsort(keys, kind="stable")
        keys, rows = keys[order], rows[order]
        other = np.diff(keys, prepend=-1) != 0
        texts = np.bincount(np.cumsum(other)[other | (np.diff(rows, prepend=-1) != 0)])[1:]
        keys = keys[other][texts >= least]
        levels.append(keys[keys % units.base != units.base - 1])  # not what stands for the unknown
        return levels[-1]

    for _ in _grams(units, longest, level):
        pass
    return levels
