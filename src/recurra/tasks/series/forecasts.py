"""What is said of the steps to come: quantiles from an origin on, in real units."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.judge.answer import NETWORK
from recurra.runtime.quantiles import LEVELS
from recurra.tasks.series.panel import Counts

__all__ = ["INTERVALS", "LEVELS", "Forecasts", "Intervals", "Origins", "between", "intervals_of"]

Intervals = Mapping[Any, tuple[int, int]]
"""Percent of each interval, and the places of its ends among quantiles that ascend."""

INTERVALS: Final = {50: (2, 4), 80: (1, 5), 95: (0, 6)}
"""The intervals of the quantiles at LEVELS."""

_NORMAL: Final = [NormalDist().inv_cdf(level) for level in LEVELS]


def intervals_of(sizes: Sequence[float]) -> Intervals:
    """Where the ends of intervals of these percents are among the quantiles of `between`."""
    count = len(sizes)
    return {each: (count - 1 - at, count + 1 + at) for at, each in enumerate(sorted(sizes))}


def between(quantiles: NDArray[Any], sizes: Sequence[float]) -> NDArray[np.float64]:
    """Quantiles (..., 2 n + 1) at the median and the ends of n intervals, of those at LEVELS.

    Straight lines between those at LEVELS over the quantiles of a normal distribution, and on in
    the same direction beyond the outermost: of a normal distribution they are its own.

    Args:
        sizes: percent of each interval.
    """
    low = [round((100 - each) / 200, 12) for each in sorted(sizes, reverse=True)]
    found = []
    for level in (*low, 0.5, *(round(1 - each, 12) for each in reversed(low))):
        place = NormalDist().inv_cdf(level)
        at = min(max(bisect_right(_NORMAL, place) - 1, 0), len(LEVELS) - 2)
        share = (place - _NORMAL[at]) / (_NORMAL[at + 1] - _NORMAL[at])
        one, other = (quantiles[..., each].astype(np.float64) for each in (at, at + 1))
        found.append(one + share * (other - one))
    return np.stack(found, -1)


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
        quantiles: (W, H, Q) ascending, in real units; the median is the one in the middle.
        intervals: whose ends they are.
        paths: (W, H, N) sample paths, where they were asked for.
        by: who says so, as it reads after "the".
    """

    series: Counts
    origins: Counts
    quantiles: NDArray[np.float64]
    intervals: Intervals = field(default_factory=lambda: INTERVALS)
    paths: NDArray[np.float64] | None = None
    by: str = NETWORK

    @property
    def point(self) -> NDArray[np.float64]:
        """The medians (W, H)."""
        return self.quantiles[..., self.quantiles.shape[-1] // 2]

    def first(self, steps: int) -> Forecasts:
        """Those of the first steps."""
        paths = None if self.paths is None else self.paths[:, :steps]
        return replace(self, quantiles=self.quantiles[:, :steps], paths=paths)
