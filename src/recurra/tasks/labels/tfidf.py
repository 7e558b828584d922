"""Texts as sparse rows of TF-IDF: n-grams of characters or of words, counted by sorting numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.words import word_pattern

Numbers = NDArray[np.int64]

_LONGEST: Final = {"characters": 4, "words": 2}
_ENOUGH: Final = 1_000  # texts from which on an n-gram has to occur in two of them


def tfidf(known: Sequence[str], asked: Sequence[str], unit: str) -> tuple[Any, Any]:
    """The rows of known texts and of others, of the n-grams of the known: two sparse matrices.

    Of 1 to 4 characters, with a blank before and behind each text, or of words and pairs of words;
    in lower case. They are what scikit-learn's TfidfVectorizer makes with `sublinear_tf`, in a
    third of its time.

    Args:
        unit: "characters" or "words".
    """
    from sklearn.feature_extraction.text import TfidfTransformer

    cut = _characters if unit == "characters" else _words(known)
    units, least = cut(known), 2 if len(known) > _ENOUGH else 1
    levels = _learnt(units, _LONGEST[unit], least)
    if not len(levels[0]):  # each word in a text of its own
        levels = _learnt(units, _LONGEST[unit], 1)
    weights = TfidfTransformer(sublinear_tf=True)
    return (
        weights.fit_transform(_counted(units, levels)),
        weights.transform(_counted(cut(asked), levels)),
    )


@final
@dataclass(frozen=True, eq=False)
class _Units:
    """Characters or words of texts, end to end: their numbers (N,), below `base`; lengths (B,)."""

    ids: Numbers
    lengths: Numbers
    base: int


def _characters(texts: Sequence[str]) -> _Units:
    # The blanks at its ends say where a text begins and ends.
    framed = [f" {' '.join(text.lower().split())} " for text in texts]
    codes = np.frombuffer("".join(framed).encode("utf-32-le"), "<u4").astype(np.int64)
    return _Units(codes, np.fromiter(map(len, framed), np.int64, len(framed)), 0x110000)


def _words(known: Sequence[str]) -> Callable[[Sequence[str]], _Units]:
    """What cuts texts into words; those that `known` has not are all one."""
    find, number = word_pattern().findall, dict[str, int]()
    for text in known:
        for word in find(text.lower()):
            number.setdefault(word, len(number))

    def cut(texts: Sequence[str]) -> _Units:
        rows = [[number.get(word, len(number)) for word in find(text.lower())] for text in texts]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        ids = np.fromiter((each for row in rows for each in row), np.int64, int(lengths.sum()))
        return _Units(ids, lengths, len(number) + 1)

    return cut


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
        levels.append(keys[other][texts >= least])
        return levels[-1]

    for _ in _grams(units, longest, level):
        pass
    return levels


def _counted(units: _Units, levels: Sequence[Numbers]) -> Any:
    """How often each text has each n-gram: a sparse matrix (B, n-grams of all levels)."""
    from scipy import sparse

    begins = np.cumsum([0, *map(len, levels)])
    found = _grams(units, len(levels), lambda n, *_: levels[n])
    places = [(rows, at + begin) for (rows, at), begin in zip(found, begins, strict=False)]
    rows, columns = (np.concatenate(each) for each in zip(*places, strict=True))
    shape = (len(units.lengths), int(begins[-1]))
    return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape)
