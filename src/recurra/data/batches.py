"""Examples of unequal length in batches of like lengths, a function of (seed, epoch) alone."""

from __future__ import annotations

from typing import Any, final

import numpy as np

Rows = np.ndarray[Any, np.dtype[np.int64]]

TOGETHER = 16
"""Batches whose examples are sorted by length among themselves, where nobody says how many."""


@final
class Batches:
    """Rows drawn without putting back, `size` at a time, those of a batch of like lengths.

    Each epoch shuffles all rows, sorts stretches of some batches by length, and shuffles the
    batches: lengths within a batch are alike, while which rows meet changes from epoch to
    epoch. What does not fill a batch is left out of an epoch, so that every batch weighs the same,
    unless there is no full one.

    Args:
        rows: (N,) which rows, as numbers of whatever holds them.
        lengths: (N,) of these rows.
        size: rows of a batch.
        together: batches of a stretch, at most a quarter of all.
    """

    def __init__(
        self, rows: Rows, lengths: Rows, *, size: int, seed: int, together: int = TOGETHER
    ) -> None:
        self.rows, self.lengths, self.seed, self.together = rows, lengths, seed, together
        self.size = min(size, len(rows))
        self.count = len(rows) // self.size
        self._epoch, self._order = -1, rows

    def read(self, epoch: int, number: int) -> Rows:
        """The rows (size,) of a batch, number 0 .. count - 1, in order of length."""
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._shuffled(epoch)
        found: Rows = self._order[number]
        return found

    def _shuffled(self, epoch: int) -> Rows:
        draw = np.random.default_rng((self.seed, epoch))
        order = draw.permutation(len(self.rows))[: self.count * self.size]
        stretch = min(self.together, max(1, self.count // 4)) * self.size
        for start in range(0, len(order), stretch):
            part = order[start : start + stretch]
            order[start : start + stretch] = part[np.argsort(self.lengths[part], kind="stable")]
        found: Rows = self.rows[draw.permutation(order.reshape(self.count, self.size), axis=0)]
        return found
