"""Pairs, and translations of them of chosen skill, as a model and its search would give them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.data.source_locations import Places
from recurra.tasks.pairs.evaluate import Forced, Judged
from recurra.tasks.pairs.splits import PairData, Pairs

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


def pairs_of(sources: Sequence[str], targets: Sequence[str]) -> Pairs:
    """Pairs as they come out of a file."""
    where = Places((("pairs.tsv", "line", range(1, len(sources) + 1)),))
    return Pairs(tuple(sources), tuple(targets), where)


@dataclass(frozen=True)
class Summary:
    """A translation."""

    text: str
    source: list[str]
    pieces: list[str]
    attention: Any
    ended: bool = True


def sentences(n: int, seed: int = 0) -> Pairs:
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
    return pairs_of(tuple(sources), tuple(targets))


def dates(n: int, seed: int = 0) -> Pairs:
    """Dates from English to Korean."""
    random = np.random.default_rng(seed)
    rows = [random.integers((1900, 0, 1), (2100, 8, 29)).tolist() for _ in range(n)]
    return pairs_of(
        tuple(f"{MONTHS[month]} {day}, {year}" for year, month, day in rows),
        tuple(f"{year}년 {month + 1}월 {day}일" for year, month, day in rows),
    )


def cut(pairs: Pairs, test: int = 60) -> PairData:
    """The last report, those before them choose."""
    rows = np.arange(len(pairs))
    parts = rows[: -2 * test], rows[-2 * test : -test], rows[-test:]
    return PairData("pairs", (), (), (), *parts, found={}, pairs=pairs)


def say(pairs: Pairs, wrong: float, seed: int = 3) -> list[Summary]:
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
        found.append(Summary(text, read, written, looks(len(written), len(read))))
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


def judged(pairs: Pairs, wrong: float = 0.1, **more: Any) -> Judged:
    """What a model of such skill says."""
    nats = Forced(100.0 * wrong * len(pairs), 9 * len(pairs), sum(map(len, pairs.targets)))
    given: dict[str, Any] = {"pairs": pairs, "forced": nats, "search": {"beam": 5}} | more
    return Judged(said=say(pairs, wrong), **given)
