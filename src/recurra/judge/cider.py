"""CIDEr-D: how far a caption is what most people say of a picture."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

_ORDERS: Final = 4  # n-grams of 1 to 4 words
_SIGMA: Final = 6.0  # words by which lengths may differ

Words = Sequence[str]
Gram = tuple[str, ...]
Grams = list[Counter[Gram]]  # of each order
Vectors = list[dict[Gram, float]]


def cider(captions: Sequence[Words], references: Sequence[Sequence[Words]]) -> list[float]:
    """CIDEr-D of each picture, from 0 to 10 (Vedantam et al. 2015, arXiv:1411.5726).

    An n-gram weighs by the logarithm of the pictures over those in whose references it is. The
    words are as they stand, neither stemmed nor in lower case, so that all languages are alike:
    figures are not those of COCO's server. A caption that is each of its references has 10, less a
    quarter for each order of n-grams that it has none of, or none that others lack.

    cider([["a", "dog"], ["a", "cat"]], [[["a", "dog"]], [["a", "cat"]]])    [5.0, 5.0]

    Args:
        captions: the words of N captions.
        references: the words of each reference of each picture.
    """
    held = [[_grams(text) for text in each] for each in references]
    pictures: Counter[Gram] = Counter()
    for each in held:
        pictures.update({gram for text in each for order in text for gram in order})
    unseen = math.log(len(held))  # as if it were in one
    weights = {gram: unseen - math.log(times) for gram, times in pictures.items()}

    def weighted(text: Grams) -> Vectors:
        return [{g: times * weights.get(g, unseen) for g, times in o.items()} for o in text]

    found = []
    for words, theirs, each in zip(captions, references, held, strict=True):
        ours = weighted(_grams(words))
        alike = [
            _cosine(ours, weighted(text)) * _penalty(len(words) - len(other))
            for other, text in zip(theirs, each, strict=True)
        ]
        found.append(10 * sum(alike) / len(alike))
    return found


def _grams(words: Words) -> Grams:
    return [
        Counter(tuple(words[n : n + order]) for n in range(len(words) - order + 1))
        for order in range(1, _ORDERS + 1)
    ]


def _cosine(ours: Vectors, theirs: Vectors) -> float:
    """The mean over the orders; what is said more often than a reference has it is clipped."""
    total = 0.0
    for one, other in zip(ours, theirs, strict=True):
        norm = math.hypot(*one.values()) * math.hypot(*other.values())
        if norm:
            common = sum(min(one[g], weight) * weight for g, weight in other.items() if g in one)
            total += common / norm
    return total / _ORDERS


def _penalty(apart: int) -> float:
    return math.exp(-(apart**2) / (2 * _SIGMA**2))
