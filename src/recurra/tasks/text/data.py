"""Raw text -> checked parts -> ids."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np

from recurra.bundle import CONFIG, INPUT, Run
from recurra.data.files import TextSource, embedded_text, read_text
from recurra.data.splits import Split, contiguous
from recurra.data.vocabulary import UNKNOWN, Vocabulary
from recurra.errors import DataError

Ids = np.ndarray[Any, np.dtype[np.int32]]


@final
@dataclass(frozen=True)
class TextData:
    """A text cut into the part that trains, the part that chooses and the part that reports.

    The vocabulary is that of the training part. `ids` (N,) are those of the whole text.
    """

    source: TextSource
    split: Split
    vocabulary: Vocabulary
    ids: Ids

    @classmethod
    def from_source(cls, source: TextSource) -> TextData:
        """Split a text, then make the vocabulary from its training part.

        Raises:
            DataError: the text is too short for three parts, or its training part repeats one
                character.
        """
        split = contiguous(len(source.text), least=2, name=source.name)
        train = source.text[split.train.start : split.train.stop]
        vocabulary = Vocabulary.from_text(train)
        if len(vocabulary.symbols) < 2:
            raise DataError(
                f"{source.name}: the training part repeats one character, {train[0]!r}",
                expected="a text with at least two different characters",
            )
        return cls(source, split, vocabulary, vocabulary.encode(source.text))

    @property
    def train(self) -> Ids:
        """Ids of the training part."""
        return self.ids[self.split.train.start : self.split.train.stop]

    @property
    def select(self) -> Ids:
        """Ids of the selection part."""
        return self.ids[self.split.select.start : self.split.select.stop]

    @property
    def test(self) -> Ids:
        """Ids of the test part."""
        return self.ids[self.split.test.start : self.split.test.stop]

    def text(self, part: range) -> str:
        """The text of a part."""
        return self.source.text[part.start : part.stop]

    @cached_property
    def unknown_rate(self) -> float:
        """How probable a character never seen before is: the share of those seen once.

        The estimate of Good (1953) for the mass of the unseen, on the training part; at least
        one in twice its length, and at most a half, so that the known keep some.
        """
        counts = np.bincount(self.train)
        return min(0.5, max(float((counts == 1).sum()), 0.5) / len(self.train))

    def check_chunk(self, chunk: int) -> None:
        """Refuse chunks that the training part does not fill.

        Raises:
            DataError: it is not longer than one.
        """
        length = len(self.split.train)
        if length <= chunk:
            raise DataError(
                f"{self.source.name}: the training part has {length:,} characters",
                expected=f"more than one chunk of {chunk}",
                fix=f"give more text, or a shorter --chunk (below {length})",
            )

    def told(self) -> str:
        """How much there is of it, in a sentence."""
        return (
            f"{self.source.name}: {len(self.source.text):,} characters, "
            f"{len(self.vocabulary.symbols)} different; the last {len(self.split.test):,} report, "
            f"the {len(self.split.select):,} before them choose"
        )

    def facts(self) -> dict[str, Any]:
        """What the run's configuration says of the data."""
        return {
            "name": self.source.name,
            "files": [str(file.resolve()) for file in self.source.files],
            "sha256": _digest(self.source.text),
            "characters": len(self.source.text),
            "train": len(self.split.train),
            "select": len(self.split.select),
            "test": len(self.split.test),
            "symbols": len(self.vocabulary.symbols),
            "unknown_rate": self.unknown_rate,
            "unknown_in_select": int((self.select == UNKNOWN).sum()),
            "unknown_in_test": int((self.test == UNKNOWN).sum()),
        }


def listed(source: Any) -> list[str | Path]:
    """One source or several as a list; none for None."""
    many = isinstance(source, Sequence) and not isinstance(source, str)
    given = source if many else [] if source is None else [source]
    return [each if isinstance(each, str) else Path(each) for each in given]


def read(sources: Sequence[str | Path]) -> TextData:
    """Read and check the text of files, folders or standard input; the default where none is given.

    Raises:
        DataError: as `read_text`, and a text that cannot be split.
    """
    return TextData.from_source(read_text(sources) if sources else embedded_text())


def store_input(run: Run, data: TextData) -> None:
    """Keep a copy of what cannot be read twice, so that the run can be resumed.

    That is standard input, a pipe, and a text that was given as such.
    """
    facts = data.facts()
    try:
        again = all(file.is_file() for file in data.source.files) and (
            _digest(_source(facts).text) == facts["sha256"]
        )
    except DataError:
        again = False
    if not again:
        run.write_text(INPUT, data.source.text)


def read_again(run: Run, facts: dict[str, Any]) -> TextData:
    """The data that a run was begun with.

    Raises:
        DataError: a file is missing or has changed since.
    """
    with run.intact(CONFIG):
        name, digest, count = str(facts["name"]), str(facts["sha256"]), int(facts["characters"])
        files = list(facts["files"])
    stored = run.has(INPUT)
    if not stored and not files and name != embedded_text().name:
        raise DataError(
            f"{name}: the run's copy of the text is gone",
            expected=f"{INPUT}, since the text came from no file",
            fix="restore the run from a copy, or train again",
        )
    source = TextSource(run.read_text(INPUT), name) if stored else _source(facts)
    if _digest(source.text) != digest:
        raise DataError(
            f"{name}: the text has changed since the training began",
            expected=f"the same {count:,} characters",
            fix="put the old files back, or train a new run",
        )
    return TextData.from_source(TextSource(source.text, name, source.files))


def _source(facts: dict[str, Any]) -> TextSource:
    return read_text(facts["files"]) if facts["files"] else embedded_text()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
