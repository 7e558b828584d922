"""Raw text -> checked parts -> ids."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np

from recurra.bundle import INPUT, Run
from recurra.data.files import TextSource, embedded_text, read_text
from recurra.data.splits import Split, contiguous
from recurra.errors import DataError
from recurra.tasks.text.tokens import Ids, Tokens, learn, parsed


@final
@dataclass(frozen=True)
class TextData:
    """A text cut into the part that trains, the part that chooses and the part that reports.

    The vocabulary is that of the training part. `split` is in characters; `ids` (N,) are those of
    the three parts, each encoded by itself, and `parts` says where they stand among them.
    """

    source: TextSource
    split: Split
    vocabulary: Tokens
    ids: Ids
    parts: Split

    @classmethod
    def from_source(cls, source: TextSource, tokens: str = "characters") -> TextData:
        """Split a text, then make the vocabulary from its training part.

        Args:
            tokens: as `--tokens` says.

        Raises:
            OptionError: no such tokens.
            DataError: the text is too short for three parts, its training part repeats one
                character, or allows no such tokens.
            MissingExtra: subwords are asked for and tokenizers is not installed.
        """
        split = contiguous(len(source.text), least=2, name=source.name)
        train = source.text[split.train.start : split.train.stop]
        if train.count(train[0]) == len(train):
            raise DataError(
                f"{source.name}: the training part repeats one character, {train[0]!r}",
                expected="a text with at least two different characters",
            )
        vocabulary = learn(train, tokens, source.name)
        ids = [
            vocabulary.encode(source.text[part.start : part.stop])
            for part in (split.train, split.select, split.test)
        ]
        first, second, last = np.cumsum([len(part) for part in ids]).tolist()
        parts = Split(range(first), range(first, second), range(second, last))
        return cls(source, split, vocabulary, np.concatenate(ids), parts)

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
        """Ids of the test part."""
        return self.ids[self.parts.test.start : self.parts.test.stop]

    def text(self, part: range) -> str:
        """The text of a part."""
        return self.source.text[part.start : part.stop]

    @cached_property
    def unknown_rate(self) -> float:
        """How probable a character never seen before is: the share of those seen once.

        The estimate of Good (1953) for the mass of the unseen, on the training part; at least
        one in twice its length, and at most a half, so that the known keep some. 0 for tokens
        that lack nothing, and for words, which learn how probable an unknown one is.
        """
        if self.vocabulary.unit != "characters":
            return 0.0
        counts = np.bincount(self.train)
        return min(0.5, max(float((counts == 1).sum()), 0.5) / len(self.train))

    def check_chunk(self, chunk: int) -> None:
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
        if length <= chunk:
            raise DataError(
                f"{self.source.name}: the training part has {length:,} {unit}",
                expected=f"more than one chunk of {chunk}",
                fix=f"give more text, or a shorter --chunk (below {length})",
            )

    def told(self) -> str:
        """How much there is of it, in a sentence."""
        unit, count = self.vocabulary.unit, len(self.vocabulary) - len(self.vocabulary.silent)
        kinds = f"{count:,} different"
        if unit != "characters":
            kinds = f"{len(self.ids):,} {unit} of {count:,} kinds"
        return (
            f"{self.source.name}: {len(self.source.text):,} characters, {kinds}; "
            f"the last {len(self.split.test):,} report, "
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
            "unit": self.vocabulary.unit,
            "tokens": [len(self.train), len(self.select), len(self.test)],
            "symbols": len(self.vocabulary) - len(self.vocabulary.silent),
            "unknown_rate": self.unknown_rate,
            "unknown_in_select": int((self.select == self.vocabulary.lost).sum()),
            "unknown_in_test": int((self.test == self.vocabulary.lost).sum()),
        }


def listed(source: Any) -> list[str | Path]:
    """One source or several as a list; none for None."""
    many = isinstance(source, Sequence) and not isinstance(source, str)
    given = source if many else [] if source is None else [source]
    return [each if isinstance(each, str) else Path(each) for each in given]


def read(sources: Sequence[str | Path], tokens: str = "characters") -> TextData:
    """Read and check the text of files, folders or standard input; the default where none is given.

    Raises:
        DataError: as `read_text`, and a text that cannot be split.
        OptionError, MissingExtra: as `TextData.from_source`.
    """
    parsed(tokens)  # before anything large is read
    return TextData.from_source(read_text(sources) if sources else embedded_text(), tokens)


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


def read_again(run: Run, facts: dict[str, Any], tokens: str = "characters") -> TextData:
    """The data that a run was begun with, in the tokens that it was begun with.

    Raises:
        DataError: a file is missing or has changed since.
    """
    stored = run.has(INPUT)
    source = TextSource(run.read_text(INPUT), facts["name"]) if stored else _source(facts)
    if _digest(source.text) != facts["sha256"]:
        raise DataError(
            f"{facts['name']}: the text has changed since the training began",
            expected=f"the same {facts['characters']:,} characters",
            fix="put the old files back, or train a new run",
        )
    return TextData.from_source(TextSource(source.text, facts["name"], source.files), tokens)


def _source(facts: dict[str, Any]) -> TextSource:
    return read_text(facts["files"]) if facts["files"] else embedded_text()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
