"""What is said of the steps to come: quantiles from an origin on, in real units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.runtime.quantiles import LEVELS
from recurra.tasks.series.panel import Counts

__all__ = ["INTERVALS", "LEVELS", "Forecasts", "Origins"]

INTERVALS: Final = {50: (2, 4), 80: (1, 5), 95: (0, 6)}
"""Percent of each interval, and the places of its ends among the levels."""


@final
@dataclass(frozen=True, eq=False)
class Origins:
    """Where forecasts begin: series (W,), and the first step (W,) that is forecast of each."""

    series: Counts
    origins: Counts

    @classmethod
    def of(cls, forecasts: Forecasts) -> Origins:
        """Those that forecasts are of."""
        return cls(forecasts.series, forecasts.origins)

    def __len__(self) -> int:
        return len(self.series)

    def then(self, others: Origins) -> Origins:
        """These, and others behind them."""
        return Origins(
            np.concatenate([self.series, others.series]),
            np.concatenate([self.origins, others.origins]),
        )

    def rows(self, rows: Counts | slice) -> Origins:
        """Some of them."""
        return Origins(self.series[rows], self.origins[rows])


@final
@dataclass(frozen=True, eq=False)
class Forecasts:
    """Forecasts of H steps from each of W origins.

    Args:
        series: (W,) which series.
        origins: (W,) the first step that is forecast; those before it were known.
        quantiles: (W, H, Q) at LEVELS, ascending, in real units.
    """

    series: Counts
    origins: Counts
    quantiles: NDArray[np.float64]

    @property
    def point(self) -> NDArray[np.float64]:
        """The medians (W, H)."""
        return self.quantiles[..., LEVELS.index(0.5)]
