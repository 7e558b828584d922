"""The verb: what a network says of examples, group after group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from recurra.codecs.ngrams import positions, starts
from recurra.codecs.sequence_encoder import Encoder, Inputs, Rows
from recurra.codecs.words import word_pattern
from recurra.runtime.labels import LabelNetwork

Scores = NDArray[np.float64]
X = TypeVar("X")

AT_ONCE: Final = 1024
"""Examples encoded and scored together: what they share is worked out once."""


def scores(network: LabelNetwork, inputs: Inputs, rows: Rows, member: int | None = None) -> Scores:
    """Scores (n, K) of rows, in their order; where steps are tagged of all their steps, end to end.

    Args:
        member: the one to ask; all of them without.
    """
    tagged = network.architecture.tagged
    sizes = inputs.lengths[rows] if tagged else np.ones(len(rows), np.int64)
    begin = starts(sizes)
    found = np.empty((int(sizes.sum()), network.architecture.classes))
    for part in pieces(np.arange(len(rows)), inputs.lengths[rows]):
        said = network.scores(inputs.batch(rows[part], distinct=True), member)
        found[positions(begin[part], sizes[part])] = said
    return found


def tags(network: LabelNetwork, said: Scores, lengths: Rows) -> list[Rows]:
    """The likeliest tags of each row, given the scores of all steps, end to end."""
    begin = starts(lengths)
    found: list[Rows] = [np.empty(0, np.int64)] * len(lengths)
    for part in pieces(np.arange(len(lengths)), lengths):
        best = network.tags(said[positions(begin[part], lengths[part])], lengths[part])
        ends = np.cumsum(lengths[part])[:-1]
        for row, each in zip(part.tolist(), np.split(best, ends), strict=True):
            found[row] = each
    return found


def pieces(rows: Rows, lengths: Rows, most: int | None = None) -> list[Rows]:
    """Rows in pieces of like lengths, small enough to be scored at once.

    Args:
        most: rows of a piece; `AT_ONCE` without.
    """
    if not len(rows):
        return []
    order = rows[np.argsort(lengths[rows], kind="stable")]
    return np.array_split(order, -(-len(order) // (most or AT_ONCE)))


def ahead(encoder: Encoder, groups: Iterable[Sequence[X]]) -> Iterator[tuple[Sequence[X], Inputs]]:
    """Encode groups of raw inputs, large ones in parts: two cores share the work of a group.

    While whoever asks is busy with a part, the next one is encoded. A group is done before the
    next one is asked for: who types one line and waits has its answer.
    """
    with ThreadPoolExecutor(1) as other:
        for group in groups:
            size = -(-len(group) // max(1, -(-len(group) // AT_ONCE)))  # parts of one size
            parts = [group[at : at + size] for at in range(0, len(group), size or 1)]
            coming = [other.submit(encoder.encode, part) for part in parts[:1]]
            for part, following in zip_longest(parts, parts[1:]):
                encoded = coming.pop().result()
                if following is not None:
                    coming.append(other.submit(encoder.encode, following))
                yield part, encoded


def unsplit(encoder: Encoder, rows: Iterable[Sequence[str]]) -> list[str]:
    """Tokens that training never had, each once, of whose words it had some: "call.", a sentence.

    They are what a tagger is given where a text was cut at blanks alone.
    """
    units, find = encoder.units, word_pattern().findall
    if units is None or units.kind != "words":
        return []
    found = dict.fromkeys(token for row in rows for token in row if not units.knows(token))
    return [
        token
        for token in found
        if len(words := find(token)) > 1 and any(map(units.knows, words)) and words != [token]
    ]
