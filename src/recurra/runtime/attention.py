"""Attention on arrays: what a query finds in a source, and where it looks, by five scores."""

from __future__ import annotations

from typing import Final, final

import numpy as np
import numpy.typing as npt

from recurra import native
from recurra.runtime.layers import linear
from recurra.runtime.state import Array
from recurra.runtime.weights import Weights

Ids = npt.NDArray[np.int64]

KINDS: Final = ("dot", "scaled_dot", "general", "concat", "location")
"""The scores, whose equations stand in `recurra.core.attention`."""

REACH: Final = 128
"""Steps that location has scores for; it never looks at later ones."""

_SCORED: Final = 1 << 21
"""Numbers of concat's comparison that exist at a time."""


@final
class Attention:
    """What a query finds in a source, and where: one of KINDS."""

    def __init__(self, weights: Weights, prefix: str, kind: str, size: int) -> None:
        self.kind = kind
        self.scale = 1.0 / float(np.sqrt(np.float32(size))) if kind == "scaled_dot" else 1.0
        self.key: native.Linear | None = None
        if kind == "general":
            self.key = _matrix(weights, f"{prefix}key.weight", size, size)
        elif kind == "concat":
            self.key = linear(weights, f"{prefix}key", size, size)
            self.query = _matrix(weights, f"{prefix}query.weight", size, size)
            self.score = _matrix(weights, f"{prefix}score.weight", 1, size)
        elif kind == "location":
            self.place = _matrix(weights, f"{prefix}place.weight", REACH, size)

    def keys(self, values: Array, threads: int) -> Array:
        """What queries are compared with, (B, S, A), once for each source."""
        if self.key is None:
            return values
        flat = self.key(values.reshape(-1, values.shape[2]), threads=threads)
        return flat.reshape(values.shape)

    def __call__(
        self, query: Array, keys: Array, values: Array, lengths: Ids, owners: Ids, threads: int
    ) -> tuple[Array, Array]:
        """Context (R, H) and weights (R, S) for queries (R, H), of sources `owners` (R,)."""
        if self.kind == "location":
            placed = self.place(query, threads=threads)
            scores = np.zeros((len(query), values.shape[1]), np.float32)
            reached = min(REACH, scores.shape[1])
            scores[:, :reached] = placed[:, :reached]
            within = np.minimum(lengths, REACH)
            return native.mix(scores, values, within, owners, threads=threads)
        if self.kind == "concat":
            scores = self._compared(self.query(query, threads=threads), keys, owners, threads)
            return native.mix(scores, values, lengths, owners, threads=threads)
        return native.attend(
            query, keys, values, lengths, owners, scale=self.scale, threads=threads
        )

    def _compared(self, query: Array, keys: Array, owners: Ids, threads: int) -> Array:
        """w . tanh(q + k) for each of the steps of each row's source, (R, S)."""
        _, steps, size = keys.shape
        scores = np.empty((len(query), steps), np.float32)
        some = max(1, _SCORED // max(1, steps * size))
        for start in range(0, len(query), some):
            rows = slice(start, start + some)
            both = keys[owners[rows]]
            both += query[rows, None, :]
            np.tanh(both, out=both)
            found = self.score(both.reshape(-1, size), threads=threads)
            scores[rows] = found.reshape(-1, steps)
        return scores


def _matrix(weights: Weights, name: str, outputs: int, inputs: int) -> native.Linear:
    """A linear map without a bias."""
    matrix = weights.matrix(name, outputs, inputs)
    return native.Linear(matrix, weights=weights.kept_of(matrix))
