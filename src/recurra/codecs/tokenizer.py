"""What a text model reads one at a time: characters, bytes, subwords or words."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol, final

import numpy as np
import numpy.typing as npt

from recurra.codecs.characters import UNKNOWN, UNKNOWN_DRAWN, Vocabulary
from recurra.codecs.ngrams import Numbers, positions
from recurra.codecs.subwords import BEGIN, END, LEAST_SUBWORDS, RESERVED, Pieces
from recurra.errors import BundleError, DataError, OptionError

Ids = npt.NDArray[np.int32]

MOST_WORDS: Final = 30_000
"""How many words are known at most where nobody says."""

LOST_BYTE: Final = float(np.log(256))
"""Nats that a byte costs which nothing is known of."""

_MOST: Final = 1_000_000
_WORDS: Final = re.compile(r" ?\S+|\n|[^\S\n]+(?!\S)|[^\S\n]+")
_REMEMBERED: Final = 500_000  # words whose subwords are kept: some hundred MB at most
_BLOCK: Final = 1 << 20  # characters cut at a time, so that memory stays near the result's


class Tokens(Protocol):
    """The tokens of a text model; the id 0 is in every vocabulary, and no text is made of it alone.

    Encoding the parts of a text and the text itself may differ where the parts meet; decoding
    gives each of them back, but for what is unknown.
    """

    @property
    def unit(self) -> str:
        """What they are, in the plural: "characters", "bytes", "subwords" or "words"."""

    @property
    def lost(self) -> int:
        """The id of what is not known."""

    @property
    def silent(self) -> tuple[int, ...]:
        """The ids that a model never writes."""

    @property
    def written(self) -> Sequence[bytes]:
        """The bytes of UTF-8 that each id writes."""

    def __len__(self) -> int:
        """V, all ids."""

    def encode(self, text: str) -> Ids:
        """The ids (T,) of a text as it stands."""

    def decode(self, ids: npt.ArrayLike) -> str:
        """The text of ids (T,); what is unknown, or is no whole character, is drawn as U+FFFD."""

    def shown(self, ids: npt.ArrayLike) -> list[str]:
        """What each of the ids (T,) stands for; bytes that are no whole characters as hex."""

    def unknown(self, text: str) -> dict[str, int]:
        """How often each token that is not known occurs, the most frequent first."""

    def widths(self, text: str) -> npt.NDArray[np.int64]:
        """The bytes of UTF-8 (T,) that each token of a text takes up."""

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""


def parsed(how: str) -> tuple[str, int | None]:
    """The kind that `--tokens` asks for, and how many of them.

    Raises:
        OptionError: no such kind, or no such number.
    """
    kind, colon, size = how.partition(":")
    if how in ("characters", "bytes"):
        return how, None
    if how == "words":
        return how, MOST_WORDS
    number = int(size) if size.isascii() and size.isdecimal() and len(size) < 9 else 0
    if colon and kind == "words" and 1 <= number <= _MOST:
        return kind, number
    if colon and kind == "bpe" and LEAST_SUBWORDS <= number <= _MOST:
        return "subwords", number
    raise OptionError(
        f"--tokens {how}",
        expected=f"characters, bytes, bpe:N for N subwords, N from {LEAST_SUBWORDS} to "
        f"{_MOST:,}, words, or words:N for the N commonest",
    )


def learn(texts: Iterable[str], how: str, name: str) -> Tokens:
    """The tokens of a training part.

    Args:
        texts: the part, some of it at a time; all of it for characters, of the others as much as
            is to be learnt from.
        how: as `--tokens` says.
        name: what the text is called in messages.

    Raises:
        OptionError: no such tokens.
        DataError: the text allows fewer subwords, or no word comes twice.
        MissingExtra: subwords are asked for and tokenizers is not installed.
    """
    kind, size = parsed(how)
    if kind == "characters":
        return Vocabulary.from_blocks(texts)
    if kind == "bytes":
        return Bytes()
    lines, named = blocks(texts, 1 << 16), f"the lines of {name}"
    if size is None or kind == "subwords":
        return PieceTokens(Pieces.learn(lines, how, name=named, flowing=True))
    return PieceTokens(Pieces.learn(lines, kind, most=size + RESERVED, name=named, flowing=True))


def from_json(value: object) -> Tokens:
    """The tokens that `to_json` wrote, of whichever kind.

    Raises:
        BundleError: `value` is something else, or was damaged.
        MissingExtra: they are subwords and tokenizers is not installed.
    """
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind == "bytes":
        return Bytes()
    if kind in ("subwords", "words"):
        pieces = Pieces.from_json(value)
        if not pieces.flowing:
            raise BundleError(
                "the vocabulary is one of single texts", expected='"flowing": true, one long text'
            )
        return PieceTokens(pieces)
    return Vocabulary.from_json(value)


def blocks(texts: Iterable[str], size: int = _BLOCK) -> Iterator[str]:
    """A text in blocks of so many characters at most, cut where a line ends if there is a place.

    Between two lines that begin and end with no blank, where cutting changes no piece. Where it is
    cut does not depend on how the text comes.
    """
    held = ""
    for text in texts:
        held, start = held + text, 0
        while len(held) - start > size:
            at = held.rfind("\n", start + 1, start + size)
            while at > 0 and (held[at - 1].isspace() or held[at + 1].isspace()):
                at = held.rfind("\n", start + 1, at)
            end = start + size if at < 0 else at + 1
            yield held[start:end]
            start = end
        held = held[start:]
    if held:
        yield held


@final
class Writer:
    """Bytes out of a stream of ids, handed on as soon as they are whole characters.

    What can be no part of a character comes out as U+FFFD; the beginning of one is held back.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._written = tokens.written
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, token: int) -> str:
        """The text that this token completes; none where a character is not yet whole."""
        return self._decoder.decode(self._written[token])


@final
@dataclass(frozen=True)
class Bytes:
    """The bytes of UTF-8: the byte b has the id b + 1, and nothing is unknown."""

    unit = "bytes"
    lost = UNKNOWN
    silent = (UNKNOWN,)

    @cached_property
    def written(self) -> Sequence[bytes]:
        """The byte of each id."""
        return [UNKNOWN_DRAWN.encode(), *(bytes([byte]) for byte in range(256))]

    def __len__(self) -> int:
        """The 256 bytes, and the id 0, which is none of them."""
        return 257

    def encode(self, text: str) -> Ids:
        """Ids (T,) of the bytes of a text.

        Raises:
            DataError: it holds half a character (a surrogate alone).
        """
        try:
            data = text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise DataError(
                "the text holds half a character (a surrogate alone)", expected="text"
            ) from error
        return np.frombuffer(data, np.uint8).astype(np.int32) + 1

    def decode(self, ids: npt.ArrayLike) -> str:
        """The text of ids (T,)."""
        return _text(self.written, ids)

    def shown(self, ids: npt.ArrayLike) -> list[str]:
        """ASCII as it is, other bytes as hex."""
        return [
            chr(k - 1) if 0 < k <= 128 else f"<{k - 1:02X}>" if k else UNKNOWN_DRAWN
            for k in _checked(ids, len(self))
        ]

    def unknown(self, text: str) -> dict[str, int]:
        """None."""
        del text
        return {}

    def widths(self, text: str) -> npt.NDArray[np.int64]:
        """Ones (T,)."""
        return np.ones(len(self.encode(text)), np.int64)

    def to_json(self) -> dict[str, Any]:
        """The kind alone."""
        return {"kind": "bytes"}


@final
@dataclass(frozen=True)
class PieceTokens:
    """Subwords, or words with the unknown one among them, of one long text.

    The unknown word has the id 1, which is read, learnt and predicted like any other word's. The
    ids 0 and 2 are in no text.
    """

    pieces: Pieces

    silent = (UNKNOWN, BEGIN, END)

    @property
    def unit(self) -> str:
        """ "subwords" or "words"."""
        return self.pieces.kind

    @property
    def lost(self) -> int:
        """The unknown word's id."""
        return BEGIN if self.pieces.kind == "words" else UNKNOWN

    @cached_property
    def written(self) -> Sequence[bytes]:
        """What each id writes; the unknown word, U+FFFD."""
        return [UNKNOWN_DRAWN.encode()] * 2 + [b"", *self.pieces.written[END + 1 :]]

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, text: str) -> Ids:
        """Ids (T,) of the pieces of a text as it stands.

        Raises:
            DataError: it holds half a character (a surrogate alone).
        """
        find = self._words if self.pieces.kind == "words" else self._subwords
        parts = [find(block) for block in blocks([text])]
        return np.concatenate([np.empty(0, np.int32), *parts])

    def decode(self, ids: npt.ArrayLike) -> str:
        """The text of ids (T,)."""
        return _text(self.written, ids)

    def shown(self, ids: npt.ArrayLike) -> list[str]:
        """Each piece with its blank."""
        plain = [UNKNOWN if k == BEGIN else k for k in _checked(ids, len(self))]
        return self.pieces.shown(plain)

    def unknown(self, text: str) -> dict[str, int]:
        """Words that are not known; no subword."""
        if self.pieces.kind == "subwords":
            return {}
        known, counts = set(self.pieces.known), Counter[str]()
        for block in blocks([text]):
            counts.update(piece for piece in self.pieces.cut(block) if piece not in known)
        return dict(counts.most_common())

    def widths(self, text: str) -> npt.NDArray[np.int64]:
        """Bytes (T,) of the pieces as they stand in a text, known or not."""
        ids = self.encode(text)
        found: npt.NDArray[np.int64] = self._sizes[ids]
        lost = np.flatnonzero(ids == self.lost)
        if len(lost):
            cut = [piece for block in blocks([text]) for piece in self.pieces.cut(block)]
            found[lost] = [len(cut[place].encode()) for place in lost]
        return found

    def to_json(self) -> dict[str, Any]:
        """The pieces."""
        return self.pieces.to_json()

    def _words(self, text: str) -> Ids:
        ids, lost = self._known, self.lost
        return np.array([ids.get(piece, lost) for piece in self.pieces.cut(text)], np.int32)

    def _subwords(self, text: str) -> Ids:
        # No subword goes across a blank: each word between two of them is cut once, the first time.
        words, seen = _WORDS.findall(text), self._seen
        new = [word for word in set(words) if word not in seen.numbers]
        if len(seen.numbers) + len(new) > _REMEMBERED:
            seen.clear()
            new = list(set(words))
        seen.add(new, self.pieces.encode(new))
        return seen.ids(words)

    @cached_property
    def _known(self) -> dict[str, int]:
        return {piece: k for k, piece in enumerate(self.pieces.known, RESERVED)}

    @cached_property
    def _seen(self) -> _Remembered:
        return _Remembered()

    @cached_property
    def _sizes(self) -> npt.NDArray[np.int64]:
        return np.array([len(each) for each in self.written], np.int64)


@final
class _Remembered:
    """The ids of words, one after the other, and where those of each begin."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.numbers: dict[str, int] = {}
        self._ids = np.empty(0, np.int32)
        self._ends = np.zeros(1, np.int64)  # one more than there are words

    def add(self, words: Sequence[str], rows: Sequence[Numbers]) -> None:
        self.numbers.update(zip(words, range(len(self.numbers), 10**9), strict=False))
        self._ids = np.concatenate([self._ids, *rows]).astype(np.int32)
        ends = self._ends[-1] + np.cumsum([len(row) for row in rows], dtype=np.int64)
        self._ends = np.concatenate([self._ends, ends])

    def ids(self, words: Sequence[str]) -> Ids:
        which = np.fromiter(map(self.numbers.__getitem__, words), np.int64, len(words))
        begins = self._ends[which]
        found: Ids = self._ids[positions(begins, self._ends[which + 1] - begins)]
        return found


def _text(written: Sequence[bytes], ids: npt.ArrayLike) -> str:
    data = b"".join(written[k] for k in _checked(ids, len(written)))
    return data.decode("utf-8", "replace")


def _checked(ids: npt.ArrayLike, size: int) -> list[int]:
    array = np.asarray(ids)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise DataError(f"ids of type {array.dtype}", expected="a row of whole numbers")
    found: list[int] = array.ravel().tolist()
    wrong = next((k for k in found if not 0 <= k < size), None)
    if wrong is not None:
        raise DataError(
            f"id {wrong} is not in the vocabulary", expected=f"ids from 0 to {size - 1:,}"
        )
    return found
