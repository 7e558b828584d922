"""Exponential smoothing with a trend and a season: fitted once, then carried forward."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import MissingExtra
from recurra.tasks.series.baselines.naive2 import decomposed
from recurra.tasks.series.baselines.past import Past
from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.panel import Counts

Floats = NDArray[np.float64]

STEPS: Final = 2_000
"""Last steps of the training part that it is fitted to; or eight seasons, where these are more."""

LONGEST: Final = 400
"""The longest season that is carried along."""

_CYCLES: Final = 5  # that the first season is taken from
_SEASONS: Final = 3  # that a series must have for its season to be carried along
_FEWEST: Final = 10  # values below which nothing is fitted

# Seconds on one slow core to fit a series, and for each of its steps: with a search for where to
# begin, and without.
_SEARCHED: Final = (0.25, 6e-4)
_QUICK: Final = (0.03, 6e-5)


@final
@dataclass(frozen=True, eq=False)
class Smoothing:
    """Each series' weights, and its state at the step that its fit began with.

    Args:
        begins: (S,) that step.
        weights: (S, 4) of level, trend and season, and what damps the trend.
        levels, trends: (S,) the first.
        seasons: (S, period) the first; zeros where no season is carried along.
        fitted: (S,) whether there is anything; other series get their last season.
        note: what was done, in a few words.
    """

    past: Past
    begins: Counts
    weights: Floats
    levels: Floats
    trends: Floats
    seasons: Floats
    fitted: NDArray[np.bool_]
    note: str

    def __call__(self, windows: Origins, horizon: int) -> Floats:
        """Forecasts (W, H), scaled, each from the state that the steps before its origin leave."""
        past, period = self.past, self.seasons.shape[1]
        place = np.arange(horizon)
        found = past.season(windows)[:, place % past.period]
        if not len(windows):
            return found
        order = np.argsort(windows.origins - self.begins[windows.series], kind="stable")
        order = order[self.fitted[windows.series[order]]]
        some = windows.rows(order)
        reach = some.origins - self.begins[some.series]
        damped = np.cumsum(self.weights[:, 3:] ** np.arange(1, horizon + 1), 1)
        level, trend, season = self.levels.copy(), self.trends.copy(), self.seasons.copy()
        rows = past.panel.begins + self.begins
        alpha, beta, gamma, phi = self.weights.T
        # Series from the one that is carried farthest on, so that those that are done fall away.
        ends = np.zeros(len(level), np.int64)
        np.maximum.at(ends, some.series, reach)
        far = np.argsort(-ends, kind="stable")
        left = np.searchsorted(-ends[far], -np.arange(int(ends.max(initial=0)) + 1), "left")
        edges = np.searchsorted(reach, np.arange(len(left) + 1))
        for step in range(len(left)):
            asked = slice(edges[step], edges[step + 1])
            if asked.start < asked.stop:
                series = some.series[asked]
                own = season[series][:, (step + place) % period]
                found[order[asked]] = (
                    level[series, None] + damped[series] * trend[series, None] + own
                )
            # Those that some origin after this step asks for.
            s = far[: left[step]]
            if not len(s):
                continue
            value, at = past.values[rows[s] + step], step % period
            expected, old = level[s] + phi[s] * trend[s], season[s, at]
            # Where nothing came, it is what was expected.
            value = np.where(np.isnan(value), expected + old, value)
            now = alpha[s] * (value - old) + (1 - alpha[s]) * expected
            trend[s] = beta[s] * (now - level[s]) + (1 - beta[s]) * phi[s] * trend[s]
            season[s, at] = gamma[s] * (value - expected) + (1 - gamma[s]) * old
            level[s] = now
        return found


def fit(past: Past, ends: Counts, *, seconds: float, seed: int = 0) -> Smoothing:
    """Fit the smoothing of each series to its last steps before `ends` (S,).

    Holt and Winters' method with additive season and trend, damped or not (Hyndman & Athanasopoulos
    2021, 8.3), on the scaled values: after a logarithm the season is a factor. The first state is
    statsmodels' heuristic one. Where there are more series than time, a sample of them is fitted,
    and the others take the median of its weights; where a fit fails, the forecast is the seasonal
    naive one.

    Raises:
        MissingExtra: statsmodels is not installed.
    """
    try:
        from statsmodels.tsa.holtwinters import ExponentialSmoothing
    except ImportError as error:
        raise MissingExtra(
            "statsmodels, which makes the baselines of time series, is not installed",
            fix='pip install "recurra[series]"',
        ) from error
    number, period = len(ends), past.period
    if not 1 < period <= LONGEST:
        period = 1
    spans = np.minimum(ends - past.first, max(STEPS, 8 * period))
    begins = np.where(spans > 0, ends - spans, 0)
    usable = np.flatnonzero(spans >= _FEWEST)
    drawn = np.random.default_rng(seed).permutation(usable)
    costs = [np.cumsum(each + step * spans[drawn]) for each, step in (_SEARCHED, _QUICK)]
    searched = len(drawn) > 0 and bool(costs[0][-1] <= seconds)
    sample = drawn if searched else drawn[: max(1, int((costs[1] <= seconds).sum()))]
    weights = np.full((number, 4), np.nan)
    levels, trends, seasons = np.zeros(number), np.zeros(number), np.zeros((number, period))
    seasonal = np.zeros(number, np.bool_)
    for series in usable.tolist():
        values = _values(past, begins, spans, series)
        seasonal[series] = period > 1 and len(values) >= _SEASONS * period
        levels[series], trends[series], season = first_state(
            values, period if seasonal[series] else 1
        )
        seasons[series] = season if seasonal[series] else 0.0
    for series in sample.tolist():
        first = levels[series], trends[series], seasons[series] if seasonal[series] else None
        values = _values(past, begins, spans, series)
        weights[series] = _weights(ExponentialSmoothing, values, first, searched)
    failed = int(np.isnan(weights[sample]).any(1).sum())
    others = np.setdiff1d(usable, sample)
    for kind in (False, True):
        alike = seasonal[others] == kind
        known = sample[(seasonal[sample] == kind) & ~np.isnan(weights[sample]).any(1)]
        if len(known):
            weights[others[alike]] = np.median(weights[known], 0)
    fitted = ~np.isnan(weights).any(1)
    note = _note(number, len(sample), len(others), failed, period if seasonal.any() else 1)
    weights[~fitted] = 0.0
    return Smoothing(past, begins, weights, levels, trends, seasons, fitted, note)


def _values(past: Past, begins: Counts, spans: Counts, series: int) -> Floats:
    row = past.panel.begins[series] + begins[series]
    return past.filled[row : row + spans[series]]


def first_state(values: Floats, period: int) -> tuple[float, float, Floats]:
    """Level, trend and season (period,) before the first of values (T,).

    The heuristic of Hyndman, Koehler, Ord & Snyder (2008, section 2.6.1): the season of the first
    cycles, and the line through the first values without it. The season goes on from their place:
    its first entry is that of the first value.
    """
    season = np.zeros(period)
    if period > 1:
        cycles = values[None, : min(_CYCLES * period, len(values))]
        season = decomposed(cycles, period, np.zeros(1, np.bool_))[0]
    count = min(max(_FEWEST, period), len(values))
    bare = values[:count] - np.resize(season, count)
    step = np.arange(1.0, count + 1)
    spread = step - step.mean()
    trend = float(spread @ bare / (spread @ spread))
    return float(bare.mean() - trend * step.mean()), trend, season


def _weights(
    model: Any, values: Floats, first: tuple[float, float, Floats | None], searched: bool
) -> Floats:
    """The weights (4,) of level, trend and season, and the damping; NaN where the fits fail.

    Damped or not, whichever has the smaller information criterion (AICc).
    """
    level, trend, season = first
    seasonal: dict[str, Any] = {}
    if season is not None:
        seasonal = {
            "seasonal": "add",
            "seasonal_periods": len(season),
            "initial_seasonal": season,
        }
    best, least = np.full(4, np.nan), np.inf
    for damped in (True, False):
        with warnings.catch_warnings():
            # Where it stops before it has converged, it is used as far as it came.
            warnings.simplefilter("ignore")
            try:
                found = model(
                    values,
                    trend="add",
                    damped_trend=damped,
                    initialization_method="known",
                    initial_level=level,
                    initial_trend=trend,
                    **seasonal,
                ).fit(use_brute=searched)
            except (ArithmeticError, ValueError, np.linalg.LinAlgError):
                continue
        names = ["smoothing_level", "smoothing_trend", "smoothing_seasonal", "damping_trend"]
        weights = np.array([found.params[name] for name in names], np.float64)
        weights = np.where(np.isnan(weights), [0.0, 0.0, 0.0, 1.0], weights)
        if found.aicc < least:
            best, least = weights, found.aicc
    return best


def _note(series: int, sample: int, others: int, failed: int, period: int) -> str:
    """What was done, in a few words."""
    words = "level and trend" if period == 1 else "level, trend and season"
    words += ", fitted to the training part"
    if others:
        words += f" of {sample:,} of {series:,} series, whose median the others take"
    elif series > 1:
        words += f" of each of {sample:,} series"
    if failed:
        words += f"; {failed:,} failed and {'are' if failed > 1 else 'is'} seasonal naive"
    return words
