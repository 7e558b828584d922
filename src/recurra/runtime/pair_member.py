"""One member of the pairs network in use: embeddings, an encoder, and its decoder."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np

from recurra.errors import BundleError, OptionError
from recurra.runtime.decoder import Decoder, Ids, Reading, check_sizes
from recurra.runtime.layers import Recurrent
from recurra.runtime.weights import Weights


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
        check_sizes(self)
        if self.members < 1:
            raise OptionError(f"members {self.members}", expected="at least 1")
        if self.bidirectional and self.hidden % 2:
            raise OptionError(
                f"--hidden {self.hidden}", expected="an even number: a half for each direction"
            )
        if self.shared and self.sources != self.targets:
            raise OptionError(
                f"{self.sources} and {self.targets} pieces", expected="one shared vocabulary"
            )

    def to_json(self) -> dict[str, Any]:
        """The sizes as plain values."""
        return asdict(self)


@final
class Member:
    """One of the networks whose scores are averaged."""

    def __init__(self, a: Architecture, weights: Weights, number: int) -> None:
        prefix = f"members.{number}."
        targets = weights.matrix(f"{prefix}target_vectors.weight", a.targets, a.embedding)
        self.sources = weights.matrix(f"{prefix}source_vectors.weight", a.sources, a.embedding)
        self.encoder = Recurrent(
            weights,
            a.cell,
            a.embedding,
            a.hidden // 2 if a.bidirectional else a.hidden,
            a.layers,
            bidirectional=a.bidirectional,
            prefix=f"{prefix}encoder.",
        )
        self.decoder = Decoder(a, weights, f"{prefix}decoder.", f"{number}.")
        if not np.array_equal(self.decoder.vectors, targets) or (
            a.shared and not np.array_equal(self.sources, targets)
        ):
            raise BundleError("vectors of one vocabulary that differ", expected="the same twice")
        if a.shared:
            self.sources = self.decoder.vectors

    def encode(self, ids: Ids, lengths: Ids, threads: int) -> Reading:
        """Read sources, ids (B, S)."""
        values, last = self.encoder.run(self.sources, lengths=lengths, x_rows=ids, threads=threads)
        ways = self.encoder.names[-self.encoder.directions :]
        vector = np.concatenate([last[hidden] for hidden, _ in ways], 1)
        return self.decoder.reading(values, vector, threads)
