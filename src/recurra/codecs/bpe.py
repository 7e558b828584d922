"""Subwords: byte-pair encoding of bytes, in which every text can be written."""

from __future__ import annotations

import contextlib
import importlib
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heappop, heappush
from itertools import chain, islice, pairwise
from typing import Any, Final, Self, final

import numpy as np
import numpy.typing as npt

from recurra.codecs.remembered import Remembered
from recurra.codecs.utf8 import readable
from recurra.errors import BundleError, MissingExtra

Merge = tuple[int, int]

LONGEST: Final = 256
"""Bytes of a piece: what is longer is a ruled line, or a file that was made to fill the memory."""

_AT_ONCE: Final = 4096  # words given to the trainer together

# The ids 0 to 255 are the bytes in the order of the letters that GPT-2 spells them with: those that
# can be printed stand for themselves, the others follow.
_PRINTED: Final = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_BYTES: Final = bytes([*_PRINTED, *(byte for byte in range(256) if byte not in _PRINTED)])
_LETTERS: Final = "".join(map(chr, (*_PRINTED, *range(256, 512 - len(_PRINTED)))))
_IDS: Final = bytes(_BYTES.index(byte) for byte in range(256))


@final
@dataclass(frozen=True)
class Bpe:
    """The merges of byte-pair encoding (Sennrich et al., 2016, arXiv:1508.07909), the first first.

    The ids below 256 are bytes. Each merge makes one piece of two, whose id is the next one; or
    where their bytes are a piece already, that one's.

    Args:
        merges: pairs of ids that are known by then.
        lines: whether a line end is a piece by itself, so that lines can be cut apart.
    """

    merges: tuple[Merge, ...]
    lines: bool = False

    unit = "subwords"

    @classmethod
    def learn(cls, texts: Iterable[str], size: int, *, lines: bool = False) -> Self:
        """The subwords of texts: `size` of them, or fewer where no more come twice.

        Raises:
            MissingExtra: tokenizers is not installed.
        """
        library = _tokenizers()
        made = library.Tokenizer(library.models.BPE())
        # The trainer is given words, so that what a word is, is said in one place.
        made.pre_tokenizer = library.pre_tokenizers.ByteLevel(
            add_prefix_space=False, use_regex=False
        )
        trainer = library.trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=2,
            max_token_length=LONGEST,
            initial_alphabet=list(_LETTERS),
            show_progress=False,
        )
        blanks = _spaced(lines)
        words = (cut for text in texts for word in blanks.findall(text) for cut in _words(word))
        made.train_from_iterator(iter(lambda: list(islice(words, _AT_ONCE)), []), trainer)
        return cls(merges_of(made.to_str()), lines)

    @cached_property
    def pieces(self) -> Sequence[bytes]:
        """The bytes of each piece."""
        return _made(self.merges)[0]

    def encode(self, text: str) -> npt.NDArray[np.int32]:
        """Ids (T,) of the subwords of a text."""
        # No piece goes across a blank: each word between two of them is cut up once.
        words = _spaced(self.lines).findall(text)
        found = chain.from_iterable(map(self._remembered.__getitem__, words))
        return np.fromiter(found, np.int32)

    def cut(self, text: str) -> list[str]:
        """The subwords of a text as `readable` shows them."""
        pieces = self.pieces
        return [readable(pieces[k]) for k in self.encode(text)]

    def to_json(self) -> dict[str, Any]:
        """The merges."""
        return {"kind": self.unit, "merges": [list(pair) for pair in self.merges]}

    @classmethod
    def from_json(cls, value: dict[str, Any], *, lines: bool = False) -> Self:
        """What `to_json` wrote.

        Raises:
            BundleError: these are no merges, one is of a piece that is not known by then, or makes
                one that is too long.
        """
        given = value.get("merges")
        if isinstance(given, list) and all(
            isinstance(pair, list) and len(pair) == 2 and all(type(k) is int for k in pair)
            for pair in given
        ):
            merges = tuple((one, other) for one, other in given)
            with contextlib.suppress(IndexError, ValueError):
                _made(merges)
                return cls(merges, lines)
        raise BundleError(
            "the vocabulary of subwords is damaged",
            expected='"merges": pairs of ids, each below the number of pieces until then',
            fix="restore the run from a copy, or train again",
        )

    # -- how a word is cut up ----------------------------------------------------------------------

    @cached_property
    def _remembered(self) -> Remembered[str, tuple[int, ...]]:
        return Remembered(self._cut)

    @cached_property
    def _ranks(self) -> dict[Merge, tuple[int, int]]:
        """Of each pair its place among the merges, and what it becomes."""
        made = _made(self.merges)[1]
        return {pair: (rank, made[rank]) for rank, pair in enumerate(self.merges)}

    def _cut(self, word: str) -> tuple[int, ...]:
        return tuple([k for part in _words(word) for k in self._merged(part)])

    def _merged(self, word: str) -> list[int]:
        """The ids of a word: of the pairs in it the earliest merge first, from left to right."""
        ids, ranks = list(word.encode().translate(_IDS)), self._ranks
        count = len(ids)
        # A heap, and which piece stands before and after each: words may be megabytes long.
        before, after = list(range(-1, count - 1)), list(range(1, count + 1))
        heap = [
            (*found, place)
            for place, pair in enumerate(pairwise(ids))
            if (found := ranks.get(pair))
        ]
        heapify(heap)
        while heap:
            _, made, place = heappop(heap)
            other = after[place]
            # The pair may be gone, or another one by now.
            if ids[place] < 0 or other >= count:
                continue
            if ranks.get((ids[place], ids[other]), _NONE)[1] != made:
                continue
            ids[place], ids[other] = made, -1
            following, preceding = after[other], before[place]
            after[place] = following
            if following < count:
                before[following] = place
                if found := ranks.get((made, ids[following])):
                    heappush(heap, (*found, place))
            if preceding >= 0 and (found := ranks.get((ids[preceding], made))):
                heappush(heap, (*found, preceding))
        return [k for k in ids if k >= 0]


_NONE: Final = (-1, -1)


def merges_of(tokenizer: str) -> tuple[Merge, ...]:
    """The merges in the JSON of a tokenizer that the library trained."""
    model = json.loads(tokenizer)["model"]
    ids = model["vocab"]
    pairs = (each.split(" ") if isinstance(each, str) else each for each in model["merges"])
    merges = tuple((ids[one], ids[other]) for one, other in pairs)
    assert [ids[letter] for letter in _LETTERS] == list(range(256))
    assert len(_made(merges)[0]) == len(ids)
    return merges


def _made(merges: Iterable[Merge]) -> tuple[list[bytes], list[int]]:
    """The pieces that merges make, the bytes before them, and which one each makes.

    Raises:
        IndexError: one is of a piece that is not known by then.
        ValueError: one is too long.
    """
    pieces = [bytes([byte]) for byte in _BYTES]
    known, made = {piece: k for k, piece in enumerate(pieces)}, []
    for one, other in merges:
        if min(one, other) < 0:
            raise IndexError
        piece = pieces[one] + pieces[other]
        if len(piece) > LONGEST:
            raise ValueError
        if piece not in known:
            known[piece] = len(pieces)
            pieces.append(piece)
        made.append(known[piece])
    return pieces, made


def _tokenizers() -> Any:
    try:
        return importlib.import_module("tokenizers")
    except ImportError as error:
        raise MissingExtra(
            "subwords are learnt by tokenizers, which is not installed",
            fix="pip install tokenizers, or --tokens words",
        ) from error


# -- what a word is --------------------------------------------------------------------------------
#
# No piece goes across these: a word with its vowel signs, three digits at most, a run of marks,
# blanks but for the one that belongs to what follows. After GPT-2's (Radford et al., 2019), as a
# regular expression of Unicode's categories:
#
#   '(?:[sdmt]|ll|ve|re)\b| ?[\p{L}\p{M}]+| ?\p{N}{1,3}| ?[^\s\p{L}\p{M}\p{N}]+|\s+(?!\S)|\s+
#
# `re` knows no categories: characters beyond ASCII are replaced by one of their kind first. Those
# that a later Unicode than Python's assigns are marks here; a text with them is cut otherwise by a
# later Python, and comes back from either.

_SPACES: Final = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
r"""White space to Unicode; `\s` matches four control characters more."""

_RUNS: Final = re.compile(rf" ?[^{_SPACES}]+|[{_SPACES}]+(?![^{_SPACES}])|[{_SPACES}]+")
_LINES: Final = re.compile(
    rf" ?[^{_SPACES}]+|\n|(?:(?!\n)[{_SPACES}])+(?![^{_SPACES}])|(?:(?!\n)[{_SPACES}])+"
)
_WORDS: Final = re.compile(
    rf"'(?:[sdmt]|ll|ve|re)(?![A-Za-z0-9_])| ?[A-Za-z]+| ?[0-9²]{{1,3}}"
    rf"| ?[^{_SPACES}A-Za-z0-9²]+|[{_SPACES}]+"
)


# Where a word ends after 's, `\b` of the library takes these for letters; and of the numbers that
# are no digits, those of Latin-1.
_CIRCLED: Final = re.compile("[Ⓐ-ⓩ\U0001f130-\U0001f149\U0001f150-\U0001f169\U0001f170-\U0001f189]")


def _spaced(lines: bool) -> re.Pattern[str]:
    """Words with the blank before them, and other blanks: in each of them are whole pieces."""
    return _LINES if lines else _RUNS


def _words(text: str) -> list[str]:
    """The words of a stretch that `_spaced` found."""
    if text.isascii():
        return _WORDS.findall(text)
    found, at = [], 0
    for like in _WORDS.findall("".join(map(_ALIKE.__getitem__, text))):
        found.append(text[at : at + len(like)])
        at += len(like)
    return found


def _alike(character: str) -> str:
    """A character that `_WORDS` takes as it should take this one."""
    if character.isascii():
        return character
    category = unicodedata.category(character)
    if category[0] in "LM":
        return "A"
    if category[0] == "N":
        return "²" if category == "No" and character > "\xff" else "0"
    if category == "Pc" or _CIRCLED.match(character):
        return "_"
    return character if category[0] == "Z" or character == "\x85" else "."


_ALIKE: Final = Remembered(_alike)
