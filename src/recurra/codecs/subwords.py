"""Texts <-> ids, so that what was taken apart is put together again to the last character."""

from __future__ import annotations

import importlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, final

import numpy as np

from recurra.codecs.characters import UNKNOWN_DRAWN
from recurra.codecs.ngrams import WORD, Numbers, normal
from recurra.errors import BundleError, DataError, MissingExtra, OptionError

UNKNOWN: Final = 0
BEGIN: Final = 1
END: Final = 2
RESERVED: Final = 3
"""Ids that no text can contain: a text that reads "<s>" is cut like any other."""

LEAST_SUBWORDS: Final = 300
MOST_SUBWORDS: Final = 8192
"""How many subwords are learnt at most where nobody says."""

_WORD: Final = re.compile(rf" ?(?:{WORD.pattern})|\s")
"""A word or a mark with the blank before it; other blanks, tabs and line ends by themselves."""

# No piece goes across these: a word with its vowel signs, three digits at most, a run of marks,
# blanks but for the one that belongs to what follows. After GPT-2's (Radford et al., 2019).
_MARKS: Final = r"'(?:[sdmt]|ll|ve|re)\b| ?[\p{L}\p{M}]+| ?\p{N}{1,3}| ?[^\s\p{L}\p{M}\p{N}]+"
_RUNS: Final = _MARKS + r"|\s+(?!\S)|\s+"
# In a long text a line end stands by itself, so that its lines can be cut apart.
_LINES: Final = _MARKS + r"|\n|[^\S\n]+(?!\S)|[^\S\n]+"
_AT_ONCE: Final = 4096  # texts given to the tokenizer together
_WAYS: Final = f"bpe:N for N subwords, N >= {LEAST_SUBWORDS}, words, or characters"


@final
@dataclass(frozen=True)
class Pieces:
    """The pieces known: `known[k]` has the id k + 3, after UNKNOWN, BEGIN and END.

    subwords    byte-pair encoding of bytes (Sennrich et al., 2016, arXiv:1508.07909), which every
                text can be written in: nothing is unknown; `tokenizer` is the JSON of tokenizers,
                its merges included, and `known` are spelt as in it
    words       runs of letters and digits, and other characters one by one
    characters  each by itself

    Subwords and words hold the blank before them, and a text is read as if a blank stood before
    it: a word at its beginning is the piece that it is elsewhere. Pieces that are `flowing` are of
    parts of one long text instead: no blank is put before a part, and none is composed.
    """

    kind: str
    known: tuple[str, ...]
    tokenizer: str | None = None
    flowing: bool = False

    @classmethod
    def learn(
        cls,
        texts: Iterable[str],
        how: str,
        *,
        most: int | None = None,
        name: str = "the texts",
        flowing: bool = False,
    ) -> Pieces:
        """The pieces of texts.

        Args:
            texts: of the training part.
            how: "bpe:N" for N ids, those reserved included; "bpe" for as many as the texts allow;
                "words" for those that occur twice, so that a model learns what the unknown is;
                "characters" for all.
            most: the commonest are kept, so many ids at most.
            name: what the texts are called in messages.
            flowing: the texts are parts of one.

        Raises:
            OptionError: no such way.
            DataError: the texts allow fewer subwords than were asked for; no word comes twice;
                nothing is there; or a text holds half a character.
            MissingExtra: subwords are asked for and tokenizers is not installed.
        """
        kind, _, size = how.partition(":")
        whole = _checked(texts, name, flowing)
        if kind == "bpe" and not size:
            return _learn_subwords(whole, MOST_SUBWORDS if most is None else most, flowing)
        if kind == "bpe" and size.isdecimal() and LEAST_SUBWORDS <= int(size) <= 1_000_000:
            found = _learn_subwords(whole, int(size), flowing)
            if len(found) < int(size):
                raise _too_large(how, len(found), name)
            return found
        if size or kind not in ("words", "characters"):
            raise OptionError(f"--tokens {how}", expected=_WAYS)
        counts: Counter[str] = Counter()
        for text in whole:
            counts.update(_cut(text, kind, flowing))
        # Of equals the first in order, so that the same texts give the same ids anywhere.
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        least = 2 if kind == "words" else 1
        known = [piece for piece, count in ranked if count >= least]
        if not known:
            raise DataError(
                f"--tokens {how}: {name} hold no word that comes twice"
                if counts
                else f"{name}: nothing but empty texts",
                expected="pieces that come again",
                fix="--tokens characters, or give more data" if counts else "",
            )
        kept = known[: None if most is None else max(most - RESERVED, 1)]
        return cls(kind, tuple(kept), flowing=flowing)

    def __len__(self) -> int:
        """How many ids there are, the three reserved included."""
        return len(self.known) + RESERVED

    def encode(self, texts: Sequence[str]) -> list[Numbers]:
        """The ids (T,) of each text in its composed form (NFC), without BEGIN and END.

        An empty text has none. Flowing parts are taken as they stand.

        Raises:
            DataError: a text holds half a character (a surrogate alone).
        """
        whole = list(_checked(texts, "text", self.flowing))
        if self.kind == "subwords":
            return [np.array(row.ids, np.int64) + RESERVED for row in self._encoded(whole)]
        ids = self._ids
        found = ([ids.get(piece, UNKNOWN) for piece in self._cut(text)] for text in whole)
        return [np.array(row, np.int64) for row in found]

    def cut(self, text: str) -> list[str]:
        """The pieces of a text as they stand in it, known or not; the first with a blank."""
        (whole,) = _checked([text], "text", self.flowing)
        if self.kind != "subwords":
            return self._cut(whole)
        (row,) = self._encoded([whole])
        return [self._read(k + RESERVED) for k in row.ids]

    def decode(self, ids: Sequence[int] | Numbers, copied: Mapping[int, str] | None = None) -> str:
        """The text of ids; BEGIN and END are nothing.

        Args:
            ids: (T,).
            copied: what is put in place of an unknown piece, by its position in `ids`, as
                `shown` gives it; the others are drawn as U+FFFD.

        Raises:
            DataError: an id is none of these.
        """
        copied = copied or {}
        spelt, parts = self.written, []
        for place, k in enumerate(np.asarray(ids, np.int64).tolist()):
            if not 0 <= k < len(spelt):
                raise DataError(f"id {k} is no piece", expected=f"ids from 0 to {len(spelt) - 1:,}")
            lost = k == UNKNOWN and place in copied
            parts.append(normal(copied[place]).encode() if lost else spelt[k])
        # A model may end in the middle of a character.
        text = b"".join(parts).decode("utf-8", "replace")
        return text if self.kind == "characters" or self.flowing else text.removeprefix(" ")

    @cached_property
    def written(self) -> list[bytes]:
        """The bytes that each id writes: U+FFFD where unknown, none for BEGIN and END."""
        reserved = [UNKNOWN_DRAWN.encode(), b"", b""]
        if self.kind != "subwords":
            return reserved + [piece.encode() for piece in self.known]
        return reserved + [bytes(_BYTES[letter] for letter in piece) for piece in self.known]

    def shown(self, ids: Sequence[int] | Numbers, text: str | None = None) -> list[str]:
        """Each piece as people read it, with its blank; bytes that are no whole characters as hex.

        Args:
            ids: (T,), with BEGIN and END or without.
            text: what they were made from: unknown pieces are shown as they stand there.
        """
        stand = iter(self.cut(text) if text is not None else ())
        found = []
        for k in np.asarray(ids, np.int64).tolist():
            here = None if k in (BEGIN, END) else next(stand, None)
            found.append(here if k == UNKNOWN and here is not None else self._read(k))
        return found

    def to_json(self) -> dict[str, Any]:
        """What `from_json` makes it from."""
        flowing = {"flowing": True} if self.flowing else {}
        if self.kind == "subwords":
            return {"kind": self.kind, "tokenizer": self.tokenizer} | flowing
        return {"kind": self.kind, "known": list(self.known)} | flowing

    @classmethod
    def from_json(cls, value: object) -> Pieces:
        """The pieces that `to_json` wrote.

        Raises:
            BundleError: these are none, or damaged.
            MissingExtra: they are subwords and tokenizers is not installed.
        """
        given = value if isinstance(value, dict) else {}
        kind, known, tokenizer = (given.get(k) for k in ("kind", "known", "tokenizer"))
        flowing = given.get("flowing", False)
        if not isinstance(flowing, bool):
            raise _damaged()
        if kind == "subwords" and isinstance(tokenizer, str):
            found = cls("subwords", _spelt_in(tokenizer), tokenizer, flowing)
            assert found._encoder is not None  # made now, so that damage is told now
            return found
        if (
            kind in ("words", "characters")
            and isinstance(known, list)
            and all(isinstance(each, str) and each for each in known)
            and len(set(known)) == len(known) > 0
            and (kind == "words" or all(len(each) == 1 for each in known))
        ):
            return cls(kind, tuple(known), flowing=flowing)
        raise _damaged()

    # -- how they are looked up ---------------------------------------------------------------

    def _cut(self, text: str) -> list[str]:
        return _cut(text, self.kind, self.flowing)

    def _read(self, k: int) -> str:
        if k < RESERVED:
            return (UNKNOWN_DRAWN, "<begin>", "<end>")[k]
        try:
            return self.written[k].decode()
        except UnicodeDecodeError:
            return f"<{self.written[k].hex(' ').upper()}>"

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {piece: k for k, piece in enumerate(self.known, RESERVED)}

    @cached_property
    def _encoder(self) -> Any:
        assert self.tokenizer is not None
        library = _tokenizers()
        try:
            return library.Tokenizer.from_str(self.tokenizer)
        except Exception as error:  # tokenizers raises nothing more special
            raise _damaged() from error

    def _encoded(self, texts: Sequence[str]) -> Iterator[Any]:
        for start in range(0, len(texts), _AT_ONCE):
            group = [_led(text, self.flowing) for text in texts[start : start + _AT_ONCE]]
            yield from self._encoder.encode_batch(group, add_special_tokens=False)


def _led(text: str, flowing: bool) -> str:
    """A text with the blank before it."""
    return text if flowing or not text else " " + text


def _cut(text: str, kind: str, flowing: bool) -> list[str]:
    return _WORD.findall(_led(text, flowing)) if kind == "words" else list(text)


def _checked(texts: Iterable[str], name: str, flowing: bool) -> Iterator[str]:
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


def _too_large(how: str, size: int, name: str) -> DataError:
    unit = 1000 if size >= 2000 else 100
    enough = size >= LEAST_SUBWORDS
    return DataError(
        f"--tokens {how}: {name} allow {size:,} subwords, no more: each must come twice",
        expected=f"bpe:N, {LEAST_SUBWORDS} <= N <= {size}" if enough else "words, or characters",
        fix=f"--tokens bpe:{size // unit * unit}, or give more data"
        if enough
        else "--tokens characters, or give more data",
    )


# -- subwords ------------------------------------------------------------------------------------


def _letters() -> dict[str, int]:
    """The byte that each letter of GPT-2's alphabet of bytes stands for.

    Bytes that can be printed stand for themselves, the others are numbered from 256.
    """
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printed]
    return {chr(byte): byte for byte in printed} | {
        chr(256 + number): byte for number, byte in enumerate(others)
    }


_BYTES: Final = _letters()


def _learn_subwords(texts: Iterable[str], size: int, flowing: bool) -> Pieces:
    library = _tokenizers()
    made = library.Tokenizer(library.models.BPE())
    cut = library.pre_tokenizers
    made.pre_tokenizer = cut.Sequence(
        [
            cut.Split(library.Regex(_LINES if flowing else _RUNS), "isolated"),
            cut.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = library.trainers.BpeTrainer(
        vocab_size=size - RESERVED,
        min_frequency=2,
        initial_alphabet=sorted(_BYTES),
        show_progress=False,
    )
    made.train_from_iterator((_led(text, flowing) for text in texts if text), trainer)
    tokenizer: str = made.to_str()
    return Pieces("subwords", _spelt_in(tokenizer), tokenizer, flowing)


def _spelt_in(tokenizer: str) -> tuple[str, ...]:
    """The subwords of a tokenizer's JSON, in the order of their ids."""
    try:
        vocabulary = json.loads(tokenizer)["model"]["vocab"]
        ranked = sorted(vocabulary, key=vocabulary.__getitem__)
        whole = [vocabulary[piece] for piece in ranked] == list(range(len(ranked)))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged() from None
    if not whole or not all(set(piece) <= _BYTES.keys() for piece in ranked):
        raise _damaged()
    if not _BYTES.keys() <= set(ranked):
        raise _damaged()
    return tuple(ranked)


def _damaged() -> BundleError:
    return BundleError(
        "the vocabulary of pieces is damaged",
        expected='a "kind", and its "known" pieces or its "tokenizer"',
        fix="restore the run from a copy, or train again",
    )


def _tokenizers() -> Any:
    try:
        return importlib.import_module("tokenizers")
    except ImportError as error:
        raise MissingExtra(
            "subwords are cut by tokenizers, which is not installed",
            fix="pip install tokenizers, or --tokens words",
        ) from error
