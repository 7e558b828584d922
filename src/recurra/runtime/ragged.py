"""Rows of unequal length, end to end, gone through side by side, in an order that is each row's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import numpy as np
import numpy.typing as npt

from recurra.codecs.ngrams import starts
from recurra.runtime.state import Array

Rows = npt.NDArray[np.int64]


@final
class SideBySide:
    """The first elements of all rows, then the second ones of those that have one, and so on.

    Whatever is summed this way has, in every row, the order of the row itself: the same bits
    alone and among strangers, as a stream has that takes one element after the other.

        each = SideBySide(lengths)
        total = np.zeros((len(lengths), F), np.float32)
        for at in each:
            total[: len(at)] += values[at]
        sums = each.back(total)  # as `recurra.native.folds.sums` has them

    Args:
        lengths: (B,), of which some may be 0.
    """

    def __init__(self, lengths: Rows) -> None:
        # The longest first: those that go on are always the first of all.
        self.order = np.argsort(-lengths, kind="stable")
        self.starts = starts(lengths)[self.order]
        self._falling = lengths[self.order]

    def __iter__(self) -> Iterator[Rows]:
        """Where the t-th elements stand among all, (n,), of the first n rows of `order`."""
        longest = int(self._falling[0]) if len(self._falling) else 0
        going = np.searchsorted(-self._falling, -np.arange(longest), "left")
        for t, n in enumerate(going.tolist()):
            yield self.starts[:n] + t

    def back(self, values: Array) -> Array:
        """Values (B, ...) of rows in `order`, in the order of the lengths."""
        found = np.empty_like(values)
        found[self.order] = values
        return found
