"""The pairs network in use: an encoder, a decoder that looks back at it, members averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from recurra import native
from recurra.errors import BundleError, OptionError
from recurra.runtime.attention import KINDS, Attention
from recurra.runtime.layers import CELLS, Recurrent, linear
from recurra.runtime.state import Array, State
from recurra.runtime.weights import Weights

Ids = npt.NDArray[np.int64]
Nats = npt.NDArray[np.float64]

FEEDINGS: Final = ("up", "input")

LOOKED: Final = "attention"
"""The array of a decoder's state that says where its last step looked."""

_LOGITS: Final = 128
"""Targets whose log-likelihood is worked out together."""


@final
@dataclass(frozen=True)
class Architecture:
    """The sizes of a network that translates.

    Args:
        sources, targets: pieces of each side, the reserved ones included.
        shared: whether both sides have one vocabulary, and one vector for each of its pieces.
        cell: rnn, gru or lstm.
        embedding: E, size of a piece's vector; those of targets are the weights of the output too
            (Press and Wolf, 2017, arXiv:1608.05859).
        hidden: H of the decoder; the encoder's directions have H / 2 each.
        layers: of each side.
        bidirectional: whether the source is read from both ends.
        attention: of `recurra.runtime.attention.KINDS`, or none: all that the decoder has of the
            source is the encoder's last state (Cho et al., 2014, arXiv:1406.1078).
        feeding: where what was found goes. up: to the layer above, so that all steps of a known
            target are read at once. input: to the next step's input too (Luong et al., 2015,
            arXiv:1508.04025, section 3.3), one step after the other.
        dropout: share dropped around the recurrent layers, in training.
        members: M, networks whose scores are averaged.
    """

    sources: int
    targets: int
    shared: bool
    cell: str
    embedding: int
    hidden: int
    layers: int
    bidirectional: bool
    attention: str
    feeding: str
    dropout: float
    members: int

    def __post_init__(self) -> None:
        for name, known in (
            ("cell", CELLS),
            ("attention", (*KINDS, "none")),
            ("feeding", FEEDINGS),
        ):
            value = getattr(self, name)
            if value not in known:
                raise OptionError(f"--{name} {value}", expected=f"one of {', '.join(known)}")
        for name in ("embedding", "hidden", "layers", "members"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} {getattr(self, name)}", expected="at least 1")
        if self.attention == "none" and self.feeding == "input":
            raise OptionError(
                "--feeding input with --attention none",
                expected="an attention that finds something",
            )
        if self.bidirectional and self.hidden % 2:
            raise OptionError(
                f"--hidden {self.hidden}", expected="an even number: a half for each direction"
            )
        if self.shared and self.sources != self.targets:
            raise OptionError(
                f"{self.sources} and {self.targets} pieces", expected="one shared vocabulary"
            )

    @property
    def below(self) -> int:
        """Layers of the decoder below its first look at the source."""
        return self.layers if self.feeding == "input" or self.attention == "none" else 1

    def to_json(self) -> dict[str, Any]:
        """The sizes as plain values."""
        return asdict(self)


@final
@dataclass(frozen=True, eq=False)
class _Encoded:
    """What one member has read of B sources.

    values (B, S, H), what is looked at; keys and again (B, S, A), what the first look compares with
    and the second; vector (B, H), the encoder's last state.
    """

    values: Array
    keys: Array
    again: Array
    vector: Array


@final
@dataclass(frozen=True, eq=False)
class Encoded:
    """What all members have read of B sources of `lengths` (B,), of S steps at most."""

    members: tuple[_Encoded, ...]
    lengths: Ids

    @property
    def batch(self) -> int:
        """The number of sources, B."""
        return len(self.lengths)

    @property
    def steps(self) -> int:
        """The steps of the longest, S."""
        return self.members[0].values.shape[1]


@final
class _Member:
    """One of the networks whose scores are averaged: all but the product with the vocabulary."""

    def __init__(self, a: Architecture, weights: Weights, number: int) -> None:
        self.architecture, prefix = a, f"members.{number}."
        self.targets = weights.take(f"{prefix}target_vectors.weight", a.targets, a.embedding)
        self.sources = weights.take(f"{prefix}source_vectors.weight", a.sources, a.embedding)
        again = weights.take(f"{prefix}decoder.vectors.weight", a.targets, a.embedding)
        if not np.array_equal(again, self.targets) or (
            a.shared and not np.array_equal(self.sources, self.targets)
        ):
            raise BundleError("vectors of one vocabulary that differ", expected="the same twice")
        if a.shared:
            self.sources = self.targets
        self.bias = weights.take(f"{prefix}decoder.bias", a.targets)
        self.encoder = Recurrent(
            weights,
            a.cell,
            a.embedding,
            a.hidden // 2 if a.bidirectional else a.hidden,
            a.layers,
            bidirectional=a.bidirectional,
            prefix=f"{prefix}encoder.",
        )
        prefix += "decoder."
        looks = a.attention != "none"
        beside = 0 if a.feeding == "up" and looks else a.hidden if not looks else a.embedding
        self.lower = Recurrent(
            weights,
            a.cell,
            a.embedding + beside,
            a.hidden,
            a.below,
            prefix=f"{prefix}lower.",
            name=f"{number}.lower.",
        )
        self.attention = self.last = None
        if looks:
            self.attention = Attention(weights, f"{prefix}attention.", a.attention, a.hidden)
        self.upper = None
        if a.layers > a.below:
            self.upper = Recurrent(
                weights,
                a.cell,
                2 * a.hidden,
                a.hidden,
                a.layers - a.below,
                prefix=f"{prefix}upper.",
                name=f"{number}.upper.",
            )
            self.last = Attention(weights, f"{prefix}last.", a.attention, a.hidden)
        self.fed = f"{number}.fed" if a.feeding == "input" else ""
        self.bridge = linear(weights, f"{prefix}bridge", a.layers * a.hidden, a.hidden)
        self.output = linear(weights, f"{prefix}output", a.embedding, 2 * a.hidden)

    def encode(self, ids: Ids, lengths: Ids, threads: int) -> _Encoded:
        """Read sources, ids (B, S)."""
        values, last = self.encoder.run(self.sources, lengths=lengths, x_rows=ids, threads=threads)
        ways = self.encoder.names[-self.encoder.directions :]
        vector = np.concatenate([last[hidden] for hidden, _ in ways], 1)
        keys = again = values
        if self.attention is not None:
            keys = self.attention.keys(values, threads)
        if self.last is not None:
            again = self.last.keys(values, threads)
        return _Encoded(values, keys, again, vector)

    def begin(self, encoded: _Encoded, owners: Ids, threads: int) -> dict[str, Array]:
        """The state before the first step of rows of sources `owners` (R,)."""
        a = self.architecture
        started = np.tanh(self.bridge(encoded.vector, threads=threads))[owners]
        found: dict[str, Array] = {}
        layers = [*self.lower.names, *([] if self.upper is None else self.upper.names)]
        for k, (hidden, memory) in enumerate(layers):
            found[hidden] = np.ascontiguousarray(started[:, k * a.hidden : (k + 1) * a.hidden])
            if self.lower.has_cell:
                # What a cell remembers beside its output begins at zero.
                found[memory] = np.zeros_like(found[hidden])
        if self.fed:
            found[self.fed] = np.zeros((len(owners), a.embedding), np.float32)
        return found

    def step(
        self,
        tokens: Ids,
        before: Mapping[str, Array],
        after: dict[str, Array],
        encoded: _Encoded,
        lengths: Ids,
        owners: Ids,
        threads: int,
    ) -> tuple[Array, Array | None]:
        """One step of R rows: what the vocabulary is compared with, (R, E), and where it looked."""
        x, rows, context = self.targets, tokens, None
        if self.fed:
            x, rows = np.concatenate([x[tokens], before[self.fed]], 1), None
        elif self.attention is None:
            context = encoded.vector[owners]
            x, rows = np.concatenate([x[tokens], context], 1), None
        shown = self.lower.step(x, before, after, x_rows=rows, threads=threads)
        found, looked = self._found(
            shown,
            context,
            lambda both: self._upper.step(both, before, after, threads=threads),
            encoded,
            lengths,
            owners,
            threads,
        )
        if self.fed:
            after[self.fed] = found
        return found, looked

    def read(
        self, inputs: Ids, counts: Ids, encoded: _Encoded, lengths: Ids, owners: Ids, threads: int
    ) -> Array:
        """All steps of known inputs (N,), `counts` (B,) of each source: as `step`, (N, E)."""
        first = self.begin(encoded, np.arange(len(counts)), threads)
        x, rows, context = self.targets, inputs, None
        if self.attention is None:
            context = encoded.vector[owners]
            x, rows = np.concatenate([x[inputs], context], 1), None
        shown, _ = self.lower.run(x, first, lengths=counts, x_rows=rows, threads=threads)
        found, _ = self._found(
            shown,
            context,
            lambda both: self._upper.run(both, first, lengths=counts, threads=threads)[0],
            encoded,
            lengths,
            owners,
            threads,
        )
        return found

    @property
    def _upper(self) -> Recurrent:
        assert self.upper is not None
        return self.upper

    def _found(
        self,
        shown: Array,
        context: Array | None,
        upper: Any,
        encoded: _Encoded,
        lengths: Ids,
        owners: Ids,
        threads: int,
    ) -> tuple[Array, Array | None]:
        """What the layers over `shown` (R, H) find, (R, E), and where they looked last."""
        looked = None
        if self.attention is not None:
            context, looked = self.attention(
                shown, encoded.keys, encoded.values, lengths, owners, threads
            )
        assert context is not None
        if self.last is not None:
            shown = upper(np.concatenate([shown, context], 1))
            context, looked = self.last(
                shown, encoded.again, encoded.values, lengths, owners, threads
            )
        found = self.output(np.concatenate([shown, context], 1), threads=threads)
        np.tanh(found, out=found)
        return found, looked


@final
class PairNetwork:
    """A network that translates, on arrays, as it was trained.

        network = PairNetwork(architecture, arrays)
        decoder = network.decoder(network.encode([np.array([5, 3])]))
        outputs, state = decoder.step(np.array([BEGIN]), decoder.begin())
        decoder.logits(outputs)

    `size` is the number of its weights.

    Args:
        architecture: its sizes.
        arrays: its weights, as `networks.pairs.PairNetwork` names them.
        weights: what they are kept in, "float32" or "bfloat16".
        threads: at most so many; no figure depends on it.

    Raises:
        BundleError: weights that do not fit, or are not finite.
    """

    def __init__(
        self,
        architecture: Architecture,
        arrays: Mapping[str, Array],
        *,
        weights: str = "float32",
        threads: int = 1,
    ) -> None:
        self.architecture, self.threads = architecture, threads
        held = Weights(arrays, weights)
        self.members = [_Member(architecture, held, m) for m in range(architecture.members)]
        held.finish()
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
        self.head = native.Linear(vectors, bias, weights=held.kept)
        self.size = sum(array.size for array in _once(architecture, arrays))

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
        arrays[LOOKED] = np.zeros((len(owners), self.encoded.steps), np.float32)
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
        looked: Array | None = None
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
                looked = where if looked is None else looked + where
        if looked is None:
            looked = np.zeros((len(tokens), self.encoded.steps), np.float32)
        elif len(outputs) > 1:
            looked /= np.float32(len(outputs))
        after[LOOKED] = looked
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
