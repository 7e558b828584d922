"""A text as a sequence of units: words with their n-grams, characters, subwords."""

from __future__ import annotations

import importlib
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final, final

import numpy as np

from recurra.errors import BundleError, MissingExtra, OptionError

Numbers = np.ndarray[Any, np.dtype[np.int64]]
Text = str | Sequence[str]
"""A text, or one that is cut into units already."""

_MARKS: Final = "".join(
    chr(code) for code in range(0x300, 0xFE30) if unicodedata.category(chr(code))[0] == "M"
)
"""Vowel signs and accents: they go on with a word that has begun, though not to `re`."""

WORD: Final = re.compile(rf"\w[\w{_MARKS}]*|[^\w\s]")
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

_REMEMBERED: Final = 500_000


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
    subwords    byte-pair encoding, each its own feature; `tokenizer` is the JSON of tokenizers
    """

    kind: str
    features: tuple[str, ...]
    tokenizer: str | None = None
    longest: int = 1

    def __len__(self) -> int:
        """How many ids there are, 0 included."""
        return len(self.features) + 1

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
        kind, _, size = how.partition(":")
        if kind == "bpe" and size.isdecimal() and 300 <= int(size) <= 1_000_000:
            return cls(*_learn_subwords(texts, int(size)))
        longest = 1
        if kind == "characters" and size.isdecimal() and 1 <= int(size) <= MOST_CHARACTERS:
            longest, size = int(size), ""
        if size or kind not in ("words", "characters"):
            raise OptionError(
                f"--tokens {how}",
                expected="words, characters, characters:N for their n-grams, "
                f"1 <= N <= {MOST_CHARACTERS}, or bpe:N for N subwords, N >= 300",
            )
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
            units = self.cut(text) or [""]
            lengths[row] = len(units)
            if self.kind == "subwords" and not isinstance(text, str):
                bags += map(self._whole, units)
            else:
                bags += map(self._bag, _reaching(units, self.longest))
        counts = np.fromiter(map(len, bags), np.int64, len(bags))
        ids = np.fromiter(itertools.chain.from_iterable(bags), np.int64, int(counts.sum()))
        # What was looked up once is one object from then on.
        known: dict[int, int] = {}
        kinds = np.fromiter(
            (known.setdefault(id(b), len(known)) for b in bags), np.int64, len(bags)
        )
        return Bags(ids, counts, lengths, kinds)

    def cut(self, text: Text) -> list[str]:
        """The units of a text, as they stand in it."""
        if self.kind != "subwords":
            return _cut(text, self.kind)
        if not isinstance(text, str):
            return list(text)
        pieces: list[str] = self._encoder.encode(text).tokens
        return pieces

    def to_json(self) -> dict[str, Any]:
        """What `from_json` makes it from."""
        return {
            "kind": self.kind,
            "features": list(self.features),
            "tokenizer": self.tokenizer,
            "longest": self.longest,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Units:
        """The units that `to_json` wrote.

        Raises:
            BundleError: these are none.
        """
        kind, features, tokenizer = (value.get(k) for k in ("kind", "features", "tokenizer"))
        longest = value.get("longest", 1)  # runs of before there were n-grams have none
        if (
            kind not in ("words", "characters", "subwords")
            or not (isinstance(features, list) and all(isinstance(each, str) for each in features))
            or not isinstance(tokenizer, str if kind == "subwords" else type(None))
            or not (type(longest) is int and 1 <= longest <= MOST_CHARACTERS)
        ):
            raise BundleError("the vocabulary is damaged", expected='a "kind" and its "features"')
        return cls(kind, tuple(features), tokenizer, longest)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {feature: k for k, feature in enumerate(self.features, 1)}

    @cached_property
    def _bag(self) -> Callable[[str | tuple[str, ...]], tuple[int, ...]]:
        """The ids of a unit's features, remembered: most units come again."""
        get, kind = self._ids.get, self.kind
        return lru_cache(_REMEMBERED)(
            lambda unit: tuple(k for k in map(get, _features(unit, kind)) if k)
        )

    @cached_property
    def _whole(self) -> Callable[[str], tuple[int, ...]]:
        """The ids of a token's subwords, which are to it what n-grams are to a word."""
        get = self._ids.get
        return lru_cache(_REMEMBERED)(
            lambda token: tuple(k for k in map(get, self.cut(token)) if k)
        )

    @cached_property
    def _encoder(self) -> Any:
        assert self.tokenizer is not None
        try:
            return _tokenizers().Tokenizer.from_str(self.tokenizer)
        except Exception as error:  # tokenizers raises nothing more special
            raise BundleError(f"the tokenizer is damaged: {error}") from error


def normal(text: str) -> str:
    """A text in Unicode's composed form (NFC), in which equal letters are equal characters."""
    return unicodedata.normalize("NFC", text)


def _cut(text: Text, kind: str) -> list[str]:
    if not isinstance(text, str):
        return list(text)
    return list(text) if kind == "characters" else WORD.findall(text)


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


def _learn_subwords(texts: Iterable[Text], size: int) -> tuple[str, tuple[str, ...], str]:
    library = _tokenizers()
    made = library.Tokenizer(library.models.BPE())
    made.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = library.trainers.BpeTrainer(
        vocab_size=size,
        initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    pieces = ((text,) if isinstance(text, str) else text for text in texts)
    made.train_from_iterator(itertools.chain.from_iterable(pieces), trainer)
    ranked = sorted(made.get_vocab().items(), key=lambda pair: pair[1])
    return "subwords", tuple(piece for piece, _ in ranked), made.to_str()


def _tokenizers() -> Any:
    try:
        return importlib.import_module("tokenizers")
    except ImportError as error:
        raise MissingExtra(
            "tokenizers is not installed", fix='pip install "recurra[labels]"'
        ) from error


def starts(counts: Numbers) -> Numbers:
    """Where each row begins among the units or steps of all, given how many each has."""
    return np.cumsum(counts) - counts


def positions(begin: Numbers, counts: Numbers) -> Numbers:
    """For each row so many numbers from where it begins, one after another."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(begin - ends + counts, counts)
