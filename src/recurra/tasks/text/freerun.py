"""Figures of text that a model wrote by itself, beside the text it learnt from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final, final
from unicodedata import category

import numpy as np

from recurra.data.passages import Hashes, likely, powers, prefixes, windows
from recurra.errors import DataError

_BLOCK: Final = 1 << 20  # characters of known text that are looked through at a time


@final
@dataclass(frozen=True)
class Passage:
    """A stretch of written text that the known text holds too, and where each has it."""

    text: str
    written_at: int
    known_at: int


@final
@dataclass(frozen=True)
class FreeRun:
    """What a written text is like.

    `known_words` is the share of its words that occur in the known text, of `words` words in all;
    `distinct_pairs` the share of its pairs of neighbouring words that are different ones (a text
    that goes round in circles has few); both are 0 where there are none. `copied` is the longest
    passage out of the known text. Scripts that put no space between words have few words.
    """

    characters: int
    words: int
    known_words: float
    distinct_pairs: float
    copied: Passage


def measure(written: Sequence[str], known: str) -> list[FreeRun]:
    """The figures of each of the `written` texts beside `known`, the training text.

    Raises:
        DataError: a written text is empty.
    """
    vocabulary = set(words(known))
    return [_measured(text, known, vocabulary) for text in written]


def _measured(text: str, known: str, vocabulary: set[str]) -> FreeRun:
    if not text:
        raise DataError("the written text is empty", expected="at least one character")
    own = list(inner_words(text))
    pairs = list(pairwise(own))
    return FreeRun(
        characters=len(text),
        words=len(own),
        known_words=sum(word in vocabulary for word in own) / max(len(own), 1),
        distinct_pairs=len(set(pairs)) / max(len(pairs), 1),
        copied=longest_copied(text, known),
    )


def words(text: str) -> Iterator[str]:
    """The words of `text`, whatever their case."""
    return (match.group().casefold() for match in _word().finditer(text))


def inner_words(text: str) -> Iterator[str]:
    """The words of `text` but those at its very ends, which may be halves of words."""
    return (
        match.group().casefold()
        for match in _word().finditer(text)
        if match.start() > 0 and match.end() < len(text)
    )


@cache
def _word() -> re.Pattern[str]:
    """Letters and their marks, with apostrophes inside."""
    # Python's letters lack the marks that many scripts write vowels with.
    marks = "".join(
        chr(code) for code in range(0x300, 0x10000) if category(chr(code)) in ("Mn", "Mc")
    )
    letter = rf"(?:[^\W\d_]|[{marks}])"
    return re.compile(rf"{letter}+(?:['’]{letter}+)*")


def longest_copied(written: str, known: str) -> Passage:
    """The longest passage of `written` that occurs in `known`; of equals, the first in `known`.

    The known text is gone through in blocks, each of which is asked one question: is there a
    match longer than the longest so far? Windows are compared by polynomial hashes modulo 2**64
    (Karp & Rabin 1987), and matches then letter by letter: the answer is exact.
    """
    best = Passage("", 0, 0)
    step = max(_BLOCK, len(written))
    up, down = powers(step + len(written))
    own = prefixes(written, up)
    for start in range(0, len(known), step):
        # A match may begin in this block and end in the next.
        block = known[start : start + step + len(written)]
        sums = prefixes(block, up)
        limit = min(len(written), len(block))
        found, failing, stride = len(best.text), limit + 1, 1
        while failing - found > 1:
            length = min(found + stride, failing - 1)
            match = _match(written, block, length, own, sums, down)
            if match is None:
                failing = length
            else:
                found = length
                best = Passage(written[match[0] : match[0] + length], match[0], start + match[1])
            # Ever longer steps up to the first failure, then halve the distance.
            stride = 2 * stride if failing > limit else (failing - found) // 2
    return best


def _match(
    written: str, block: str, length: int, own: Hashes, sums: Hashes, inverses: Hashes
) -> tuple[int, int] | None:
    """Where `written` and where `block` first hold a passage of this length that both hold."""
    ours, theirs = (windows(sums, length, inverses) for sums in (own, sums))
    candidates = likely(theirs, ours)
    order = np.argsort(ours, kind="stable")
    ours = ours[order]
    first = np.searchsorted(ours, theirs[candidates], "left")
    last = np.searchsorted(ours, theirs[candidates], "right")
    for hit in np.flatnonzero(first < last):
        at = int(candidates[hit])
        for place in order[first[hit] : last[hit]]:
            if written.startswith(block[at : at + length], int(place)):
                return int(place), at
    return None
