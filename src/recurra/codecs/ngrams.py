"""A text as a sequence of bags: words with their n-grams, characters, subwords."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, final

import numpy as np

from recurra.codecs.bpe import Bpe
from recurra.codecs.grammar import SEQUENCES, parsed
from recurra.codecs.remembered import Remembered
from recurra.codecs.words import word_pattern
from recurra.errors import BundleError

Numbers = np.ndarray[Any, np.dtype[np.int64]]
Text = str | Sequence[str]
"""A text, or one that is cut into units already."""

LONGEST: Final = 5
"""The longest n-gram of a word, its marked ends counted."""

MOST_CHARACTERS: Final = 8
"""The longest n-gram of characters that can be asked for."""

MOST_LETTERS: Final = 40
"""Letters of a word that are looked at: what is longer is no word."""

BEGIN: Final = "\x02"
"""Comes before a text's first character in n-grams of characters."""

SHAPE: Final = "\x00"
"""Comes before a word's shape, so that it is no n-gram."""


@final
@dataclass(frozen=True, eq=False)
class Bags:
    """Texts as bags: ids (n,) of features, counts (u,) of each unit's, lengths (B,) in units.

    Units of one number in `kinds` (u,) have the same features.
    """

    ids: Numbers
    counts: Numbers
    lengths: Numbers
    kinds: Numbers

    def select(self, rows: Numbers) -> Bags:
        """The texts named by indices (K,), which may repeat."""
        lengths = self.lengths[rows]
        units = positions(self._rows_from[rows], lengths)
        counts = self.counts[units]
        features = positions(self._units_from[units], counts)
        return Bags(self.ids[features], counts, lengths, self.kinds[units])

    def distinct(self, rows: Numbers) -> tuple[Bags, Numbers]:
        """The units of texts (K,), each kind once, and which of these each unit of theirs is.

        The lengths are those of the texts.
        """
        lengths = self.lengths[rows]
        units = positions(self._rows_from[rows], lengths)
        kinds, firsts, places = np.unique(self.kinds[units], return_index=True, return_inverse=True)
        shown = units[firsts]
        counts = self.counts[shown]
        features = positions(self._units_from[shown], counts)
        return Bags(self.ids[features], counts, lengths, kinds), places

    # Kept: a training selects a few rows of many, again and again.
    @cached_property
    def _rows_from(self) -> Numbers:
        return starts(self.lengths)

    @cached_property
    def _units_from(self) -> Numbers:
        return starts(self.counts)


@final
@dataclass(frozen=True, eq=False)
class Units:
    """How a text is cut, and the features known: feature k of `features` has id k + 1, 0 is none.

    words       runs of letters and digits, other characters one by one; a word's features are
                itself, its shape, and its n-grams with its ends marked (Bojanowski et al., 2017,
                arXiv:1607.04606), all but the shape in lower case
    characters  each its own feature, or where `longest` is above 1 all n-grams of so many
                characters at most that end in it, the text's beginning marked
    subwords    those of `bpe`, each its own feature; `features` is empty
    """

    kind: str
    features: tuple[str, ...]
    bpe: Bpe | None = None
    longest: int = 1

    def __len__(self) -> int:
        """How many ids there are, 0 included."""
        return 1 + len(self.features if self.bpe is None else self.bpe.pieces)

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is without what was remembered, which cannot be pickled."""
        return Units, (self.kind, self.features, self.bpe, self.longest)

    @classmethod
    def learn(cls, texts: Sequence[Text], how: str, *, most: int = 30_000) -> Units:
        """The features of texts: those that occur at least twice, at most the `most` commonest.

        Args:
            texts: of the training part.
            how: "words", "characters", "characters:N" for their n-grams of up to N, or "bpe:N"
                for N subwords.

        Raises:
            OptionError: no such way.
            MissingExtra: subwords are asked for and tokenizers is not installed.
        """
        kind, size = parsed(how, SEQUENCES)
        if kind == "subwords":
            assert size is not None
            parts = ((text,) if isinstance(text, str) else text for text in texts)
            return cls(kind, (), Bpe.learn(itertools.chain.from_iterable(parts), size))
        longest = size or 1
        cut = (_reaching(_cut(text, kind), longest) for text in texts)
        units = Counter(itertools.chain.from_iterable(cut))
        found: Counter[str] = Counter()
        for unit, count in units.items():
            for feature in _features(unit, kind):
                found[feature] += count
        # Of equals the first in order, so that the same texts give the same features anywhere.
        ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
        known = tuple(feature for feature, count in ranked[:most] if count > 1)
        return cls(kind, known, longest=longest)

    def encode(self, texts: Sequence[Text]) -> Bags:
        """Cut texts and look their features up; a text of nothing becomes one unit of nothing."""
        bags: list[tuple[int, ...]] = []
        lengths = np.empty(len(texts), np.int64)
        for row, text in enumerate(texts):
            units = self._bags(text) or [()]
            lengths[row] = len(units)
            bags += units
        counts = np.fromiter(map(len, bags), np.int64, len(bags))
        ids = np.fromiter(itertools.chain.from_iterable(bags), np.int64, int(counts.sum()))
        # What was looked up once is one object from then on.
        known: dict[int, int] = {}
        kinds = np.fromiter(
            (known.setdefault(id(b), len(known)) for b in bags), np.int64, len(bags)
        )
        return Bags(ids, counts, lengths, kinds)

    def knows(self, unit: str) -> bool:
        """Whether a unit is known as a whole; of subwords all are."""
        return self.bpe is not None or _features(unit, self.kind)[0] in self._ids

    def cut(self, text: Text) -> list[str]:
        """The units of a text, as they stand in it."""
        if self.bpe is not None and isinstance(text, str):
            return self.bpe.cut(text)
        return _cut(text, self.kind)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` makes it from."""
        if self.bpe is not None:
            return self.bpe.to_json()
        return {"kind": self.kind, "features": list(self.features), "longest": self.longest}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Units:
        """The units that `to_json` wrote.

        Raises:
            BundleError: these are none.
        """
        kind, features, longest = (value.get(k) for k in ("kind", "features", "longest"))
        if kind == "subwords":
            return cls(kind, (), Bpe.from_json(value))
        if (
            kind not in ("words", "characters")
            or not (isinstance(features, list) and all(isinstance(each, str) for each in features))
            or not (type(longest) is int and 1 <= longest <= MOST_CHARACTERS)
        ):
            raise BundleError("the vocabulary is damaged", expected='a "kind" and its "features"')
        return cls(kind, tuple(features), longest=longest)

    def _bags(self, text: Text) -> list[tuple[int, ...]]:
        """The ids of each unit's features."""
        find = self._remembered.__getitem__
        if self.bpe is None:
            return list(map(find, _reaching(_cut(text, self.kind), self.longest)))
        if not isinstance(text, str):
            return list(map(find, text))
        single = self._singles
        return [single[k] for k in self.bpe.encode(text)]

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {feature: k for k, feature in enumerate(self.features, 1)}

    @cached_property
    def _remembered(self) -> Remembered[str | tuple[str, ...], tuple[int, ...]]:
        return Remembered(self._looked_up)

    def _looked_up(self, unit: str | tuple[str, ...]) -> tuple[int, ...]:
        if self.bpe is not None:
            # A token's subwords are to it what n-grams are to a word.
            return tuple((self.bpe.encode("".join(unit)) + 1).tolist())
        get = self._ids.get
        return tuple([k for k in map(get, _features(unit, self.kind)) if k])

    @cached_property
    def _singles(self) -> list[tuple[int, ...]]:
        return [(k,) for k in range(1, len(self))]


def _cut(text: Text, kind: str) -> list[str]:
    if not isinstance(text, str):
        return list(text)
    return list(text) if kind == "characters" else word_pattern().findall(text)


def _reaching(units: list[str], longest: int) -> Sequence[str | tuple[str, ...]]:
    """Each unit after those that its n-grams reach back to; alone where it has none."""
    if longest == 1:
        return units
    marked = (BEGIN, *units)
    return [marked[max(0, end - longest) : end] for end in range(2, len(marked) + 1)]


def _features(unit: str | tuple[str, ...], kind: str) -> list[str]:
    if isinstance(unit, tuple):
        return ["".join(unit[start:]) for start in range(len(unit))]
    if kind != "words":
        return [unit]
    if not unit:
        return []
    marked = f"<{unit.lower()[:MOST_LETTERS]}>"
    shape = SHAPE + "".join(kind for kind, _ in itertools.groupby(map(_shape, unit[:MOST_LETTERS])))
    return [marked, shape] + [
        marked[start : start + n]
        for n in range(1, min(LONGEST, len(marked) - 1) + 1)
        for start in range(len(marked) - n + 1)
        if n > 1 or 0 < start < len(marked) - 1
    ]


def _shape(letter: str) -> str:
    if letter.isalpha():
        return "A" if letter.isupper() else "a"
    return "0" if letter.isdigit() else letter


def starts(counts: Numbers) -> Numbers:
    """Where each row begins among the units or steps of all, given how many each has."""
    return np.cumsum(counts) - counts


def positions(begin: Numbers, counts: Numbers) -> Numbers:
    """For each row so many numbers from where it begins, one after another."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(begin - ends + counts, counts)
