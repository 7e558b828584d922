"""Pairs that a small network learns to the last letter in seconds, and networks for them."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from recurra.networks.pairs import PairNetwork
from recurra.runtime.pairs import Architecture
from recurra.tasks.pairs import data
from recurra.tasks.pairs.config import EncodedDataset
from recurra.training.loop import seeded

WORDS = ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]

Rows = list[tuple[str, str]]

LESS: dict[str, Any] = {
    "hidden": 48,
    "embedding": 32,
    "layers": 1,
    "batch": 32,
    "dropout": 0.0,
    "smoothing": 0.0,
    "threads": 1,
    "lr": 0.05,
    "precision": "float32",
}
"""Options of a training that takes two seconds."""


def spelt(count: int, names: int = 0, seed: int = 0) -> Rows:
    """Up to four different digits, and the words for them; so many have a name that comes once."""
    draw, rows = random.Random(seed), []
    for k in range(count):
        digits = draw.sample(range(10), draw.randint(1, 4))
        read, said = [str(each) for each in digits], [WORDS[each] for each in digits]
        if k < names:
            at = draw.randrange(len(read))
            read[at] = said[at] = f"Name{seed}x{k}"
        rows.append((" ".join(read), " ".join(said)))
    draw.shuffle(rows)
    return rows


def turned(count: int, seed: int = 0, letters: str = "abcdefgh") -> Rows:
    """Words of up to five different letters, and the same from their end."""
    draw, rows = random.Random(seed), []
    for _ in range(count):
        word = "".join(draw.sample(letters, draw.randint(1, 5)))
        rows.append((word, word[::-1]))
    return rows


UNSEEN: Rows = spelt(40, names=12, seed=9)
"""Pairs to try a model of `spelt` on, that did not train it."""

SOURCES: list[str] = [source for source, _ in UNSEEN[:12]] + [
    "",
    "abcde",
    "7",
    "x y z",
    "1 2 3 4 5 6 7 8 9",
]
"""What any model can be asked for, in and out of what it knows."""


@cache
def dataset(tokens: str = "characters", count: int = 200) -> EncodedDataset:
    """Spelt digits, cut into parts, encoded."""
    return EncodedDataset.of(data.from_python(spelt(count), name="toy"), tokens, False)


def network(of: EncodedDataset, seed: int = 0, **sizes: Any) -> PairNetwork:
    """A small network for pairs."""
    small: dict[str, Any] = {
        "sources": len(of.sources),
        "targets": len(of.targets),
        "shared": of.sources is of.targets,
        "cell": "gru",
        "embedding": 12,
        "hidden": 16,
        "layers": 1,
        "bidirectional": True,
        "attention": "general",
        "feeding": "up",
        "dropout": 0.0,
        "members": 1,
    }
    with seeded(seed, 0):
        return PairNetwork(Architecture(**(small | sizes)))
