"""Which windows choose what a run answers with: none that trained or stopped what is compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.panel import Counts, SeriesData
from recurra.tasks.series.scale import Scale
from recurra.tasks.series.splits import CHOOSING, origins

FEW: Final = 8
"""Horizons side by side, in all series, from which on a half of the selection part can choose."""

SERIES: Final = 20
"""Series from which on every second one can choose."""

ROLLED: Final = 4
"""Origins of each series, at most, where the selection part is too short to be halved."""


@final
@dataclass(frozen=True, eq=False)
class Choosing:
    """Windows before the test part, and which of them choose.

    The others stop the network's training early, and choose its kind and the penalty of the ridge
    regression: what is compared on some windows may not have been chosen by them.

    Args:
        windows: V of them, those of a part side by side.
        parts: of each, before which steps (S,) all that forecasts its windows is fitted, and which
            windows these are.
        stops: (V,) which stop the training; of parts that are rolled, none.
        free: (V,) which choose.
        rolled: whether networks are trained anew before each part, which none of them stops.
    """

    windows: Origins
    parts: tuple[tuple[Counts, slice], ...]
    stops: NDArray[np.bool_]
    free: NDArray[np.bool_]
    rolled: bool

    @classmethod
    def of(cls, data: SeriesData) -> Choosing:
        """The later half of the selection part chooses, the earlier one stops.

        Where that is too short it is every second series of many; of few, all of it is forecast
        from several origins, each by what was fitted before it alone.
        """
        held = origins(data, "select", most=CHOOSING)
        begins, ends = data.train_ends[held.series], data.select_ends[held.series]
        middle = begins + (ends - begins) // 2
        free, stops = held.origins >= middle, held.origins + data.horizon <= middle
        own = np.unique(held.series)
        spans = (data.select_ends - data.train_ends)[own] // 2
        if spans.min() < data.horizon or (spans // data.horizon).sum() < FEW:
            if len(own) < SERIES:
                return _rolled(data)
            free = np.searchsorted(own, held.series) % 2 == 1
            stops = ~free
        return cls(held, ((data.train_ends, slice(len(held))),), stops, free, False)

    @property
    def cuts(self) -> Counts:
        """(V,) the step of its series before which all that forecasts a window is fitted."""
        return np.concatenate([ends[self.windows.rows(rows).series] for ends, rows in self.parts])

    def groups(self, horizon: int) -> Counts:
        """(V,) windows that count once, as they err together: of one series, or that overlap."""
        _, series = np.unique(self.windows.series, return_inverse=True)
        if series.max() >= SERIES:
            return np.asarray(series, np.int64)
        found, number, first = np.zeros(len(series), np.int64), -1, (-1, 0)
        for row in np.lexsort((self.windows.origins, series)).tolist():
            own, origin = int(series[row]), int(self.windows.origins[row])
            if own != first[0] or origin >= first[1] + horizon:
                number, first = number + 1, (own, origin)
            found[row] = number
        return found


def _rolled(data: SeriesData) -> Choosing:
    least = max(data.horizon, 2 * data.period) + 1
    whole = np.flatnonzero(data.select_ends < data.panel.lengths)
    parts, windows, count = [], Origins(whole[:0], whole[:0]), 0
    # They overlap where all of a series would else be one of them.
    room = int((data.select_ends[whole] - data.horizon).max()) - least
    stride = min(data.horizon, max(room // (ROLLED - 1), -(-data.horizon // ROLLED)))
    for turn in range(ROLLED):
        ends = data.select_ends - data.horizon - turn * stride
        some = whole if turn == 0 else whole[ends[whole] >= least]
        at = Origins(some, ends[some])
        some = some[~np.isnan(data.panel.actuals(at.series, at.origins, data.horizon)).all(1)]
        if not len(some):
            continue
        windows, count = windows.then(Origins(some, ends[some])), count + len(some)
        # Series that are too short for parts of their own train whole, as ever.
        cut = np.where(data.select_ends < data.panel.lengths, np.maximum(ends, 1), data.select_ends)
        parts.append((cut, slice(count - len(some), count)))
    every = np.ones(count, bool)
    return Choosing(windows, tuple(parts), ~every, every, True)


def before(data: SeriesData, ends: Counts, *, counts: bool) -> SeriesData:
    """The data as they were when steps from `ends` (S,) on were to come, a horizon of them apart.

    Nothing of the scale knows them, but whether all values are above 0.
    """
    if counts:
        scale = Scale.of_counts(data.panel, ends)
    else:
        scale = Scale.of(data.panel, ends, data.scale.log)
    until = np.minimum(ends + data.horizon, data.panel.lengths)
    scale = replace(scale, floor=data.scale.floor)
    return replace(data, train_ends=ends, select_ends=until, scale=scale)
