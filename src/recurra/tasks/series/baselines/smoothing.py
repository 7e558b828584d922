"""Exponential smoothing with a trend and a season: fitted once, then carried forward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.tasks.series.baselines.naive2 import decomposed
from recurra.tasks.series.baselines.past import Past
from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.panel import Counts

Floats = NDArray[np.float64]

STEPS: Final = 2_000
"""Last steps that it is fitted to in any case, or eight seasons, where these are more."""

_SEASONS: Final = 3  # that a series must have for its season to be carried along
_FEWEST: Final = 10  # values below which nothing is fitted

_ROWS: Final = 4096  # series times tried weights that run side by side: they stay in the cache

# Weights tried at once for a series, how often, and how much nearer to the best ones each time: of
# many series, and of few, for which a step takes as long as for some hundred rows.
_MANY: Final = (16, 10, 0.6)
_FEW: Final = (256, 6, 0.45)

# Seconds on one slow core for a step of all rows, and of each of them.
_STEP, _ROW = 2e-5, 2e-8


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
        less: what of the data it was fitted to, where that is not all.
    """

    past: Past
    begins: Counts
    weights: Floats
    levels: Floats
    trends: Floats
    seasons: Floats
    fitted: NDArray[np.bool_]
    note: str
    less: str = ""

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
    """Fit the smoothing of each series to its steps before `ends` (S,).

    Holt and Winters' method with additive season and trend, damped or not (Hyndman & Athanasopoulos
    2021, 8.3), on the scaled values: after a logarithm the season is a factor. The weights of all
    series are searched side by side. Where they take more than the time, the last steps of long
    series count, and of many series a sample is fitted, whose median weights the others take.
    """
    number, period = len(ends), past.period
    whole = ends - past.first
    how = _FEW if number <= _ROWS // (2 * _FEW[0]) else _MANY
    tried, rounds, _ = how
    # Of a step, for each series, damped and not.
    row = 2 * tried * _ROW
    most = max(STEPS, 8 * period, int(seconds / (rounds * (_STEP + row))))
    spans = np.minimum(whole, most)
    begins = np.where(spans > 0, ends - spans, 0)
    usable = np.flatnonzero(spans >= _FEWEST)
    together = max(1, min(_ROWS // (2 * tried), len(usable)))
    each = rounds * spans * (_STEP / together + row)
    drawn = np.random.default_rng(seed).permutation(usable)
    sample = drawn[: max(1, int((np.cumsum(each[drawn]) <= seconds).sum()))]
    if not len(usable):
        period = 1
    weights, first = np.full((number, 4), np.nan), np.zeros((number, 2))
    seasons, seasonal = np.zeros((number, period)), np.zeros(number, np.bool_)
    for series in usable.tolist():
        values = _values(past, begins, spans, series)
        seasonal[series] = period > 1 and len(values) >= _SEASONS * period
        *first[series], season = first_state(values, period if seasonal[series] else 1)
        seasons[series] = season if seasonal[series] else 0.0
    sample = sample[np.argsort(-spans[sample], kind="stable")]
    for start in range(0, len(sample), together):
        some = sample[start : start + together]
        values = np.zeros((int(spans[some[0]]), len(some)))
        for at, series in enumerate(some.tolist()):
            values[: spans[series], at] = _values(past, begins, spans, series)
        weights[some] = _searched(
            values, spans[some], first[some], seasons[some], seasonal[some], how, seed
        )
    others = np.setdiff1d(usable, sample)
    for kind in (False, True):
        alike = seasonal[others] == kind
        known = sample[(seasonal[sample] == kind) & ~np.isnan(weights[sample]).any(1)]
        if len(known):
            weights[others[alike]] = np.median(weights[known], 0)
    fitted = ~np.isnan(weights).any(1)
    weights[~fitted] = 0.0
    less = []
    if len(others):
        less.append(f"{len(sample):,} of {len(usable):,} series, whose median the others take")
    if (spans < whole).any():
        less.append(f"the last {most:,} of up to {whole.max():,} steps")
    words = "level, trend and season" if seasonal.any() else "level and trend"
    said = f"fitted to {' and to '.join(less)}" if less else ""
    note = f"{words}, {said or 'fitted to the training part of each series'}"
    levels, trends = first.T
    return Smoothing(past, begins, weights, levels, trends, seasons, fitted, note, said)


def resumed(past: Past, ends: Counts, weights: Floats) -> Smoothing:
    """The smoothing of each series by weights (S, 4) found before, begun with its first value."""
    number, period = len(ends), past.period
    begins, spans = past.first, ends - past.first
    first, seasons = np.zeros((number, 2)), np.zeros((number, period))
    fitted = (spans >= _FEWEST) & weights.any(1)
    for series in np.flatnonzero(fitted).tolist():
        values = _values(past, begins, spans, series)
        seasonal = period > 1 and len(values) >= _SEASONS * period
        *first[series], season = first_state(values, period if seasonal else 1)
        seasons[series] = season if seasonal else 0.0
    levels, trends = first.T
    note = "as fitted before"
    return Smoothing(past, begins, weights, levels, trends, seasons, fitted, note)


def _values(past: Past, begins: Counts, spans: Counts, series: int) -> Floats:
    row = past.panel.begins[series] + begins[series]
    return past.filled[row : row + spans[series]]


def first_state(values: Floats, period: int) -> tuple[float, float, Floats]:
    """Level, trend and season (period,) before the first of values (T,).

    The season is that of all cycles, its first entry that of the first value. The trend is the mean
    one: from the first values without the season to the last ones; the level leads up to those.
    """
    season = np.zeros(period)
    if period > 1:
        season = decomposed(values[None], period, np.zeros(1, np.bool_))[0]
    bare = values - np.resize(season, len(values))
    count = min(max(_FEWEST, period), len(values) // 2)
    head, last = float(bare[:count].mean()), float(bare[-count:].mean())
    trend = (last - head) / (len(values) - count)
    return head - trend * (count + 1) / 2, trend, season


def _searched(
    values: Floats,
    spans: Counts,
    first: Floats,
    seasons: Floats,
    seasonal: NDArray[np.bool_],
    how: tuple[int, int, float],
    seed: int,
) -> Floats:
    """The weights (S, 4) of level, trend and season, and the damping, of the least squared errors.

    Drawn at random, then nearer and nearer to the best of each series; damped or not, whichever has
    the smaller information criterion (AIC).

    Args:
        values: (T, S) of series from the longest to the shortest.
        spans: (S,) how many there are of each.
        first, seasons: (S, 2), (S, period) the states before the first.
        seasonal: (S,) whether a season is carried along.
        how: weights tried at once, how often, and how much nearer each time.
    """
    (tried, rounds, nearer), draw = how, np.random.default_rng(seed)
    every, kinds = np.arange(len(spans))[:, None], np.arange(2)
    # Not damped and damped, side by side: (S, 2, K, 4).
    places = draw.random((len(spans), 2, tried, 4))
    best, cost = places[:, :, 0], np.full((len(spans), 2), np.inf)
    for turn in range(rounds):
        weights = _weights(places, seasonal).reshape(len(spans), -1, 4)
        errors = _squares(values, spans, first, seasons, weights).reshape(len(spans), 2, tried)
        errors = np.where(np.isfinite(errors), errors, np.inf)  # weights that run away
        at = errors.argmin(2)
        better = errors[every, kinds, at] < cost
        best = np.where(better[..., None], places[every, kinds, at], best)
        cost = np.minimum(cost, errors[every, kinds, at])
        moves = 0.3 * nearer**turn * draw.normal(size=places.shape)
        places = np.clip(best[:, :, None] + moves, 0, 1)
    with np.errstate(divide="ignore"):
        criterion = spans[:, None] * np.log(cost / spans[:, None]) + 2 * kinds
    found = _weights(best[:, :, None], seasonal)[every[:, 0], criterion.argmin(1), 0]
    return np.where(np.isfinite(cost.min(1))[:, None], found, np.nan)


def _weights(places: Floats, seasonal: NDArray[np.bool_]) -> Floats:
    """Weights (S, 2, K, 4) of places between 0 and 1: small ones lie as densely as they matter."""
    level, trend, season, damping = np.moveaxis(places, -1, 0)
    alpha = 1e-4 + (1 - 2e-4) * level**2
    gamma = np.where(seasonal[:, None, None], season**2 * (1 - alpha), 0.0)
    phi = np.where(np.arange(2)[:, None] == 1, 0.8 + 0.195 * damping, 1.0)
    return np.stack([alpha, trend**2, gamma, phi], -1)


def _squares(
    values: Floats, spans: Counts, first: Floats, seasons: Floats, weights: Floats
) -> Floats:
    """The sum of the squared errors (S, K) of one step, by weights (S, K, 4)."""
    alpha, beta, gamma, phi = (np.ascontiguousarray(each) for each in np.moveaxis(weights, -1, 0))
    beta = beta * alpha
    level, trend = (np.repeat(each[:, None], weights.shape[1], 1) for each in first.T)
    season = np.repeat(seasons.T[:, :, None], weights.shape[1], 2)
    found = np.zeros(alpha.shape)
    # How many series have a step: the shortest ones are the first to end.
    there = len(spans) - np.searchsorted(spans[::-1], np.arange(len(values)), "right")
    with np.errstate(over="ignore", invalid="ignore"):
        for step, count in enumerate(there.tolist()):
            s, own = slice(count), season[step % len(season)]
            drift = phi[s] * trend[s]
            expected = level[s] + drift
            off = values[step, s, None] - expected - own[s]
            found[s] += off * off
            level[s] = expected + alpha[s] * off
            trend[s] = drift + beta[s] * off
            own[s] += gamma[s] * off
    return found
