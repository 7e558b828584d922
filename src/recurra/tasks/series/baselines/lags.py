"""Ridge regression of the horizon on the values before it: one line for all series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.tasks.series.baselines.past import Past, pieces
from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.panel import Counts

Floats = NDArray[np.float64]

MOST_LAGS: Final = 512
PENALTIES: Final = tuple(10.0**power for power in range(-5, 3))
"""Of the mean variance of the lags: what the fit chooses from."""

_ROWS: Final = 20_000  # windows that the line is fitted to in any case

# Seconds on one slow core for a number of a window, and for a product of two.
_CELL, _PRODUCT = 2e-8, 2e-10
_FITS: Final = 3  # passes over the windows
_TRIED: Final = 4_000  # windows of the selection part that choose
_FEWEST: Final = 20  # windows below which there is no line


@final
@dataclass(frozen=True, eq=False)
class Fitted:
    """The line in words, and as fitted to less, and to all.

    Args:
        less: what of the data it was fitted to, where that is not all.
    """

    note: str
    less: str
    early: Line
    late: Line


@final
@dataclass(frozen=True, eq=False)
class Line:
    """Weights (L + 1, H) of L lags, and in the last row what is added to their sum."""

    past: Past
    weights: Floats

    def __call__(self, windows: Origins) -> Floats:
        """Forecasts (W, H), scaled."""
        steps, horizon = len(self.weights) - 1, self.weights.shape[1]
        found = np.empty((len(windows), horizon))
        for piece in pieces(len(windows), steps):
            known = self.past.before(windows.rows(piece), steps)
            found[piece] = known @ self.weights[:-1] + self.weights[-1]
        return found


@final
@dataclass(frozen=True, eq=False)
class _Sums:
    """Products of lags and targets, decomposed once for all penalties."""

    past: Past
    less: bool
    means: Floats
    targets: Floats
    sizes: Floats  # (L,) eigenvalues
    vectors: Floats  # (L, L)
    turned: Floats  # (L, H) vectors' products with the targets

    @classmethod
    def of(cls, past: Past, windows: Origins, steps: int, horizon: int, less: bool) -> _Sums:
        count, wide = len(windows), steps + horizon
        total, products = np.zeros(wide), np.zeros((steps, wide))
        for piece in pieces(count, wide):
            some = windows.rows(piece)
            both = np.concatenate([past.before(some, steps), past.ahead(some, horizon)], 1)
            if less:
                both -= both[:, steps - 1 : steps].copy()
            total += both.sum(0)
            products += both[:, :steps].T @ both
        means, targets = total[:steps] / count, total[steps:] / count
        products = products / count - np.outer(means, total / count)
        sizes, vectors = np.linalg.eigh(products[:, :steps])
        turned = vectors.T @ products[:, steps:]
        return cls(past, less, means, targets, np.maximum(sizes, 0), vectors, turned)

    def line(self, penalty: float) -> Line:
        added = penalty * max(float(self.sizes.mean()), 1e-12)
        weights = self.vectors @ (self.turned / (self.sizes + added)[:, None])
        constant = self.targets - self.means @ weights
        if self.less:  # the last value has what the others, taken less it, leave of it
            weights[-1] += 1 - weights.sum(0)
        return Line(self.past, np.concatenate([weights, constant[None]]))


def fit(
    past: Past,
    less: Counts,
    ends: Counts,
    tried: Origins,
    horizon: int,
    *,
    seconds: float,
) -> Fitted | None:
    """Fit the line to windows before `less` (S,); penalty and level chosen on windows `tried`.

    It is fitted once more to those before `ends` (S,), to the same choice. The lags are two
    seasons, at least as many as the horizon has steps. Windows that take more than the time are
    thinned out evenly. None where there is too little.
    """
    steps = int(min(MOST_LAGS, max(2 * past.period, horizon, 2)))
    wide = steps + horizon
    rows = max(_ROWS, int(seconds / _FITS / (wide * (_CELL + steps * _PRODUCT))))
    early, _ = _windows(past, less, steps, horizon, rows)
    if len(early) < _FEWEST or not len(tried):
        return None
    tried = tried.rows(slice(None, None, max(1, -(-len(tried) // _TRIED))))
    true = past.ahead(tried, horizon)
    there = ~np.isnan(true)

    def cost(line: Line) -> float:
        return float(np.abs(line(tried) - true)[there].sum())

    sums = {level: _Sums.of(past, early, steps, horizon, level) for level in (False, True)}
    ways = [(level, penalty) for level in sums for penalty in reversed(PENALTIES)]
    level, penalty = min(ways, key=lambda way: cost(sums[way[0]].line(way[1])))
    late, every = _windows(past, ends, steps, horizon, rows)
    note = (
        f"{steps:,} lags to all steps at once, one line for all series, "
        f"{'less the last value' if level else 'scaled'}; penalty {penalty:g}, chosen before the "
        f"windows that choose; fitted to {len(late):,} windows"
    )
    again = _Sums.of(past, late, steps, horizon, level).line(penalty)
    fitted_to = f"fitted to one of {every:,} windows" if every > 1 else ""
    return Fitted(note, fitted_to, sums[level].line(penalty), again)


def _windows(past: Past, ends: Counts, steps: int, horizon: int, rows: int) -> tuple[Origins, int]:
    """Origins of windows whose targets are there, and end before `ends` (S,): one of so many."""
    # Short series reach back as far as they can; the rest is filled with their first value.
    firsts = past.first + np.clip(ends - past.first - 2 * horizon, 1, steps)
    counts = np.maximum(ends - horizon - firsts + 1, 0)
    stride = max(1, -(-int(counts.sum()) // rows))
    # One number for the places of all series, so that those of a single window are not all taken.
    number = np.arange(0, int(counts.sum()), stride)
    series = np.searchsorted(np.cumsum(counts), number, "right")
    origins = firsts[series] + number - (np.cumsum(counts) - counts)[series]
    found = Origins(series, origins)
    whole = ~np.isnan(past.ahead(found, horizon)).any(1)
    return found.rows(np.flatnonzero(whole)), stride
