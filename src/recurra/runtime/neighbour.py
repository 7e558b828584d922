"""The nearest of known sequences: step against step, or with time warped to fit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
Numbers = NDArray[np.int64]

LONGEST: Final = 256
"""Steps that longer sequences are resampled to where there is no time for all of their own."""

_ROWS_AT_ONCE: Final = 256
_AT_ONCE: Final = 1 << 22  # cells of the warping at a time: 16 MB

# A second's work on one slow core, so that what is left out follows from the data alone.
_STEPS_A_SECOND: Final = 300e6
_CELLS_A_SECOND: Final = 30e6


class Distance(ABC):
    """How far two sequences are apart."""

    name: str
    note: str

    @abstractmethod
    def nearest(self, asked: Sequence[Values], known: Sequence[Values]) -> Numbers:
        """For each asked (T, C) the number of the nearest known sequence; the first of equals."""

    @abstractmethod
    def seconds(self, asked: Numbers, known: Numbers) -> float:
        """How long it takes on one slow core to lay all that are asked beside all known ones.

        Args:
            asked: steps of each question.
            known: steps of each known sequence, (N,).
        """


def distances(longest: int) -> tuple[Sequence[Distance], ...]:
    """Those there are, for known sequences of up to so many steps; of each its ways, best first."""
    euclidean: list[Distance] = [Euclidean(longest)]
    if longest > LONGEST:
        euclidean.append(Euclidean(LONGEST, f" at {LONGEST} steps"))
    return euclidean, [Warped()]


@final
class Euclidean(Distance):
    """The squared differences of all steps, once all sequences have the same number of them."""

    def __init__(self, length: int, suffix: str = "") -> None:
        self.length = length
        self.name = f"Euclidean distance{suffix}"
        self.note = f"every sequence resampled to {length:,} steps"

    def nearest(self, asked: Sequence[Values], known: Sequence[Values]) -> Numbers:
        """By one product of matrices, a block of them at a time."""
        table = np.stack([resampled(each, self.length).ravel() for each in known])
        table = table.astype(np.float64)
        lengths = (table**2).sum(1)
        found = np.zeros(len(asked), np.int64)
        for first in range(0, len(asked), _ROWS_AT_ONCE):
            some = asked[first : first + _ROWS_AT_ONCE]
            rows = np.stack([resampled(each, self.length).ravel() for each in some])
            found[first : first + len(some)] = (lengths - 2 * (rows @ table.T)).argmin(1)
        return found

    def seconds(self, asked: Numbers, known: Numbers) -> float:
        """By the pairs of steps that are compared."""
        return len(asked) * len(known) * self.length / _STEPS_A_SECOND


@final
class Warped(Distance):
    """Dynamic time warping of all channels together, without a window (Shokoohi-Yekta 2017)."""

    name = "dynamic time warping"
    note = "all channels warped together, no window"

    def nearest(self, asked: Sequence[Values], known: Sequence[Values]) -> Numbers:
        """One asked sequence against all known ones at a time."""
        ends = np.array([len(each) for each in known])
        found = np.zeros(len(asked), np.int64)
        for row, each in enumerate(asked):
            at_once = max(1, _AT_ONCE // (len(each) * int(ends.max())))
            far = [
                warping(each, known[first : first + at_once])
                for first in range(0, len(known), at_once)
            ]
            found[row] = int(np.concatenate(far).argmin())
        return found

    def seconds(self, asked: Numbers, known: Numbers) -> float:
        """By the pairs of steps that are compared; the known ones are padded to the longest."""
        return float(asked.sum()) * float(known.max()) * len(known) / _CELLS_A_SECOND


def resampled(sequence: Values, length: int) -> Values:
    """A sequence (T, C) as `length` steps from its first to its last, on straight lines between."""
    steps = len(sequence)
    if steps == length:
        return sequence
    places = np.linspace(0, steps - 1, length)
    before = np.minimum(places.astype(np.int64), max(steps - 2, 0))
    after = np.minimum(before + 1, steps - 1)
    share = (places - before)[:, None]
    found: Values = ((1 - share) * sequence[before] + share * sequence[after]).astype(np.float32)
    return found


def warping(asked: Values, known: Sequence[Values]) -> NDArray[np.float32]:
    """The squared distance by dynamic time warping of (T, C) to each of the known (T', C), (N,).

    The least sum of squared differences over all ways from both first steps to both last ones that
    never go back (Sakoe & Chiba 1978), found one diagonal after the other for all N at once.
    """
    ends = np.array([len(each) for each in known])
    steps, longest = len(asked), int(ends.max())
    padded = np.zeros((longest, len(known), asked.shape[1]), np.float32)
    for number, each in enumerate(known):
        padded[: len(each), number] = each
    # (T, T', N): what it costs to lay one step beside the other.
    cost = (asked**2).sum(1)[:, None, None] + (padded**2).sum(2) - 2 * np.inner(asked, padded)
    np.maximum(cost, 0, out=cost)
    far = np.zeros(len(known), np.float32)
    # Place i + 1 holds step i of what is asked, so that place 0 is before the beginning.
    empty = np.full((steps + 1, len(known)), np.inf, np.float32)
    last, before_last = empty, empty.copy()
    before_last[0] = 0
    for diagonal in range(steps + longest - 1):
        rows = np.arange(max(0, diagonal - longest + 1), min(steps - 1, diagonal) + 1)
        best = np.minimum(np.minimum(last[rows + 1], last[rows]), before_last[rows])
        current = empty.copy()
        current[rows + 1] = best + cost[rows, diagonal - rows]
        done = ends - 1 == diagonal - (steps - 1)
        far[done] = current[steps, done]
        last, before_last = current, last
    return far
