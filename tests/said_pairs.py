"""Pairs, and translations of them of chosen skill, as a model and its search would give them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.tasks.pairs.evaluate import Forced, Judged

GERMAN = {
    "a man": "ein Mann",
    "a woman": "eine Frau",
    "two dogs": "zwei Hunde",
    "the child": "das Kind",
    "rides": "fährt",
    "sits": "sitzt",
    "jumps": "springt",
    "stands": "steht",
    "on a bench": "auf einer Bank",
    "in the street": "auf der Straße",
    "over the river": "über den Fluss",
    "and laughs": "und lacht",
    "in the evening": "am Abend",
    "today": "heute",
}


MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August"]


@dataclass(frozen=True)
class Rows:
    """Pairs of texts, with what the real ones have."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def where(self) -> Sequence[str]:
        """Where each stands."""
        return [f"pairs.tsv, line {row + 1:,}" for row in range(len(self))]


@dataclass(frozen=True)
class Data:
    """Pairs in three parts, with what the real ones have."""

    pairs: Rows
    learn: NDArray[np.int64]
    select: NDArray[np.int64]
    test: NDArray[np.int64]
    name: str = "pairs"
    test_files: tuple[Path, ...] = ()
    found: dict[str, int] = field(default_factory=dict)

    def of(self, rows: NDArray[np.int64]) -> Rows:
        """Some of them."""
        sources, targets = self.pairs.sources, self.pairs.targets
        return Rows(tuple(sources[r] for r in rows), tuple(targets[r] for r in rows))


@dataclass(frozen=True)
class Told:
    """A translation."""

    text: str
    source: list[str]
    pieces: list[str]
    looked: Any
    ended: bool = True


def sentences(n: int, seed: int = 0) -> Rows:
    """English and German, 5 to 15 words."""
    random = np.random.default_rng(seed)
    keys = list(GERMAN)
    sources, targets = [], []
    for _ in range(n):
        rest = random.permutation(6)[: random.integers(0, 5)] + 8
        chosen = [
            keys[random.integers(0, 4)],
            keys[random.integers(4, 8)],
            *(keys[k] for k in rest),
        ]
        source, target = " ".join(chosen), " ".join(GERMAN[key] for key in chosen)
        sources.append(source[0].upper() + source[1:] + ".")
        targets.append(target[0].upper() + target[1:] + ".")
    return Rows(tuple(sources), tuple(targets))


def dates(n: int, seed: int = 0) -> Rows:
    """Dates from English to Korean."""
    random = np.random.default_rng(seed)
    rows = [random.integers((1900, 0, 1), (2100, 8, 29)).tolist() for _ in range(n)]
    return Rows(
        tuple(f"{MONTHS[month]} {day}, {year}" for year, month, day in rows),
        tuple(f"{year}년 {month + 1}월 {day}일" for year, month, day in rows),
    )


def cut(pairs: Rows, test: int = 60) -> Any:
    """The last report, those before them choose."""
    rows = np.arange(len(pairs))
    return Data(pairs, rows[: -2 * test], rows[-2 * test : -test], rows[-test:])


def say(pairs: Rows, wrong: float, seed: int = 3) -> list[Told]:
    """The true targets, each word another target's with some probability."""
    random = np.random.default_rng(seed)
    words = [word for target in pairs.targets for word in target.split(" ")]
    found = []
    for source, target in zip(pairs.sources, pairs.targets, strict=True):
        text = " ".join(
            str(random.choice(words)) if random.random() < wrong else word
            for word in target.split(" ")
        )
        read, written = pieces(source), pieces(text)
        found.append(Told(text, read, written, looks(len(written), len(read))))
    return found


def pieces(text: str) -> list[str]:
    """Words with the blank before them, long ones in two."""
    found = []
    for word in text.split(" "):
        found += [f" {word[:5]}", word[5:]] if len(word) > 5 else [f" {word}"]
    return found


def looks(down: int, across: int) -> NDArray[np.float64]:
    """Shares that go along the diagonal."""
    far = np.arange(down)[:, None] * across / down - np.arange(across)
    shares: NDArray[np.float64] = np.exp(-1.5 * np.abs(far))
    shares /= shares.sum(1, keepdims=True)
    return shares


def judged(pairs: Rows, wrong: float = 0.1, **more: Any) -> Judged:
    """What a model of such skill says."""
    nats = Forced(100.0 * wrong * len(pairs), 9 * len(pairs), sum(map(len, pairs.targets)))
    given: dict[str, Any] = {"pairs": pairs, "forced": nats, "search": {"beam": 5}} | more
    return Judged(said=say(pairs, wrong), **given)
