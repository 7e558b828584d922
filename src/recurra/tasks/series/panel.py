"""Series on one frequency, end to end, and where time cuts them into parts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from recurra.data.frequency import Frequency

Counts = NDArray[np.int64]
Part = Literal["train", "select", "test"]


@final
@dataclass(frozen=True, eq=False)
class Panel:
    """S series on one frequency, end to end; N = lengths.sum() steps in all.

    Args:
        ids: (S,) their names.
        frequency: what lies between two steps.
        starts: (S,) ordinal of the first step of each.
        lengths: (S,) steps of each, the last of which has a target.
        values: (N,) targets in real units; NaN where missing.
        past: (N, P) what is known of a step only once it is over, as numbers of one scale.
        ahead: (S,) steps beyond the last target for which `known` is given.
        known: ((lengths + ahead).sum(), K) what is known of a step beforehand.
        static: (S, D) what holds for all steps of a series.
    """

    ids: tuple[str, ...]
    frequency: Frequency
    starts: Counts
    lengths: Counts
    values: NDArray[np.float64]
    past: NDArray[np.float32]
    ahead: Counts
    known: NDArray[np.float32]
    static: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def begins(self) -> Counts:
        """(S,) the row of `values` at which each series begins."""
        found: Counts = np.cumsum(self.lengths) - self.lengths
        return found

    @cached_property
    def known_begins(self) -> Counts:
        """(S,) the row of `known` at which each series begins."""
        rows = self.lengths + self.ahead
        found: Counts = np.cumsum(rows) - rows
        return found

    def of(self, series: int) -> NDArray[np.float64]:
        """The targets (T,) of one series."""
        begin = self.begins[series]
        return self.values[begin : begin + self.lengths[series]]

    def actuals(self, series: Counts, origins: Counts, horizon: int) -> NDArray[np.float64]:
        """The targets (W, H) from each origin on; NaN where missing, or beyond the end."""
        steps = origins[:, None] + np.arange(horizon)
        inside = steps < self.lengths[series][:, None]
        rows = np.where(inside, self.begins[series][:, None] + steps, 0)
        return np.where(inside, self.values[rows], np.nan)
