"""Examples of unequal length in batches of like lengths, a function of (seed, epoch) alone."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from recurra.errors import BundleError

Rows = np.ndarray[Any, np.dtype[np.int64]]

TOGETHER = 16
"""Batches whose examples are sorted by length among themselves, at most a quarter of them."""


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
        together: the share of all batches that a stretch has; by default sixteen at most.
        rising: whether the first epoch goes from the shortest to the longest: an alignment is
            found sooner in short examples (Amodei et al. 2016, arXiv:1512.02595).
    """

    def __init__(
        self,
        rows: Rows,
        lengths: Rows,
        *,
        size: int,
        seed: int,
        together: float | None = None,
        rising: bool = False,
    ) -> None:
        self.rows, self.lengths, self.seed = rows, lengths, seed
        self.size = min(size, len(rows))
        self.count = len(rows) // self.size
        share = min(TOGETHER, self.count // 4) if together is None else int(together * self.count)
        self._stretch = max(1, share) * self.size
        self._rising, self._epoch, self._order = rising, -1, rows

    def read(self, epoch: int, number: int) -> Rows:
        """The rows (size,) of a batch, number 0 .. count - 1, in order of length.

        Raises:
            BundleError: a checkpoint stands at a batch that there is not.
        """
        if not 0 <= number < self.count:
            raise BundleError(
                f"batch {number} of a pass of {self.count}",
                expected="the batches that the training was begun with",
                fix="restore the run from a copy, or train again",
            )
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._shuffled(epoch)
        found: Rows = self._order[number]
        return found

    def _shuffled(self, epoch: int) -> Rows:
        draw = np.random.default_rng((self.seed, epoch))
        order = draw.permutation(len(self.rows))[: self.count * self.size]
        rising = self._rising and epoch == 0
        stretch = len(order) if rising else self._stretch
        for start in range(0, len(order), stretch):
            part = order[start : start + stretch]
            order[start : start + stretch] = part[np.argsort(self.lengths[part], kind="stable")]
        batches = order.reshape(self.count, self.size)
        found: Rows = self.rows[batches if rising else draw.permutation(batches, axis=0)]
        return found
