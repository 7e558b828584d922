"""The likeliest tags in a row, by a linear chain of scores: Viterbi's algorithm (1967)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from recurra.runtime.ragged import Rows, SideBySide
from recurra.runtime.state import Array


@final
@dataclass(frozen=True, eq=False)
class Chain:
    """Scores of a tag first (K,), after another (K, K: from, to), and last (K,).

    The score of a row of tags is the sum of its steps' scores and of these.
    """

    first: Array
    between: Array
    last: Array

    @classmethod
    def mean(cls, chains: Sequence[Chain]) -> Chain:
        """The chain whose scores are the mean of these."""
        every = [(each.first, each.between, each.last) for each in chains]
        means: list[Array] = [
            np.asarray(np.mean(some, 0, dtype=np.float32)) for some in zip(*every, strict=True)
        ]
        return cls(*means)

    def best(self, scores: Array, lengths: Rows) -> Rows:
        """The likeliest tags (N,) of rows, given the scores (N, K) of their steps, end to end.

        Args:
            lengths: (B,), whose sum is N.
        """
        found = np.empty(len(scores), np.int64)
        total = np.empty((0, len(self.first)), np.float32)
        ending = self.between.T[None]  # to, from: the maximum is over the last axis
        steps, came = list(SideBySide(lengths)), []
        ended: list[Array] = []  # totals of rows that end at a step, the last rows of those so far
        for t, at in enumerate(steps):
            own = scores[at]
            if t == 0:
                total = self.first + own
                continue
            ended.append(total[len(at) :])
            moves = total[: len(at), None] + ending
            before = moves.argmax(2)
            came.append(before)
            total = np.take_along_axis(moves, before[..., None], 2)[..., 0] + own
        ended.append(total)
        tag = np.empty(0, np.int64)
        for t in range(len(steps) - 1, -1, -1):
            if t < len(came):
                tag = came[t][np.arange(len(tag)), tag]
            tag = np.concatenate([tag, (ended[t] + self.last).argmax(1)])
            found[steps[t]] = tag
        return found
