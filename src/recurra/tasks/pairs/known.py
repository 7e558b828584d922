"""What of a text a model has met in training: its words, and the case that they were written in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, final

from recurra.codecs.tokenizer import UNKNOWN, Tokenizer
from recurra.codecs.words import normal, word_pattern
from recurra.judge.translation import cut_for


@final
@dataclass(frozen=True)
class Read:
    """How a model reads a text.

    Args:
        text: as it is read: words that it knows in another case alone are in that case.
        unknown: its words (or characters, of a model of such) that training had not, in their
            order, each once.
        known: the share of its words that training had; 1 where nothing can be told.
        recased: whether words are read in another case than they were written in.
    """

    text: str
    unknown: tuple[str, ...]
    known: float
    recased: bool = False


@final
@dataclass(frozen=True)
class PairScore:
    """How likely a target is as the translation of a source.

    Args:
        log_probability: of its pieces and its end, in nats.
        pieces: how many these are, the end among them.
        known, unknown: of the source; see `Read`.
    """

    log_probability: float
    pieces: int
    known: float
    unknown: tuple[str, ...]

    @property
    def score(self) -> float:
        """The mean log-probability of a piece, in nats: what ranks translations."""
        return self.log_probability / self.pieces

    def to_json(self) -> dict[str, Any]:
        """What is known of a pair, as plain values."""
        return {
            "score": round(self.score, 6),
            "log_probability": round(self.log_probability, 6),
            "known": round(self.known, 4),
            "unknown": list(self.unknown),
        }


@final
@dataclass(frozen=True, eq=False)
class Lexicon:
    """What the sources of a training were made of.

    Args:
        pieces: how sources are cut. Of words and characters it says itself what is known.
        words: of the sources, as they were written, the commonest first; characters where no
            blanks part the words. None where a run does not say.
        apart: whether blanks part the words.
    """

    pieces: Tokenizer
    words: tuple[str, ...] | None
    apart: bool = True

    @classmethod
    def learnt(cls, pieces: Tokenizer, sources: Sequence[str]) -> Self:
        """From what trains."""
        apart = cut_for(sources) == "13a"
        counts = Counter(word for text in sources for word in _cut(text, apart))
        ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
        if pieces.unit == "characters":
            # Of which words are read in another case alone; what comes once may be any string.
            ranked = [each for each in ranked if each[1] > 1 and each[0].lower() != each[0].upper()]
        return cls(pieces, tuple(word for word, _ in ranked), apart)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` makes it from, beside the pieces."""
        # The vocabulary of words is the list itself.
        listed = self.words if self.pieces.unit != "words" else None
        return {"words": None if listed is None else list(listed), "apart": self.apart}

    @classmethod
    def from_json(cls, pieces: Tokenizer, value: dict[str, Any] | None) -> Self:
        """What a run holds; runs of before hold nothing."""
        words = (value or {}).get("words")
        if pieces.unit == "words":
            words = [each.decode("utf-8").strip() for each in pieces.model.pieces]
        return cls(
            pieces, None if words is None else tuple(words), (value or {}).get("apart", True)
        )

    def read(self, text: str) -> Read:
        """How a text is read, and what of it is known."""
        written = normal(text)
        text = self._in_known_case(written)
        if self.pieces.unit == "subwords" and self.words is None:
            return Read(text, (), 1.0)
        if self.pieces.unit == "characters":
            every: Sequence[str] = [each for each in text if not each.isspace()]
        else:
            every = _cut(text, self.apart)
        unknown = [each for each in every if not self._knows(each)]
        share = 1.0 - len(unknown) / len(every) if every else 1.0
        return Read(text, tuple(dict.fromkeys(unknown)), share, text != written)

    def spans(self, text: str) -> Iterator[tuple[str, int, int, bool]]:
        """Each word of a text: itself, the bytes of UTF-8 from and to, and whether it is known."""
        for found in word_pattern().finditer(text):
            begins = len(text[: found.start()].encode())
            word = found.group()
            yield word, begins, begins + len(word.encode()), self._knows(word)

    # -- case ------------------------------------------------------------------------------------

    def _in_known_case(self, text: str) -> str:
        if self.words is None or all(map(self._knows, _cut(text, self.apart))):
            return text
        shouted = text.isupper() and sum(map(str.isalpha, text.split())) > 1
        first = next((each.start() for each in word_pattern().finditer(text)), 0)
        return word_pattern().sub(
            lambda found: self._recased(found[0], shouted, found.start() == first), text
        )

    def _recased(self, word: str, shouted: bool, first: bool) -> str:
        if word.lower() == word.upper() or (self._knows(word) and not shouted):
            return word
        began = word.capitalize()
        if first and began in self._listed:
            return began
        if not first and len(word) > 1 and word.lower() in self._listed:
            return word.lower()  # where a text begins every word has a capital
        likely = self._spelling.get(word.casefold())
        if likely is None and self.pieces.unit == "characters":
            likely = next((each for each in (word.lower(), began) if self._knows(each)), None)
        return word if likely is None else likely

    def _knows(self, word: str) -> bool:
        if self.pieces.unit == "characters":
            return not (self.pieces.encode(word) == UNKNOWN).any()
        return word in self._listed

    @cached_property
    def _listed(self) -> frozenset[str]:
        return frozenset(self.words or ())

    @cached_property
    def _spelling(self) -> dict[str, str]:
        """By its folded case, how each word is written most."""
        return {each.casefold(): each for each in reversed(self.words or ())}


def _cut(text: str, apart: bool) -> list[str]:
    found: list[str] = word_pattern().findall(text)
    return found if apart else [each for word in found for each in word]
