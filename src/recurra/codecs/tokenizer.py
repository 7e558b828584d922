"""Texts <-> ids: characters, bytes, subwords or words, so that what is known comes back whole."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Final, Protocol, final

import numpy as np
import numpy.typing as npt

from recurra.codecs.characters import Characters
from recurra.codecs.grammar import LEAST_SUBWORDS, MANY_TEXTS, ONE_TEXT, parsed
from recurra.codecs.utf8 import Bytes, readable
from recurra.codecs.words import Words, normal
from recurra.errors import BundleError, DataError

Ids = npt.NDArray[np.int32]

UNKNOWN: Final = 0
BEGIN: Final = 1
END: Final = 2
RESERVED: Final = 3
"""Ids that no text can contain: a text that reads "<s>" is cut like any other."""

UNKNOWN_DRAWN: Final = "\ufffd"
"""How what is unknown is drawn. A text that holds U+FFFD itself has its own id for it."""

MOST_SUBWORDS: Final = 8192
MOST_WORDS: Final = 30_000
"""How many are known at most where nobody says."""

LOST_BYTE: Final = float(np.log(256))
"""Nats that a byte costs which nothing is known of."""

_BLOCK: Final = 1 << 20  # characters cut at a time, so that memory stays near the result's


class Model(Protocol):
    """Pieces, and how a text is cut into them."""

    @property
    def unit(self) -> str:
        """What they are, in the plural: "characters", "bytes", "subwords" or "words"."""

    @property
    def pieces(self) -> Sequence[bytes]:
        """The bytes of UTF-8 of each piece that is known."""

    def encode(self, text: str) -> Ids:
        """The pieces (T,) of a text, counted from 0; -1 where one is not known."""

    def cut(self, text: str) -> list[str]:
        """The pieces of a text as they stand in it, known or not."""

    def to_json(self) -> dict[str, Any]:
        """Its "kind", which is the unit, and what `from_json` makes it from."""


@final
@dataclass(frozen=True)
class Tokenizer:
    """Texts as ids and back; the first ids are reserved, and no text is made of them alone.

        >>> tokenizer = learn(["to be or not to be"], "words", flowing=False)
        >>> tokenizer.decode(tokenizer.encode("to be"))
        'to be'

    Args:
        model: the pieces.
        flowing: of one long text, whose parts are taken as they stand. Encoding the parts and the
            text itself may differ where the parts meet; decoding gives each of them back, but for
            what is unknown. Unknown words have an id of their own then (1), which is learnt and
            predicted like any other word's.

            Otherwise of texts by themselves, in composed form (NFC). Subwords and words are cut as
            if a blank stood before the text: a word at its beginning is the piece that it is
            elsewhere.
    """

    model: Model
    flowing: bool = True

    @property
    def unit(self) -> str:
        """What they are, in the plural: "characters", "bytes", "subwords" or "words"."""
        return self.model.unit

    @property
    def reserved(self) -> int:
        """How many ids come before the pieces: UNKNOWN; BEGIN and END as well where they serve."""
        return 1 if self.flowing and self.unit in ("characters", "bytes") else RESERVED

    @property
    def lost(self) -> int:
        """The id of what is not known."""
        return BEGIN if self.flowing and self.unit == "words" else UNKNOWN

    @property
    def silent(self) -> tuple[int, ...]:
        """The ids that a model of one long text never writes."""
        return tuple(range(self.reserved))

    @cached_property
    def written(self) -> Sequence[bytes]:
        """The bytes of UTF-8 that each id writes: U+FFFD where unknown, none for BEGIN and END."""
        drawn = UNKNOWN_DRAWN.encode()
        reserved = [drawn, drawn if self.flowing else b"", b""]
        return [*reserved[: self.reserved], *self.model.pieces]

    def __len__(self) -> int:
        """V, all ids."""
        return len(self.written)

    # -- to ids ------------------------------------------------------------------------------------

    def encode(self, text: str) -> Ids:
        """The ids (T,) of a text, without BEGIN and END; an empty one has none.

        Raises:
            DataError: it holds half a character (a surrogate alone).
        """
        return self._ids(next(_whole([text], self.flowing)))

    def encode_batch(self, texts: Sequence[str]) -> list[npt.NDArray[np.int64]]:
        """The ids (T,) of each of several texts, as networks look them up.

        Raises:
            DataError: as `encode`; the text is named.
        """
        return [self._ids(text).astype(np.int64) for text in _whole(texts, self.flowing)]

    def cut(self, text: str) -> list[str]:
        """The pieces of a text as they stand in it, known or not."""
        return self._cut(next(_whole([text], self.flowing)))

    def unknown(self, text: str) -> dict[str, int]:
        """How often each piece that is not known occurs, the most frequent first."""
        counts: Counter[str] = Counter()
        for block in blocks([text]):
            lost = np.flatnonzero(self.encode(block) == self.lost)
            if len(lost):
                cut = self.cut(block)
                counts.update(cut[place] for place in lost)
        return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))

    def widths(self, text: str) -> npt.NDArray[np.int64]:
        """The bytes of UTF-8 (T,) that each piece of a text takes up, known or not."""
        ids = self.encode(text)
        found: npt.NDArray[np.int64] = self._sizes[ids]
        lost = np.flatnonzero(ids == self.lost)
        if len(lost):
            cut = self.cut(text)
            found[lost] = [len(cut[place].encode()) for place in lost]
        return found

    # -- and back ----------------------------------------------------------------------------------

    def decode(self, ids: npt.ArrayLike, copied: Mapping[int, str] | None = None) -> str:
        """The text of ids (T,); BEGIN and END are nothing.

        What is unknown, or is no whole character (a model may end in the middle of one), is drawn
        as U+FFFD.

        Args:
            ids: (T,).
            copied: what is put in place of an unknown piece, by its position in `ids`, as `shown`
                gives it.

        Raises:
            DataError: an id is none of these.
        """
        known = self._checked(ids)
        parts = [self.written[k] for k in known]
        for place, piece in (copied or {}).items():
            if known[place] == UNKNOWN:
                parts[place] = normal(piece).encode()
        text = b"".join(parts).decode("utf-8", "replace")
        return text.removeprefix(" ") if self._leads else text

    def shown(self, ids: npt.ArrayLike, text: str | None = None) -> list[str]:
        """What each of the ids (T,) stands for; bytes that are no whole characters as hex.

        Args:
            ids: (T,), with BEGIN and END or without.
            text: what they were made from: unknown pieces are shown as they stand there.

        Raises:
            DataError: an id is none of these.
        """
        found, stand = [], iter(self.cut(text) if text is not None else ())
        for k in self._checked(ids):
            here = None if not self.flowing and k in (BEGIN, END) else next(stand, None)
            found.append(here if k == self.lost and here is not None else self._readable[k])
        return found

    # -- in a run ----------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """What `from_json` makes it from."""
        return self.model.to_json() | {"flowing": self.flowing}

    # -- how it is done ----------------------------------------------------------------------------

    @property
    def _leads(self) -> bool:
        """Whether a text is read as if a blank stood before it."""
        return not self.flowing and self.unit in ("subwords", "words")

    def _led(self, text: str) -> str:
        return " " + text if self._leads and text else text

    def _ids(self, text: str) -> Ids:
        parts = [self.model.encode(block) for block in blocks([self._led(text)])]
        ids = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.int32), *parts])
        ids += np.int32(self.reserved)
        ids[ids < self.reserved] = self.lost
        return ids

    def _cut(self, text: str) -> list[str]:
        return [piece for block in blocks([self._led(text)]) for piece in self.model.cut(block)]

    def _checked(self, ids: npt.ArrayLike) -> list[int]:
        array = np.asarray(ids)
        if array.size == 0:
            return []
        if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
            raise DataError(
                f"ids of shape {array.shape} and type {array.dtype}",
                expected="a row of whole numbers",
            )
        found: list[int] = array.tolist()
        wrong = next((k for k in found if not 0 <= k < len(self)), None)
        if wrong is not None:
            raise DataError(
                f"id {wrong} is not in the vocabulary", expected=f"ids from 0 to {len(self) - 1:,}"
            )
        return found

    @cached_property
    def _readable(self) -> Sequence[str]:
        reserved = [UNKNOWN_DRAWN, UNKNOWN_DRAWN if self.flowing else "<begin>", "<end>"]
        return [*reserved[: self.reserved], *map(readable, self.model.pieces)]

    @cached_property
    def _sizes(self) -> npt.NDArray[np.int64]:
        return np.array([len(each) for each in self.written], np.int64)


def learn(
    texts: Iterable[str],
    how: str,
    name: str = "the texts",
    *,
    flowing: bool = True,
    most: int | None = None,
) -> Tokenizer:
    """The tokenizer of a training part.

    Args:
        texts: the part, or some of it that is to be learnt from; where it is flowing, cut anywhere.
        how: as `--tokens` says: "characters", "bytes", "words" for those that come twice, "bpe:N"
            for N ids, those reserved included, "bpe" for as many as the texts allow.
        name: what the texts are called in messages.
        flowing: whether the texts are one.
        most: ids at most, where `how` says no number.

    Raises:
        OptionError: no such way.
        DataError: the texts allow fewer subwords; no word comes twice; nothing is there; or a text
            holds half a character.
        MissingExtra: subwords are asked for and tokenizers is not installed.
    """
    unit, size = parsed(how, ONE_TEXT if flowing else MANY_TEXTS)
    if unit == "bytes":
        return Tokenizer(Bytes(), flowing)
    if flowing and unit != "characters":
        texts, name = blocks(texts, 1 << 16), f"the lines of {name}"
    whole = filter(None, _whole(texts, flowing, name))
    first = next(whole, None)
    if first is None:
        raise DataError(f"{name}: nothing but empty texts", expected="pieces that come again")
    model = _learnt(unit, chain([first], whole), size, most, flowing)
    if unit == "subwords" and size and len(model.pieces) < size - RESERVED:
        raise _too_many(how, len(model.pieces) + RESERVED, name)
    if not model.pieces:
        raise DataError(
            f"--tokens {how}: {name} hold no word that comes twice",
            expected="pieces that come again",
            fix="--tokens characters, or give more data",
        )
    return Tokenizer(model, flowing)


def from_json(value: object, *, flowing: bool = True) -> Tokenizer:
    """The tokenizer that `to_json` wrote.

    Raises:
        BundleError: `value` is something else, was damaged, or is of the other kind of texts.
    """
    given = value if isinstance(value, dict) else {}
    if given.get("flowing") is not flowing:
        raise BundleError(
            "the vocabulary is damaged, or of another kind of texts",
            expected=f'a "kind", and "flowing": {str(flowing).lower()}',
            fix="restore the run from a copy, or train again",
        )
    match given.get("kind"):
        case "characters":
            return Tokenizer(Characters.from_json(given), flowing)
        case "bytes":
            return Tokenizer(Bytes(), flowing)
        case "subwords":
            from recurra.codecs.bpe import Bpe

            return Tokenizer(Bpe.from_json(given, lines=flowing), flowing)
        case "words":
            return Tokenizer(Words.from_json(given), flowing)
    raise BundleError(
        "the vocabulary is damaged", expected='"kind": characters, bytes, subwords or words'
    )


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

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._written = tokenizer.written
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, token: int) -> str:
        """The text that this token completes; none where a character is not yet whole."""
        return self._decoder.decode(self._written[token])


def _whole(texts: Iterable[str], flowing: bool, name: str = "text") -> Iterator[str]:
    """Texts in their composed form unless they are flowing, each of them whole."""
    for row, text in enumerate(texts):
        if not text.isascii():
            text = text if flowing else normal(text)
            try:
                text.encode("utf-8")
            except UnicodeEncodeError:
                raise DataError(
                    f"{name} {row}: holds half a character (a surrogate alone)", expected="text"
                ) from None
        yield text


def _learnt(
    unit: str, texts: Iterable[str], size: int | None, most: int | None, flowing: bool
) -> Model:
    room = None if most is None else max(most - RESERVED, 1)
    if unit == "characters":
        return Characters.learn(texts, room)
    led = texts if flowing else (f" {text}" for text in texts)
    if unit == "words":
        return Words.learn(led, size or room or MOST_WORDS)
    from recurra.codecs.bpe import Bpe

    return Bpe.learn(led, (size or most or MOST_SUBWORDS) - RESERVED, lines=flowing)


def _too_many(how: str, size: int, name: str) -> DataError:
    unit, enough = 1000 if size >= 2000 else 100, size >= LEAST_SUBWORDS
    instead = f"bpe:{size // unit * unit}" if enough else "characters"
    return DataError(
        f"--tokens {how}: {name} allow {size:,} subwords, no more: each must come twice",
        expected=f"bpe:N, {LEAST_SUBWORDS} <= N <= {size}" if enough else "words, or characters",
        fix=f"--tokens {instead}, or give more data",
    )
