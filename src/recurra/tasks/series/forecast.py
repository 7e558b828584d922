"""Forecasts of a network from any origin, free-running: nothing from the origin on is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recurra.runtime.series import SeriesNetwork
from recurra.tasks.series.forecasts import (
    INTERVALS,
    LEVELS,
    Forecasts,
    Intervals,
    Origins,
    between,
    intervals_of,
)
from recurra.tasks.series.intervals import Widths, apply
from recurra.tasks.series.panel import Counts
from recurra.tasks.series.scale import Scale
from recurra.tasks.series.windows import Reader

AT_ONCE: Final = 512
"""Windows forecast together, of horizons that are not very long."""

_STEPS: Final = 1 << 17
"""Steps forecast together: all of their paths are in memory."""


def pieces(windows: int, horizon: int) -> Iterator[slice]:
    """Windows that are forecast together."""
    size = max(1, min(AT_ONCE, _STEPS // horizon))
    for begin in range(0, windows, size):
        yield slice(begin, begin + size)


def quantiles(network: SeriesNetwork, reader: Reader, windows: Origins) -> NDArray[np.float32]:
    """Quantiles (W, H, Q) at LEVELS, scaled, not corrected by any errors.

    What is said of a window does not depend on the others. A series that was constant in training,
    and is so in the window, goes on so: all its quantiles are the centre, 0.
    """
    found = np.empty((len(windows), reader.horizon, len(LEVELS)), np.float32)
    for rows in pieces(len(windows), reader.horizon):
        found[rows] = network(reader.windows(windows.rows(rows)))
    found[still(reader, windows)] = 0.0
    return found


def still(reader: Reader, windows: Origins) -> NDArray[np.bool_]:
    """Which windows (W,) hold nothing but the one value that their series had in training."""
    found: NDArray[np.bool_] = reader.scale.spread[windows.series] == 0
    some = np.flatnonzero(found)
    for piece in pieces(len(some), 1):
        rows = some[piece]
        read = reader.windows(windows.rows(rows))
        same = reader.scale.still(read.values, windows.series[rows]).all(1)
        found[rows] = same & read.present.any(1)
    return found


def forecasts(
    network: SeriesNetwork, reader: Reader, scale: Scale, widths: Widths, windows: Origins
) -> Forecasts:
    """Forecasts in real units, their intervals corrected by these widths."""
    return restored(network, scale, widths, quantiles(network, reader, windows), windows)


def presented(
    network: SeriesNetwork,
    reader: Reader,
    said: NDArray[np.float32],
    widths: Widths,
    windows: Origins,
    *,
    level: Sequence[float] | None = None,
    samples: int = 0,
) -> Forecasts:
    """Forecasts as they are read: digits that mean something, intervals and paths as asked for.

    Args:
        said: quantiles (W, H, Q) of the windows, scaled, whose intervals the widths correct.
        level: percent of each interval; None: those of INTERVALS.
        samples: paths; they are as the network says, no errors correct them.

    Raises:
        OptionError: paths of a network that draws none.
    """
    scale, series = reader.scale, windows.series
    paths = None
    if samples:
        paths = np.empty((len(windows), reader.horizon, samples))
        for rows in pieces(len(windows), reader.horizon):
            drawn = network.paths(reader.windows(windows.rows(rows)), samples)[..., :samples]
            paths[rows] = _floored(network, scale.restore(drawn, series[rows]))
        same = still(reader, windows)
        paths[same] = scale.restore(np.zeros((int(same.sum()), 1, 1)), series[same])
        counts = network.architecture.family == "counts"
        paths = np.rint(paths) if counts else scale.rounded(paths, series)
    found = scale.rounded(real(network, scale, widths, said, series, level), series)
    intervals: Intervals = INTERVALS if level is None else intervals_of(level)
    return Forecasts(series, windows.origins, found, intervals, paths)


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
    level: Sequence[float] | None = None,
) -> NDArray[np.float64]:
    """Quantiles (W, H, Q) of series (W,) in real units, corrected; counts end at 0 all the same.

    Args:
        level: percent of each interval; None: those of INTERVALS.
    """
    moved = apply(said, widths)
    # What a constant series says of itself is no window's error to be corrected by.
    moved[(scale.spread[series] == 0) & (said == 0).all((1, 2))] = 0.0
    return _floored(
        network, scale.restore(moved if level is None else between(moved, level), series)
    )


def _floored(network: SeriesNetwork, found: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(found, 0.0) if network.architecture.family == "counts" else found
