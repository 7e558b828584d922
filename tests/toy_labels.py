"""Examples of each kind that a small network learns in a second, and networks for them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from recurra.networks.labels import LabelNetwork
from recurra.runtime.labels import Architecture
from recurra.tasks.labels import data
from recurra.tasks.labels.config import EncodedDataset
from recurra.tasks.labels.splits import LabelData
from recurra.training.loop import seeded

KINDS = ("text", "tokens", "tags", "numbers")

NOISE = ["the", "a", "film", "scene", "actor", "plot", "of", "and", "was", "it", "music", "this"]
GOOD, BAD = ["good", "great", "fine"], ["bad", "awful", "dull"]


def texts(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Sentences of 1 to 12 words, one of which says whether it was good."""
    draw = np.random.default_rng(seed)
    found, labels = [], []
    for row in range(count):
        words = draw.choice(NOISE, draw.integers(0, 12)).tolist()
        good = row % 3 > 0
        words.insert(int(draw.integers(0, len(words) + 1)), str(draw.choice(GOOD if good else BAD)))
        found.append(" ".join(words))
        labels.append("good" if good else "bad")
    return found, labels


def tagged(count: int, seed: int = 0) -> tuple[list[list[str]], list[list[str]]]:
    """Tokens, each tagged by itself and by the one before: after "not" all is turned."""
    draw = np.random.default_rng(seed)
    found, labels = [], []
    for _ in range(count):
        tokens = draw.choice([*GOOD, *BAD, "not", "film"], draw.integers(1, 9)).tolist()
        tags = []
        for before, token in zip(["", *tokens], tokens, strict=False):
            good = (token in GOOD) != (before == "not")
            tags.append("O" if token not in GOOD + BAD else "good" if good else "bad")
        found.append(tokens)
        labels.append(tags)
    return found, labels


def numbers(count: int, seed: int = 0) -> tuple[list[Any], list[int]]:
    """Two channels over 3 to 14 steps: does the first one rise or fall?"""
    draw = np.random.default_rng(seed)
    found, labels = [], []
    for row in range(count):
        steps, rises = int(draw.integers(3, 15)), row % 2
        ramp = np.linspace(-1, 1, steps) * (1 if rises else -1)
        values = np.stack([ramp, np.zeros(steps)], 1) + draw.normal(0, 0.3, (steps, 2))
        found.append((values * [3.0, 100.0] + [7.0, -50.0]).astype(np.float32))
        labels.append(rises)
    return found, labels


@cache
def label_data(kind: str, count: int = 200) -> LabelData:
    """Examples of a kind, cut into parts."""
    if kind == "tags":
        return data.from_python(*tagged(count), name="toy")
    if kind == "numbers":
        return data.from_python(*numbers(count), name="toy")
    found, labels = texts(count)
    if kind == "tokens":
        return data.from_python([text.split() for text in found], labels, name="toy")
    return data.from_python(found, labels, name="toy")


@cache
def dataset(kind: str, count: int = 200) -> EncodedDataset:
    """The same, encoded."""
    return EncodedDataset.of(label_data(kind, count), "words")


def network(kind: str, seed: int = 0, **sizes: Any) -> LabelNetwork:
    """A small network for `dataset(kind)`."""
    of = dataset(kind)
    is_numbers = kind == "numbers"
    small: dict[str, Any] = {
        "features": 0 if is_numbers else of.encoder.size,
        "channels": of.encoder.size if is_numbers else 0,
        "classes": len(of.data.classes),
        "tagged": kind == "tags",
        "embedding": 8,
        "cell": "gru",
        "hidden": 10,
        "layers": 1,
        "bidirectional": True,
        "pooling": "max+mean",
        "dropout": 0.0,
        "noise": 0.0,
        "hidden_features": 0.3,
        "members": 1,
    }
    with seeded(seed, 0):
        return LabelNetwork(Architecture(**(small | sizes)))
