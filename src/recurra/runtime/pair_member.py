"""One member of the pairs network in use: embeddings, an encoder, a decoder with attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from recurra.errors import BundleError, OptionError
from recurra.runtime.attention import KINDS, Attention
from recurra.runtime.layers import CELLS, Recurrent, linear
from recurra.runtime.state import Array
from recurra.runtime.weights import Weights

Ids = npt.NDArray[np.int64]

FEEDINGS: Final = ("up", "input")


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
class Reading:
    """What one member has read of B sources.

    values (B, S, H), what is looked at; keys and again (B, S, A), what the first look compares with
    and the second; vector (B, H), the encoder's last state.
    """

    values: Array
    keys: Array
    again: Array
    vector: Array


@final
class Member:
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

    def encode(self, ids: Ids, lengths: Ids, threads: int) -> Reading:
        """Read sources, ids (B, S)."""
        values, last = self.encoder.run(self.sources, lengths=lengths, x_rows=ids, threads=threads)
        ways = self.encoder.names[-self.encoder.directions :]
        vector = np.concatenate([last[hidden] for hidden, _ in ways], 1)
        keys = again = values
        if self.attention is not None:
            keys = self.attention.keys(values, threads)
        if self.last is not None:
            again = self.last.keys(values, threads)
        return Reading(values, keys, again, vector)

    def begin(self, encoded: Reading, owners: Ids, threads: int) -> dict[str, Array]:
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
        encoded: Reading,
        lengths: Ids,
        owners: Ids,
        threads: int,
    ) -> tuple[Array, Array | None]:
        """One step of R rows: what the vocabulary is compared with, (R, E), and where it looked."""
        x, context = self.targets, None
        rows: Ids | None = tokens
        if self.fed:
            x, rows = np.concatenate([x[tokens], before[self.fed]], 1), None
        elif self.attention is None:
            context = encoded.vector[owners]
            x, rows = np.concatenate([x[tokens], context], 1), None
        shown = self.lower.step(x, before, after, x_rows=rows, threads=threads)
        found, attention = self._found(
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
        return found, attention

    def read(
        self, inputs: Ids, counts: Ids, encoded: Reading, lengths: Ids, owners: Ids, threads: int
    ) -> Array:
        """All steps of known inputs (N,), `counts` (B,) of each source: as `step`, (N, E)."""
        first = self.begin(encoded, np.arange(len(counts)), threads)
        x, context = self.targets, None
        rows: Ids | None = inputs
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
        encoded: Reading,
        lengths: Ids,
        owners: Ids,
        threads: int,
    ) -> tuple[Array, Array | None]:
        """What the layers over `shown` (R, H) find, (R, E), and where they looked last."""
        attention = None
        if self.attention is not None:
            context, attention = self.attention(
                shown, encoded.keys, encoded.values, lengths, owners, threads
            )
        assert context is not None
        if self.last is not None:
            shown = upper(np.concatenate([shown, context], 1))
            context, attention = self.last(
                shown, encoded.again, encoded.values, lengths, owners, threads
            )
        found = self.output(np.concatenate([shown, context], 1), threads=threads)
        np.tanh(found, out=found)
        return found, attention
