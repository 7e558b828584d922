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

    What is said of a window does not depend on the others.
    """
    found = np.empty((len(windows), reader.horizon, len(LEVELS)), np.float32)
    for begin in range(0, len(windows), AT_ONCE):
        rows = slice(begin, begin + AT_ONCE)
        found[rows] = network(reader.windows(windows.rows(rows)))
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
    found = scale.restore(apply(said, widths), series)
    return np.maximum(found, 0.0) if network.architecture.family == "counts" else found
