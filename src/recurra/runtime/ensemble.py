"""Decoders in use that write together, their scores averaged: step by step, or what is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import numpy.typing as npt

from recurra import native
from recurra.runtime.decoder import Decoder, Ids, Reading
from recurra.runtime.state import Array, State
from recurra.runtime.weights import Weights

Nats = npt.NDArray[np.float64]

ATTENTION: Final = "attention"
"""The array of a decoder's state that says where its last step looked."""

_LOGITS: Final = 128
"""Targets whose log-likelihood is worked out together."""


@final
@dataclass(frozen=True, eq=False)
class Encoded:
    """What all members have read of B sources of `lengths` (B,), of S steps at most."""

    members: tuple[Reading, ...]
    lengths: Ids

    @property
    def batch(self) -> int:
        """The number of sources, B."""
        return len(self.lengths)

    @property
    def steps(self) -> int:
        """The steps of the longest, S."""
        return int(self.members[0].values.shape[1])

    def select(self, rows: Ids) -> Encoded:
        """The sources named by indices (K,), which may repeat."""
        return Encoded(tuple(each.select(rows) for each in self.members), self.lengths[rows])


@final
class Ensemble:
    """The decoders of an ensemble's members, and the one product with their vocabularies.

    Args:
        members: M of them, of one vocabulary V.
        weights: where they were taken from.
        threads: at most so many.
    """

    def __init__(self, members: Sequence[Decoder], weights: Weights, threads: int) -> None:
        self.members, self.threads = members, threads
        self.vocabulary = len(members[0].bias)
        count = len(self.members)
        # The mean of scores, which is the geometric mean of probabilities made to sum to one, is
        # one product with what all members found side by side.
        vectors = np.concatenate([member.compared for member in self.members], 1)
        bias = self.members[0].bias.copy()
        for member in self.members[1:]:
            bias += member.bias
        if count > 1:
            vectors /= np.float32(count)
            bias /= np.float32(count)
        kept = weights.kept_of(vectors)
        if kept == "int8" and vectors.shape[1] > sum(each.vectors.shape[1] for each in members):
            # What is shown can be far more than what is found, and steps of int8 are equal.
            kept = "float32"
        self.head = native.Linear(vectors, bias, weights=kept)

    def decoder(self, encoded: Encoded) -> EnsembleDecoder:
        """What writes the targets of these sources, step by step."""
        return EnsembleDecoder(self, encoded, np.arange(encoded.batch))

    def log_likelihood(
        self, encode: Callable[[list[int]], Encoded], targets: Sequence[Ids]
    ) -> list[Nats]:
        """The log-probability of each piece of known targets but the first, (T - 1,) each.

        Args:
            encode: numbers of targets -> what was read of their sources.
            targets: ids (T,) each, from the piece that begins one to the piece that ends it.
        """
        found: list[Nats] = [np.zeros(0)] * len(targets)
        order = np.argsort([len(each) for each in targets], kind="stable").tolist()
        for start in range(0, len(order), _LOGITS):
            rows = order[start : start + _LOGITS]
            inputs = [np.asarray(targets[row][:-1], np.int64) for row in rows]
            answers = np.concatenate([np.asarray(targets[row][1:], np.int64) for row in rows])
            outputs = self._read(encode(rows), inputs)
            logs = self.head.log_likelihood(outputs, answers, threads=self.threads)
            cuts = np.cumsum([len(each) for each in inputs])[:-1]
            for row, each in zip(rows, np.split(logs, cuts), strict=True):
                found[row] = each
        return found

    def _read(self, encoded: Encoded, inputs: Sequence[Ids]) -> Array:
        """What the vocabulary is compared with after each of the inputs, (N, M*E)."""
        counts = np.array([len(each) for each in inputs], np.int64)
        if self.members[0].fed:
            return self._stepped(encoded, inputs, counts)
        owners = np.repeat(np.arange(len(counts)), counts)
        tokens = np.concatenate(inputs)
        return _beside(
            [
                member.read(tokens, counts, each, encoded.lengths, owners, self.threads)
                for member, each in zip(self.members, encoded.members, strict=True)
            ]
        )

    def _stepped(self, encoded: Encoded, inputs: Sequence[Ids], counts: Ids) -> Array:
        """The same where each step reads what the one before it has found."""
        ends = np.cumsum(counts)
        starts = ends - counts
        width = self.head.inputs
        found, tokens = np.empty((int(counts.sum()), width), np.float32), np.concatenate(inputs)
        alive = np.flatnonzero(counts)
        decoder = self.decoder(encoded).select(alive)
        state = decoder.begin()
        for t in range(int(counts.max(initial=0))):
            going = counts[alive] > t
            if not going.all():
                kept = np.flatnonzero(going)
                alive, decoder, state = alive[kept], decoder.select(kept), state.select(kept)
            places = starts[alive] + t
            found[places], state = decoder.step(tokens[places], state)
        return found


@final
@dataclass(frozen=True, eq=False)
class EnsembleDecoder:
    """Writes targets of the sources named by indices `sentences` (k,): what `recurra.search` walks.

    Rows are sentence-major: the hypotheses of the first sentence, of the second, ... Its state has
    the members' arrays beside each other, and `attention` (R, S), where the last step looked, their
    mean; zeros before the first, and where the network does not look.
    """

    ensemble: Ensemble
    encoded: Encoded
    sentences: Ids

    def begin(self, copies: int = 1) -> State:
        """The state before the first step, k * copies rows."""
        owners = self.sentences.repeat(copies)
        arrays: dict[str, Array] = {}
        for member, each in zip(self.ensemble.members, self.encoded.members, strict=True):
            arrays |= member.begin(each, owners, self.ensemble.threads)
        arrays[ATTENTION] = np.zeros((len(owners), self.encoded.steps), np.float32)
        return State(arrays)

    def step(self, tokens: Ids, state: State, counts: Ids | None = None) -> tuple[Array, State]:
        """Tokens (R,) and the state before them -> what scores are made of, (R, M*E), and the next.

        Args:
            counts: (k,) rows of each sentence; equally many without.
        """
        owners = self.sentences
        if counts is not None:
            owners = owners.repeat(counts)
        elif len(tokens) != len(owners):
            owners = owners.repeat(len(tokens) // max(1, len(owners)))
        outputs, after = [], dict[str, Array]()
        attention: Array | None = None
        for member, each in zip(self.ensemble.members, self.encoded.members, strict=True):
            found, where = member.step(
                tokens,
                state.arrays,
                after,
                each,
                self.encoded.lengths,
                owners,
                self.ensemble.threads,
            )
            outputs.append(found)
            if where is not None:
                attention = where if attention is None else attention + where
        if attention is None:
            attention = np.zeros((len(tokens), self.encoded.steps), np.float32)
        elif len(outputs) > 1:
            attention /= np.float32(len(outputs))
        after[ATTENTION] = attention
        return _beside(outputs), State(after)

    def logits(self, outputs: Array) -> Array:
        """Scores (R, V) of what may follow."""
        return self.ensemble.head(outputs, threads=self.ensemble.threads)

    def top(self, outputs: Array, k: int, excluded: Sequence[int] = ()) -> native.Top:
        """The `k` highest of them without those excluded, or all where there are fewer."""
        k = min(k, self.ensemble.vocabulary - len(set(excluded)))
        return self.ensemble.head.top(
            outputs, k, excluded=tuple(set(excluded)), threads=self.ensemble.threads
        )

    def select(self, sentences: Ids) -> EnsembleDecoder:
        """The decoder of these sentences (k,) of its own alone; what was read is not copied."""
        return EnsembleDecoder(self.ensemble, self.encoded, self.sentences[sentences])


def _beside(outputs: Sequence[Array]) -> Array:
    return outputs[0] if len(outputs) == 1 else np.concatenate(outputs, 1)
