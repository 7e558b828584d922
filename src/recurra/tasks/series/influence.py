"""How much each lag counts: the forecast's change when the value there is another."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.runtime.series import SeriesNetwork
from recurra.tasks.series.forecasts import LEVELS, Origins
from recurra.tasks.series.panel import Counts
from recurra.tasks.series.windows import Reader, Windows

LOOKED_AT: Final = 4
"""Windows that are looked at, spread over those given."""

LAGS: Final = 48
"""Lags that are looked at, at most."""

ALL: Final = LOOKED_AT * (LAGS + 1)
"""Windows that this forecasts."""


def recorded(network: SeriesNetwork, reader: Reader, windows: Origins) -> dict[str, Any]:
    """The lags that were looked at, and the share of each: `lags`, `shares`, `note`.

    A value is moved up by the mean size of its window's; a lag's part is the mean absolute change
    of the medians, over windows and steps.
    """
    lags = spread(reader.context, network.architecture.period)
    places = np.unique(np.linspace(0, len(windows) - 1, LOOKED_AT).astype(np.int64))
    changes = np.zeros(len(lags))
    for place in places:
        changes += _changes(network, reader.windows(windows.rows(np.array([place]))), lags)
    total = changes.sum()
    return {
        "lags": lags.tolist(),
        "shares": (changes / total if total else changes).tolist(),
        "note": f"the {len(lags)} lags that were looked at, one value moved at a time",
    }


def spread(context: int, period: int) -> Counts:
    """At most LAGS of the lags 1 .. T: the nearest ones, whole seasons, the rest even."""
    if context <= LAGS:
        return np.arange(1, context + 1)
    near = np.arange(1, LAGS // 2 + 1)
    seasons = np.arange(period, context + 1, period)[: LAGS // 4] if period > 1 else near[:0]
    left = LAGS - len(np.union1d(near, seasons))
    even = np.linspace(LAGS // 2 + 1, context, left).astype(np.int64)
    return np.union1d(np.union1d(near, seasons), even)


def _changes(network: SeriesNetwork, one: Windows, lags: Counts) -> NDArray[np.float64]:
    """The mean change (n,) of the medians of one window for each lag; 0 where nothing stands.

    Paths are drawn from the same numbers every time, as they follow from the window's key.
    """
    there = np.flatnonzero(one.present[0, -lags])
    size = float(np.abs(one.values[one.present]).mean()) if one.present.any() else 1.0
    # The window as it is, and once for each lag.
    every = one.rows(np.zeros(1 + len(there), np.int64))
    every.values[1 + np.arange(len(there)), -lags[there]] += np.float32(size)
    medians = network(every)[..., LEVELS.index(0.5)]
    found = np.zeros(len(lags))
    found[there] = np.abs(medians[1:] - medians[0]).mean(1, dtype=np.float64)
    return found
