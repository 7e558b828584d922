"""What was known of each series before an origin, scaled, for many origins at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.panel import Counts, Panel
from recurra.tasks.series.scale import Scale

Floats = NDArray[np.float64]

_SEASONS: Final = 4  # that are searched for a value of a step's place in the season
_AT_ONCE: Final = 1 << 22  # cells that are looked up together


@final
@dataclass(frozen=True, eq=False)
class Past:
    """The targets of a panel (N,) scaled, and what each origin knows of them.

    No method reads a step at or after the origin that it is asked about.
    """

    panel: Panel
    scale: Scale
    period: int

    @cached_property
    def owner(self) -> Counts:
        """(N,) the series that each step is of."""
        return np.repeat(np.arange(len(self.panel)), self.panel.lengths)

    @cached_property
    def values(self) -> Floats:
        """(N,) scaled; NaN where missing."""
        return self.scale.scale(self.panel.values, self.owner).astype(np.float64)

    @cached_property
    def _last(self) -> Counts:
        """(N,) the row of the last value up to each step; -1 where the series has none yet."""
        rows = np.where(np.isnan(self.values), -1, np.arange(len(self.values)))
        found = np.maximum.accumulate(rows) if len(rows) else rows
        return np.where(found >= self.panel.begins[self.owner], found, -1)

    @cached_property
    def filled(self) -> Floats:
        """(N,) the last value up to each step; the centre, 0, where there is none yet."""
        return np.where(self._last >= 0, self.values[self._last], 0.0)

    @cached_property
    def first(self) -> Counts:
        """(S,) the step of the first value of each series; 0 of one without any."""
        step = np.arange(len(self.values)) - self.panel.begins[self.owner]
        found = np.full(len(self.panel), np.iinfo(np.int64).max)
        there = ~np.isnan(self.values)
        np.minimum.at(found, self.owner[there], step[there])
        return np.where(found < np.iinfo(np.int64).max, found, 0)

    def last_step(self, windows: Origins) -> Counts:
        """(W,) the last step with a value before each origin; -1 where there is none."""
        begins = self.panel.begins[windows.series]
        rows = self._last[np.maximum(begins + windows.origins - 1, 0)]
        return np.where((windows.origins > 0) & (rows >= 0), rows - begins, -1)

    def level(self, windows: Origins) -> Floats:
        """(W,) the last value before each origin; 0 where there is none."""
        last = self.last_step(windows)
        rows = self.panel.begins[windows.series] + np.maximum(last, 0)
        return np.where(last >= 0, self.filled[rows], 0.0)

    def before(self, windows: Origins, steps: int) -> Floats:
        """(W, steps) values before each origin, gaps and the time before the first one filled."""
        place = windows.origins[:, None] + np.arange(-steps, 0)
        place = np.maximum(place, self.first[windows.series][:, None])
        # A series whose first value is still to come has nothing but the centre.
        known = place < windows.origins[:, None]
        rows = self.panel.begins[windows.series][:, None] + np.where(known, place, 0)
        return np.where(known, self.filled[rows], 0.0)

    def season(self, windows: Origins) -> Floats:
        """(W, period) the latest value at the place in the season of each step from the origin on.

        Where some seasons have none there, the last value of all.
        """
        back = self.period * np.arange(_SEASONS, 0, -1)
        found = np.repeat(self.level(windows)[:, None], self.period, 1)
        for piece in pieces(len(windows), self.period):
            some = windows.rows(piece)
            ahead = some.origins[:, None] + np.arange(self.period)
            for seasons in back:  # the latest comes last, and stays
                place = ahead - seasons
                rows = self.panel.begins[some.series][:, None] + np.maximum(place, 0)
                value = np.where(place >= 0, self.values[rows], np.nan)
                found[piece] = np.where(np.isnan(value), found[piece], value)
        return found

    def change(self, windows: Origins) -> Floats:
        """(W,) the mean change from one season to the next, over all steps before each origin."""
        m, found = self.period, np.zeros(len(windows))
        order = np.argsort(windows.series, kind="stable")
        owners, firsts = np.unique(windows.series[order], return_index=True)
        # Series by series: in one running sum over all, a large one would take others' digits.
        for owner, rows in zip(owners.tolist(), np.split(order, firsts[1:]), strict=True):
            begin = self.panel.begins[owner]
            values = self.values[begin : begin + self.panel.lengths[owner]]
            change = values[m:] - values[:-m]
            there = ~np.isnan(change)
            sums = np.concatenate([[0.0], np.cumsum(np.where(there, change, 0.0))])
            counts = np.concatenate([[0], np.cumsum(there)])
            ends = np.maximum(windows.origins[rows] - m, 0)
            found[rows] = sums[ends] / np.maximum(counts[ends], 1)
        return found

    def ahead(self, windows: Origins, horizon: int) -> Floats:
        """(W, H) what came: for errors and fits of the past, never for a forecast of it."""
        actuals = self.panel.actuals(windows.series, windows.origins, horizon)
        return self.scale.scale(actuals, windows.series).astype(np.float64)


def pieces(windows: int, cells: int) -> list[slice]:
    """Windows in pieces, of which each has so many cells that they fit into memory."""
    size = max(1, _AT_ONCE // max(cells, 1))
    return [slice(first, first + size) for first in range(0, windows, size)]
