"""Errors of forecasts, cell by cell, and their means; what has no actual value is left out.

Cells are (W, H): W windows of H steps. A cell that is left out is not a number, and so is one
where a metric is undefined. Sums and counts are kept until the end: windows have unequal numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recurra.errors import DataError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class Sums:
    """Sums of cells and how many there were, at each step of the horizon: both (H,)."""

    totals: Floats
    counts: Counts

    @classmethod
    def of(cls, cells: Floats) -> Sums:
        """Of cells (W, H), those that are not a number left out."""
        there = ~np.isnan(cells)
        return cls(np.where(there, cells, 0.0).sum(0), there.sum(0))

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.totals + other.totals, self.counts + other.counts)

    @property
    def count(self) -> int:
        """Cells of all steps."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        """Over the cells of all steps; not a number where there are none."""
        return float(self.totals.sum()) / self.count if self.count else math.nan

    @property
    def steps(self) -> Floats:
        """The mean at each step (H,)."""
        some = np.where(self.counts > 0, self.totals, np.nan)
        return some / np.maximum(self.counts, 1)

    def part(self, first: int, end: int) -> Sums:
        """The steps from `first` on, and before `end`."""
        return Sums(self.totals[first:end], self.counts[first:end])


# -- cells --------------------------------------------------------------------------------------


def errors(actuals: ArrayLike, point: ArrayLike) -> Floats:
    """By how much the forecasts are too high, (W, H).

    Raises:
        DataError: shapes differ, or a forecast is not finite.
    """
    true, said = np.asarray(actuals, np.float64), np.asarray(point, np.float64)
    _same(true, said)
    return said - true


def absolute(actuals: ArrayLike, point: ArrayLike) -> Floats:
    """Absolute errors (W, H); their mean is the MAE."""
    return np.abs(errors(actuals, point))


def squared(actuals: ArrayLike, point: ArrayLike) -> Floats:
    """Squared errors (W, H); the root of their mean is the RMSE."""
    return np.square(errors(actuals, point))


def percentage(actuals: ArrayLike, point: ArrayLike) -> Floats:
    """Absolute errors in percent of the actual value (W, H): MAPE; undefined where that is 0."""
    true = np.asarray(actuals, np.float64)
    size = np.where(true == 0, np.nan, np.abs(true))
    return 100 * absolute(actuals, point) / size


def symmetric(actuals: ArrayLike, point: ArrayLike) -> Floats:
    """200 |y - f| / (|y| + |f|), in percent (W, H): the sMAPE of the M4 competition.

    Makridakis, Spiliotis & Assimakopoulos (2020). 0 where both are 0.
    """
    wrong = absolute(actuals, point)
    size = np.abs(np.asarray(actuals, np.float64)) + np.abs(np.asarray(point, np.float64))
    return 200 * wrong / np.where(size == 0, 1.0, size)


def scaled(cells: Floats, scale: ArrayLike) -> Floats:
    """Cells (W, H) over the scale of each window's series (W,): of absolute errors the MASE."""
    return cells / np.asarray(scale, np.float64)[:, None]


def pinball(actuals: ArrayLike, quantiles: ArrayLike, levels: Sequence[float]) -> Floats:
    """Twice the pinball loss, its mean over the levels (W, H).

    It approximates the continuous ranked probability score, which is the integral over all levels
    (Gneiting & Ranjan 2011, equation 16): few levels, far out, come out lower than all of them, so
    compare it at the same levels alone. Of the median alone it is the absolute error.

    Args:
        actuals: (W, H).
        quantiles: (W, H, Q) at the levels.
        levels: Q shares between 0 and 1.

    Raises:
        DataError: shapes do not fit, or a quantile is not finite.
    """
    true, said = np.asarray(actuals, np.float64), np.asarray(quantiles, np.float64)
    if said.shape[2:] != (len(levels),):
        raise DataError(f"quantiles of shape {said.shape}", expected=f"{len(levels)} for each step")
    total = np.zeros(true.shape)
    for place, level in enumerate(levels):  # one after another: Q times less memory
        under = -errors(true, said[..., place])
        total += np.maximum(level * under, (level - 1) * under)
    return 2 * total / len(levels)


def inside(actuals: ArrayLike, low: ArrayLike, high: ArrayLike) -> Floats:
    """1 where the actual value lies from low to high, 0 where outside (W, H): the coverage."""
    true = np.asarray(actuals, np.float64)
    bottom, top = (np.asarray(each, np.float64) for each in (low, high))
    _same(true, bottom)
    _same(true, top)
    within = (bottom <= true) & (true <= top)
    return np.where(np.isnan(true), np.nan, within.astype(np.float64))


def width(actuals: ArrayLike, low: ArrayLike, high: ArrayLike) -> Floats:
    """From low to high (W, H), where there is an actual value."""
    true = np.asarray(actuals, np.float64)
    wide = np.asarray(high, np.float64) - np.asarray(low, np.float64)
    _same(true, wide)
    return np.where(np.isnan(true), np.nan, wide)


def _same(true: Floats, said: Floats) -> None:
    if true.ndim != 2 or true.shape != said.shape:
        raise DataError(
            f"forecasts of shape {said.shape} of values of shape {true.shape}",
            expected="both (windows, steps)",
        )
    if not np.isfinite(said).all():
        row, step = np.argwhere(~np.isfinite(said))[0]
        raise DataError(
            f"the forecast of step {step + 1} in window {row} is {said[row, step]}",
            expected="finite values",
        )


# -- scales -------------------------------------------------------------------------------------


def naive_scale(
    values: ArrayLike, begins: ArrayLike, ends: ArrayLike, period: int
) -> tuple[Floats, Floats]:
    """How far the seasonal naive forecast is off within the first part of each series.

    The denominators of MASE (Hyndman & Koehler 2006) and, rooted, of RMSSE (the M5 competition).
    Not a number where no two values are a season apart, or where all of them are equal.

    Args:
        values: (N,) series end to end, NaN where missing.
        begins: (S,) where each begins in them.
        ends: (S,) where the part that is not reported on ends in them.
        period: steps a season; 1 where there is none.

    Returns:
        The mean absolute and the mean squared difference of values a season apart, (S,) each.
    """
    flat = np.asarray(values, np.float64)
    firsts, lasts = np.asarray(begins, np.int64), np.asarray(ends, np.int64)
    change = np.full(len(flat), np.nan)  # from a season before
    change[period:] = flat[period:] - flat[:-period]
    there = ~np.isnan(change)
    known = np.concatenate([[0], np.cumsum(there)])
    # Those of the first season reach back into the series before.
    firsts = np.minimum(firsts + period, np.maximum(lasts, firsts))
    lasts = np.maximum(lasts, firsts)
    counts = known[lasts] - known[firsts]
    found = []
    for cells in (np.abs(change), np.square(change)):
        # Series by series: one running sum over all would lose the digits of small series.
        sums = np.array(
            [np.nansum(cells[a:b]) for a, b in zip(firsts.tolist(), lasts.tolist(), strict=True)]
        )
        mean = sums / np.maximum(counts, 1)
        found.append(np.where((counts > 0) & (mean > 0), mean, np.nan))
    return found[0], found[1]


def owa(smape: float, mase: float, smape_naive2: float, mase_naive2: float) -> float:
    """The overall weighted average of the M4 competition: 1 is as good as Naive2.

    The mean of sMAPE and MASE, each over that of Naive2; not a number where one of these is 0.
    """
    if not smape_naive2 or not mase_naive2:
        return math.nan
    return (smape / smape_naive2 + mase / mase_naive2) / 2
