"""Naive2 of the M4 competition: the last value, and the season where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.tasks.series.baselines.past import Past, pieces
from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.panel import Counts

Floats = NDArray[np.float64]

_SURE: Final = 1.645  # standard deviations, of a test at 90 %
_SEASONS: Final = 3  # that a series must have to be tested


@final
@dataclass(frozen=True, eq=False)
class Naive2:
    """The factors, or where values are not all above 0 the summands, of each series' season.

    Args:
        factors: (S, period) at each place in the season, counted from the first step.
        times: (S,) whether they are factors.
        seasonal: (S,) whether the test found a season.
    """

    past: Past
    factors: Floats
    times: NDArray[np.bool_]
    seasonal: NDArray[np.bool_]

    def summary(self) -> str:
        """What the test found, in a few words."""
        number = len(self.seasonal)
        if number == 1:
            found = "found a season" if self.seasonal[0] else "found no season"
        else:
            found = f"found a season in {int(self.seasonal.sum()):,} of {number:,} series"
        return f"the last value without its season, which the test {found}"

    def __call__(self, windows: Origins, horizon: int) -> Floats:
        """Forecasts (W, H), scaled."""
        past, series, period = self.past, windows.series, self.past.period
        last, factors = past.last_step(windows), self.factors[series]
        level = past.scale.restore(past.level(windows), series)
        place = np.maximum(last, 0) % period
        own = np.take_along_axis(factors, place[:, None], 1)[:, 0]
        ahead = (windows.origins[:, None] + np.arange(horizon)) % period
        coming = np.take_along_axis(factors, ahead, 1)
        times = self.times[series]
        base = np.where(times, level / np.where(times, own, 1.0), level - own)[:, None]
        said = np.where(times[:, None], base * coming, base + coming)
        found: Floats = past.scale.scale(said, series).astype(np.float64)
        return np.where((last >= 0)[:, None], found, 0.0)


def fit(past: Past, ends: Counts) -> Naive2:
    """Test and decompose the steps of each series before `ends` (S,).

    As the organisers' R code does it (Makridakis, Spiliotis & Assimakopoulos 2020): a test of the
    autocorrelation at the period at 90 %, then the classical multiplicative decomposition. Gaps
    take the last value before them.
    """
    number, period = len(ends), past.period
    factors, seasonal = np.ones((number, period)), np.zeros(number, np.bool_)
    times = np.ones(number, np.bool_)
    begins = past.first
    lengths = np.maximum(ends - begins, 0)
    for length in np.unique(lengths[lengths >= _SEASONS * period]).tolist():
        alike = np.flatnonzero(lengths == length)
        for piece in pieces(len(alike), 4 * length):
            series = alike[piece]
            rows = (past.panel.begins[series] + begins[series])[:, None] + np.arange(length)
            values = past.scale.restore(past.filled[rows], series)
            found = is_seasonal(values, period)
            seasonal[series] = found
            above: NDArray[np.bool_] = np.all(values > 0, axis=1)
            times[series] = ~found | above
            some = series[found]
            # Places in the season are counted from the first step, not from the first value.
            turned = (np.arange(period) - begins[some][:, None]) % period
            own = decomposed(values[found], period, above[found])
            factors[some] = np.take_along_axis(own, turned, 1)
    return Naive2(past, factors, times, seasonal)


def is_seasonal(values: Floats, period: int) -> NDArray[np.bool_]:
    """Whether the autocorrelation (G, T) at the period is more than that of the lags before makes.

    Bartlett's limits, at 90 %.
    """
    length = values.shape[1]
    around = values - values.mean(1, keepdims=True)
    size = 1 << int(np.ceil(np.log2(2 * length)))
    power = np.abs(np.fft.rfft(around, size)) ** 2
    products = np.fft.irfft(power, size)[:, : period + 1]
    constant = products[:, 0] <= 1e-20 * length * np.maximum((values**2).max(1), 1e-300)
    lags = products[:, 1:] / np.where(constant, 1.0, products[:, 0])[:, None]
    limit = _SURE * np.sqrt((1 + 2 * (lags[:, :-1] ** 2).sum(1)) / length)
    found: NDArray[np.bool_] = ~constant & (np.abs(lags[:, -1]) > limit)
    return found


def decomposed(values: Floats, period: int, times: NDArray[np.bool_]) -> Floats:
    """The season (G, period) of values (G, T), from the first step on: R's `decompose`.

    Values over (or less) their centred moving mean, averaged at each place in the season, and
    brought to a mean of 1 (or 0).

    Args:
        times: (G,) whether the season is a factor; a summand where not.
    """
    weights = np.ones(period) if period % 2 else np.array([0.5, *np.ones(period - 1), 0.5])
    weights = weights / period
    reach = len(weights) // 2
    # A moving mean is a difference of running sums, the ends of an even one weighing half.
    padded = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, 1)], 1)
    width = len(weights)
    trend = padded[:, width:] - padded[:, :-width]
    if period % 2 == 0:
        inner = values.shape[1] - width + 1
        trend = trend - 0.5 * (values[:, :inner] + values[:, width - 1 :])
    trend = trend / period
    middle = values[:, reach : reach + trend.shape[1]]
    ratio = np.where(times[:, None], middle / np.where(times[:, None], trend, 1), middle - trend)
    # From the first step on again, and whole cycles, so that places are columns.
    cycles = -(-(reach + ratio.shape[1]) // period)
    laid = np.zeros((len(values), cycles * period))
    laid[:, reach : reach + ratio.shape[1]] = ratio
    often = np.zeros(cycles * period)
    often[reach : reach + ratio.shape[1]] = 1
    season = laid.reshape(-1, cycles, period).sum(1) / often.reshape(cycles, period).sum(0)
    mean = season.mean(1, keepdims=True)
    factor = season / np.where(times[:, None], mean, 1)
    found: Floats = np.where(times[:, None], factor, season - mean)
    return found
