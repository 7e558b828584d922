"""What a network for series reads: windows before origins, and what is known beside the values."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple, final

import numpy as np
import numpy.typing as npt

from recurra.runtime.state import Array


@final
@dataclass(frozen=True, eq=False)
class Windows:
    """B origins: the T steps before each, and what is known of the H steps from it on.

    Args:
        values: (B, T) scaled targets; 0 where missing. Short series are filled up on the left.
        present: (B, T) whether there is a target.
        past: (B, T, P) what is known of a step only once it is over.
        known: (B, T + H, K) what is known of a step beforehand, the calendar among it.
        static: (B, D) what holds for all steps of a series.
        unit: (B,) real units that one scaled unit stands for; counts are read in them.
        keys: (B, 2) uint64: the series and the moment of the origin, which paths are drawn by.
    """

    values: Array
    present: npt.NDArray[np.bool_]
    past: Array
    known: Array
    static: Array
    unit: Array
    keys: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.unit)

    def rows(self, rows: slice | npt.NDArray[np.int64]) -> Windows:
        """Some of the windows."""
        return Windows(*(getattr(self, each.name)[rows] for each in fields(self)))


class Beside(NamedTuple):
    """What is read beside the values at a step, (B, ...), or at N of them, (B, N, ...).

    Args:
        known: (..., K) what is known of the step beforehand.
        past: (..., P) what is known of the step before, 0 where that is not over yet.
        told: (...) 1 where it is over.
        static: (B, D) what holds for all steps of a series.
        unit: (B,) real units that one scaled unit stands for.
    """

    known: Array
    past: Array
    observed: Array
    static: Array
    unit: Array

    @classmethod
    def of(cls, windows: Windows) -> Beside:
        """At each of the T + H steps of windows."""
        (batch, steps), both = windows.values.shape, windows.known.shape[1]
        # One step late, as it is known once it is over, and not beyond the origin.
        past = np.zeros((batch, both, windows.past.shape[2]), np.float32)
        past[:, 1 : steps + 1] = windows.past[:, : both - 1]
        observed = np.zeros((batch, both), np.float32)
        observed[:, 1 : steps + 1] = 1.0
        return cls(windows.known, past, observed, windows.static, windows.unit)

    def at(self, steps: int | slice) -> Beside:
        """One step, or some, of N."""
        known, past, observed = (each[:, steps] for each in self[:3])
        return Beside(known, past, observed, self.static, self.unit)

    def select(self, rows: npt.NDArray[np.int64]) -> Beside:
        """The rows named by indices."""
        return Beside(*(each[rows] for each in self))
