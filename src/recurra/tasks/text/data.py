"""Raw text -> checked parts -> ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from recurra.codecs.grammar import parsed
from recurra.codecs.tokenizer import UNKNOWN, Tokenizer, blocks, learn
from recurra.data.embedded_text import embedded_text
from recurra.data.files import TextSource
from recurra.data.long_text import LongText, Text, open_text
from recurra.data.splits import Split, apart, contiguous
from recurra.data.stored_ids import counted, stored
from recurra.data.streams import Ids
from recurra.errors import DataError

LONG: Final = 50_000_000
"""Characters above which a text is long: what would take too long on all of it is done on some."""

TESTED: Final = 2_500_000
"""Characters of a long text's test part that are scored, its first."""

LEARNT: Final = 20_000_000
"""Characters of a long training part that subwords and words are learnt from."""

KNOWN: Final = 2_500_000
"""Characters of a long training part, and of its selection part, that baselines see: the last."""

OPENING: Final = 200
"""Characters that are read before what is written without a prompt."""

_PASSAGES: Final = 20

Places = npt.NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class TextData:
    """A text cut into the part that trains, the part that chooses and the part that reports.

    The vocabulary is that of the training part. `split` is in characters; `ids` (N,) are those of
    the three parts, each encoded by itself, and `parts` says where they stand among them. Where
    documents are kept apart, an id 0 stands before each, at `starts`.
    """

    source: Text
    split: Split
    vocabulary: Tokenizer
    ids: Ids
    parts: Split
    starts: Places
    apart: bool = False

    @classmethod
    def from_source(
        cls,
        source: Text,
        tokens: str = "characters",
        *,
        reset_at_documents: bool = False,
        beside: Path | None = None,
        split: Split | None = None,
    ) -> TextData:
        """Split a text, then make the vocabulary from its training part.

        Args:
            tokens: as `--tokens` says.
            split: where the parts stand, in characters; None for the usual shares.
            reset_at_documents: each file is a document, none stands in two parts.
            beside: a folder whose disk has room for the ids of a long text.

        Raises:
            OptionError: no such tokens.
            DataError: the text is too short for three parts, or its files too few; its training
                part repeats one character, or allows no such tokens.
            MissingExtra: subwords are asked for and tokenizers is not installed.
        """
        split = split or split_of(source, reset_at_documents)
        _several(source, split.train)
        vocabulary = learn(_learnt(source, split.train, tokens), tokens, source.name)
        ends: list[int] = []
        starts: list[int] = []

        def encoded() -> Iterator[npt.NDArray[np.int32]]:
            count = 0
            for part in (split.train, split.select, _tested(source, split)):
                for each, first in _pieces(source, part, vocabulary, apart=reset_at_documents):
                    if first:
                        starts.append(count)
                    count += len(each)
                    yield each
                ends.append(count)

        if source.length > LONG:
            ids = stored(encoded(), len(vocabulary), beside)
        else:
            ids = np.concatenate(list(encoded()))
        parts = Split.at(*ends)
        places = np.array(starts, np.int64)
        return cls(source, split, vocabulary, ids, parts, places, reset_at_documents)

    @property
    def train(self) -> Ids:
        """Ids of the training part."""
        return self.ids[self.parts.train.start : self.parts.train.stop]

    @property
    def select(self) -> Ids:
        """Ids of the selection part."""
        return self.ids[self.parts.select.start : self.parts.select.stop]

    @property
    def test(self) -> Ids:
        """Ids of the test part, as much of it as is scored."""
        return self.ids[self.parts.test.start : self.parts.test.stop]

    @property
    def opening(self) -> str:
        """What is read before what is written without a prompt: lines that trained, to an end.

        The last OPENING characters of the training part up to a line end, or to a blank in a text
        that has none: what was not begun so in training is no place to begin at.
        """
        text = self.source.part(self.split.train[-2 * OPENING :])
        end = text.rfind("\n") + 1 or text.rfind(" ") + 1 or len(text)
        return text[:end][-OPENING:]

    @property
    def tested(self) -> range:
        """The characters that `test` holds."""
        return _tested(self.source, self.split)

    def starts_in(self, part: range) -> Places | None:
        """Where documents begin in a part, from its own beginning on; None where none are apart."""
        if not self.apart:
            return None
        inside = self.starts[(self.starts >= part.start) & (self.starts < part.stop)]
        return np.asarray(inside - part.start, np.int64)

    def text(self, part: range) -> str:
        """The text of a part."""
        return self.source.part(part)

    def known(self) -> tuple[str, str]:
        """The training and the selection part, of a long text the last KNOWN characters of each."""
        return known(self.source, self.split)

    @property
    def is_long(self) -> bool:
        """Whether only some of it is looked at in places."""
        return self.source.length > LONG

    @cached_property
    def unknown_rate(self) -> float:
        """How probable a character never seen before is: the share of those seen once.

        The estimate of Good (1953) for the mass of the unseen, on the training part; at least
        one in twice its length, and at most a half, so that the known keep some. 0 for tokens
        that lack nothing, and for words, which learn how probable an unknown one is.
        """
        if self.vocabulary.unit != "characters":
            return 0.0
        counts = counted(self.train, len(self.vocabulary))[1:]
        return min(0.5, max(float((counts == 1).sum()), 0.5) / float(counts.sum()))

    def check_bptt(self, bptt: int) -> None:
        """Refuse chunks that the training part does not fill, and parts of nothing.

        Raises:
            DataError: it is not longer than one, or the selection part has a single token.
        """
        length, unit = len(self.train), self.vocabulary.unit
        if len(self.select) < 2:
            raise DataError(
                f"{self.source.name}: the selection part has a single one of the {unit}",
                expected="at least two",
                fix="give more text",
            )
        if length <= bptt:
            raise DataError(
                f"{self.source.name}: the training part has {length:,} {unit}",
                expected=f"more than --bptt tokens, {bptt}",
                fix=f"give more text, or a shorter --bptt (below {length})",
            )

    def summary(self) -> str:
        """How much there is of it, in a sentence or two."""
        unit, count = self.vocabulary.unit, len(self.vocabulary) - len(self.vocabulary.silent)
        kinds = f"{count:,} different"
        if unit != "characters":
            kinds = f"{len(self.ids):,} {unit} of {count:,} kinds"
        several = f" in {len(self.source.starts):,} documents" if self.apart else ""
        return (
            f"{self.source.name}: {self.source.length:,} characters{several}, {kinds}; "
            f"the last {len(self.split.test):,} report, "
            f"the {len(self.split.select):,} before them choose"
        ) + (f". {self.note}" if self.note else "")

    @property
    def note(self) -> str:
        """What of a long text is looked at; nothing where it is all of it."""
        if not self.is_long:
            return ""
        learnt = ""
        if self.vocabulary.unit in ("subwords", "words") and len(self.split.train) > LEARNT:
            learnt = f"{self.vocabulary.unit} are learnt from {LEARNT:,} characters, "
        return (
            f"This text is long: {learnt}a sample of the selection part chooses, the report scores "
            f"the first {len(self.tested):,} characters of the test part, baselines see the last "
            f"{KNOWN:,} of the training and of the selection part, and what is written freely "
            "is compared with these"
        )

    @property
    def read_files(self) -> tuple[Path, ...]:
        """The files that it came from."""
        return tuple(self.source.files)

    def facts(self) -> dict[str, Any]:
        """What the run's configuration says of the data."""
        found = {
            "name": self.source.name,
            "files": [str(file.resolve()) for file in self.source.files],
            "sha256": self.source.sha256,
            "characters": self.source.length,
            "train": len(self.split.train),
            "select": len(self.split.select),
            "test": len(self.split.test),
            "tested": len(self.tested),
            "unit": self.vocabulary.unit,
            "tokens": [len(self.train), len(self.select), len(self.test)],
            "symbols": len(self.vocabulary) - len(self.vocabulary.silent),
            "unknown_rate": self.unknown_rate,
            "unknown_in_select": self._unknown(self.parts.select),
            "unknown_in_test": self._unknown(self.parts.test),
        }
        return found | ({"starts": list(self.source.starts)} if self.apart else {})

    def _unknown(self, part: range) -> int:
        lost, starts = self.vocabulary.lost, self.starts_in(part)
        found = int(counted(self.ids[part.start : part.stop], len(self.vocabulary))[lost])
        return found - (len(starts) if starts is not None and lost == UNKNOWN else 0)


def split_of(source: Text, reset_at_documents: bool, reports: int | None = None) -> Split:
    """The usual parts of a text, or those beside its last characters, which report."""
    if reset_at_documents:
        return apart(source.starts, source.length, reports=reports, name=source.name)
    return contiguous(source.length, reports=reports, name=source.name)


def spared_range(select: range, count: int) -> range:
    """Where so many of the selection part's ids stand that nothing is trained to predict.

    Not at its end: what comes last is most like what is to come.
    """
    return range(select.start, select.start + count)


def known(source: Text, split: Split) -> tuple[str, str]:
    """The training and the selection part, of a long text the last KNOWN characters of each."""
    most = KNOWN if source.length > LONG else source.length
    return source.part(split.train[-most:]), source.part(split.select[-most:])


def _tested(source: Text, split: Split) -> range:
    return split.test[:TESTED] if source.length > LONG else split.test


def _several(source: Text, part: range) -> None:
    """Refuse a part of one character again and again."""
    first = source.part(part[:1])
    if all(block.count(first) == len(block) for block in source.blocks(part)):
        raise DataError(
            f"{source.name}: the training part repeats one character, {first!r}",
            expected="a text with at least two different characters",
        )


def _learnt(source: Text, part: range, tokens: str) -> Iterator[str]:
    """What tokens are learnt from: all of a part, or passages spread evenly over a long one."""
    if tokens == "characters" or source.length <= LONG or len(part) <= LEARNT:
        yield from source.blocks(part)
        return
    for first in range(_PASSAGES):
        start = len(part) * first // _PASSAGES
        yield from source.blocks(part[start : start + LEARNT // _PASSAGES])


def _pieces(
    source: Text, part: range, vocabulary: Tokenizer, *, apart: bool
) -> Iterator[tuple[npt.NDArray[np.int32], bool]]:
    """The ids of a part, some at a time; where documents are apart, 0 before each, and a flag."""
    cuts = [*cuts_in(source, part, apart=apart), len(part)]
    for start, stop in pairwise(cuts):
        if apart:
            yield np.array([UNKNOWN], np.int32), True
        for block in blocks(source.blocks(part[start:stop])):
            yield vocabulary.encode(block), False


def cuts_in(source: Text, part: range, *, apart: bool) -> list[int]:
    """Characters of a part at which pieces begin that are encoded by themselves."""
    if not apart:
        return [0]
    return [start - part.start for start in source.starts if part.start <= start < part.stop]


def encoded(vocabulary: Tokenizer, source: Text, *, reset: bool) -> tuple[Ids, Places | None, str]:
    """A text of its own as ids (N,), where documents begin, and the text; TESTED of a long one.

    Args:
        reset: documents are apart.
    """
    part = range(TESTED if source.length > LONG else source.length)
    pieces = list(_pieces(source, part, vocabulary, apart=reset))
    ids = np.concatenate([each for each, _ in pieces])
    ends = np.cumsum([0, *(len(each) for each, _ in pieces)])[:-1]
    starts = ends[[first for _, first in pieces]] if reset else None
    return ids, starts, source.part(part)


def read(
    source: Text | Sequence[str | Path],
    tokens: str = "characters",
    *,
    reset_at_documents: bool = False,
    beside: Path | None = None,
    split: Split | None = None,
) -> TextData:
    """Check a text, or read that of files, and cut it into its parts.

    Args:
        source: no files at all stand for the default text.

    Raises:
        DataError: as `read_text`, and a text that cannot be split.
        OptionError, MissingExtra: as `TextData.from_source`.
    """
    parsed(tokens)  # before anything large is read
    if not isinstance(source, TextSource | LongText):
        source = open_text(source) if source else embedded_text()
    return TextData.from_source(
        source, tokens, reset_at_documents=reset_at_documents, beside=beside, split=split
    )
