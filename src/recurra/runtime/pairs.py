"""The pairs network in use: an encoder, a decoder that looks back at it, members averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np

from recurra import native
from recurra.runtime.decoder import Ids
from recurra.runtime.ensemble import ATTENTION, Encoded, Ensemble, EnsembleDecoder, Nats
from recurra.runtime.network import Network
from recurra.runtime.pair_member import Architecture, Member
from recurra.runtime.state import Array
from recurra.runtime.weights import Weights

__all__ = ["ATTENTION", "Architecture", "Encoded", "EnsembleDecoder", "Ids", "PairNetwork"]


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
        self.ensemble = Ensemble([each.decoder for each in self.members], weights, self.threads)

    @property
    def head(self) -> native.Linear:
        """The product with the vocabulary."""
        return self.ensemble.head

    def _count(self, arrays: Mapping[str, Array]) -> int:
        return sum(array.size for array in _once(self.architecture, arrays))

    def encode(self, sources: Sequence[Ids]) -> Encoded:
        """Read B sources, ids (S,) each."""
        ids, lengths = _padded(sources)
        read = [member.encode(ids, lengths, self.threads) for member in self.members]
        return Encoded(tuple(read), lengths)

    def decoder(self, encoded: Encoded) -> EnsembleDecoder:
        """What writes the targets of these sources, step by step."""
        return self.ensemble.decoder(encoded)

    def log_likelihood(self, sources: Sequence[Ids], targets: Sequence[Ids]) -> list[Nats]:
        """The log-probability of each piece of known targets but the first, (T - 1,) each.

        Args:
            sources: ids (S,) each.
            targets: ids (T,) each, from the piece that begins one to the piece that ends it.
        """
        return self.ensemble.log_likelihood(
            lambda rows: self.encode([sources[row] for row in rows]), targets
        )


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
