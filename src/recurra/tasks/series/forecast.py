"""Forecasts of a network from any origin, free-running: nothing from the origin on is read."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from recurra.runtime.series import SeriesNetwork
from recurra.tasks.series.forecasts import LEVELS, Forecasts, Origins
from recurra.tasks.series.intervals import Widths, apply
from recurra.tasks.series.panel import Counts
from recurra.tasks.series.scale import Scale
from recurra.tasks.series.windows import Reader

AT_ONCE: Final = 512
"""Windows forecast together."""


def quantiles(network: SeriesNetwork, reader: Reader, windows: Origins) -> NDArray[np.float32]:
    """Quantiles (W, H, Q) at LEVELS, scaled, not corrected by any errors.

    What is said of a window does not depend on the others. A series that was constant in training,
    and is so in the window, goes on so: all its quantiles are the centre, 0.
    """
    found = np.empty((len(windows), reader.horizon, len(LEVELS)), np.float32)
    for begin in range(0, len(windows), AT_ONCE):
        rows = slice(begin, begin + AT_ONCE)
        found[rows] = network(reader.windows(windows.rows(rows)))
    found[still(reader, windows)] = 0.0
    return found


def still(reader: Reader, windows: Origins) -> NDArray[np.bool_]:
    """Which windows (W,) hold nothing but the one value that their series had in training."""
    found = reader.scale.spread[windows.series] == 0
    some = np.flatnonzero(found)
    for begin in range(0, len(some), AT_ONCE):
        rows = some[begin : begin + AT_ONCE]
        read = reader.windows(windows.rows(rows))
        same = reader.scale.still(read.values, windows.series[rows]).all(1)
        found[rows] = same & read.present.any(1)
    return found


def forecasts(
    network: SeriesNetwork, reader: Reader, scale: Scale, widths: Widths, windows: Origins
) -> Forecasts:
    """Forecasts in real units, their intervals corrected by these widths."""
    return restored(network, scale, widths, quantiles(network, reader, windows), windows)


def restored(
    network: SeriesNetwork,
    scale: Scale,
    widths: Widths,
    said: NDArray[np.float32],
    windows: Origins,
) -> Forecasts:
    """Forecasts in real units of quantiles (W, H, Q) that are scaled and not yet corrected."""
    found = real(network, scale, widths, said, windows.series)
    return Forecasts(windows.series, windows.origins, found)


def real(
    network: SeriesNetwork,
    scale: Scale,
    widths: Widths,
    said: NDArray[np.float32],
    series: Counts,
) -> NDArray[np.float64]:
    """Quantiles (W, H, Q) of series (W,) in real units, corrected; counts end at 0 all the same."""
    moved = apply(said, widths)
    # What a constant series says of itself is no window's error to be corrected by.
    moved[(scale.spread[series] == 0) & (said == 0).all((1, 2))] = 0.0
    found = scale.restore(moved, series)
    return np.maximum(found, 0.0) if network.architecture.family == "counts" else found
