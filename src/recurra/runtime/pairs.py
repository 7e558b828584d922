"""The pairs network in use: an encoder, a decoder that looks back at it, members averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import numpy.typing as npt

from recurra import native
from recurra.runtime.network import Network
from recurra.runtime.pair_member import Architecture, Ids, Member, Reading
from recurra.runtime.state import Array, State
from recurra.runtime.weights import Weights

__all__ = ["ATTENTION", "Architecture", "Encoded", "Ids", "PairDecoder", "PairNetwork"]

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


@final
class PairNetwork(Network[Architecture]):
    """A network that translates, on arrays, as it was trained.

        network = PairNetwork(architecture, arrays)
        decoder = network.decoder(network.encode([np.array([5, 3])]))
        outputs, state = decoder.step(np.array([BEGIN]), decoder.begin())
        decoder.logits(outputs)

    `size` is the number of its weights.
    """

    def _take(self, weights: Weights) -> None:
        a = self.architecture
        self.members = [Member(a, weights, m) for m in range(a.members)]
        count = len(self.members)
        # The mean of scores, which is the geometric mean of probabilities made to sum to one, is
        # one product with what all members found side by side.
        vectors = np.concatenate([member.targets for member in self.members], 1)
        bias = self.members[0].bias.copy()
        for member in self.members[1:]:
            bias += member.bias
        if count > 1:
            vectors /= np.float32(count)
            bias /= np.float32(count)
        self.head = native.Linear(vectors, bias, weights=weights.kept)

    def _count(self, arrays: Mapping[str, Array]) -> int:
        return sum(array.size for array in _once(self.architecture, arrays))

    def encode(self, sources: Sequence[Ids]) -> Encoded:
        """Read B sources, ids (S,) each."""
        ids, lengths = _padded(sources)
        read = [member.encode(ids, lengths, self.threads) for member in self.members]
        return Encoded(tuple(read), lengths)

    def decoder(self, encoded: Encoded) -> PairDecoder:
        """What writes the targets of these sources, step by step."""
        return PairDecoder(self, encoded, np.arange(encoded.batch))

    def log_likelihood(self, sources: Sequence[Ids], targets: Sequence[Ids]) -> list[Nats]:
        """The log-probability of each piece of known targets but the first, (T - 1,) each.

        Args:
            sources: ids (S,) each.
            targets: ids (T,) each, from the piece that begins one to the piece that ends it.
        """
        found: list[Nats] = [np.zeros(0)] * len(targets)
        order = np.argsort([len(each) for each in targets], kind="stable").tolist()
        for start in range(0, len(order), _LOGITS):
            rows = order[start : start + _LOGITS]
            inputs = [np.asarray(targets[row][:-1], np.int64) for row in rows]
            answers = np.concatenate([np.asarray(targets[row][1:], np.int64) for row in rows])
            outputs = self._read(self.encode([sources[row] for row in rows]), inputs)
            logs = self.head.log_likelihood(outputs, answers, threads=self.threads)
            cuts = np.cumsum([len(each) for each in inputs])[:-1]
            for row, each in zip(rows, np.split(logs, cuts), strict=True):
                found[row] = each
        return found

    def _read(self, encoded: Encoded, inputs: Sequence[Ids]) -> Array:
        """What the vocabulary is compared with after each of the inputs, (N, M*E)."""
        counts = np.array([len(each) for each in inputs], np.int64)
        if self.architecture.feeding == "input":
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
class PairDecoder:
    """Writes targets of the sources named by indices `sentences` (k,): what `recurra.search` walks.

    Rows are sentence-major: the hypotheses of the first sentence, of the second, ... Its state has
    the members' arrays beside each other, and `attention` (R, S), where the last step looked, their
    mean; zeros before the first, and where the network does not look.
    """

    network: PairNetwork
    encoded: Encoded
    sentences: Ids

    def begin(self, copies: int = 1) -> State:
        """The state before the first step, k * copies rows."""
        owners = self.sentences.repeat(copies)
        arrays: dict[str, Array] = {}
        for member, each in zip(self.network.members, self.encoded.members, strict=True):
            arrays |= member.begin(each, owners, self.network.threads)
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
        for member, each in zip(self.network.members, self.encoded.members, strict=True):
            found, where = member.step(
                tokens,
                state.arrays,
                after,
                each,
                self.encoded.lengths,
                owners,
                self.network.threads,
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
        return self.network.head(outputs, threads=self.network.threads)

    def top(self, outputs: Array, k: int, excluded: Sequence[int] = ()) -> native.Top:
        """The `k` highest of them without those excluded, or all where there are fewer."""
        k = min(k, self.network.architecture.targets - len(set(excluded)))
        return self.network.head.top(
            outputs, k, excluded=tuple(set(excluded)), threads=self.network.threads
        )

    def select(self, sentences: Ids) -> PairDecoder:
        """The decoder of these sentences (k,) of its own alone; what was read is not copied."""
        return PairDecoder(self.network, self.encoded, self.sentences[sentences])


def _beside(outputs: Sequence[Array]) -> Array:
    return outputs[0] if len(outputs) == 1 else np.concatenate(outputs, 1)


def _padded(rows: Sequence[Ids]) -> tuple[Ids, Ids]:
    """Rows of ids as one array (B, S) that zeros fill up, and their lengths (B,)."""
    lengths = np.array([len(each) for each in rows], np.int64)
    ids = np.zeros((len(rows), int(lengths.max(initial=1))), np.int64)
    real = np.arange(ids.shape[1]) < lengths[:, None]
    ids[real] = np.concatenate([np.zeros(0, np.int64), *rows])
    return ids, lengths


def _once(a: Architecture, arrays: Mapping[str, Array]) -> list[Array]:
    """The weights, each once: vectors of one vocabulary have several names."""
    again = ("decoder.vectors.weight", *(["source_vectors.weight"] if a.shared else []))
    return [array for name, array in arrays.items() if not name.endswith(again)]
