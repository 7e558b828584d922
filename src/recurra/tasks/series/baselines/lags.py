"""Ridge regression of the horizon on the values before it and the time of the year: one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.codecs import calendar
from recurra.tasks.series.baselines.past import Past, pieces
from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.panel import Counts

Floats = NDArray[np.float64]

MOST_LAGS: Final = 512
WAVE: Final = 4
"""Sines and cosines of where an origin stands in the year, in one turn and in two."""
PENALTIES: Final = tuple(10.0**power for power in range(-5, 3))
"""Of the mean variance of the lags: what the fit chooses from."""

_ROWS: Final = 20_000  # windows that the line is fitted to in any case

# Seconds on one slow core for a number of a window, and for a product of two.
_CELL, _PRODUCT = 2e-8, 2e-10
_FITS: Final = 3  # passes over the windows
_TRIED: Final = 4_000  # windows of the selection part that choose
_FEWEST: Final = 20  # windows below which there is no line
_YEAR: Final = 365.25  # days


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
    """Weights (L + WAVE + 1, H) of L lags and the wave, last what is added to their sum."""

    past: Past
    weights: Floats

    def __call__(self, windows: Origins) -> Floats:
        """Forecasts (W, H), scaled."""
        steps, horizon = len(self.weights) - WAVE - 1, self.weights.shape[1]
        found = np.empty((len(windows), horizon))
        for piece in pieces(len(windows), steps):
            known = _known(self.past, windows.rows(piece), steps)
            found[piece] = known @ self.weights[:-1] + self.weights[-1]
        return found


@final
@dataclass(frozen=True, eq=False)
class _Sums:
    """Products of lags and targets, decomposed once for all penalties."""

    past: Past
    less: bool
    steps: int
    means: Floats
    targets: Floats
    sizes: Floats  # (F,) eigenvalues; F = L + WAVE
    vectors: Floats  # (F, F)
    turned: Floats  # (F, H) vectors' products with the targets

    @classmethod
    def of(
        cls, past: Past, windows: Origins, steps: int, horizon: int, less: bool, wave: bool
    ) -> _Sums:
        count, inputs = len(windows), steps + WAVE
        wide = inputs + horizon
        total, products = np.zeros(wide), np.zeros((inputs, wide))
        for piece in pieces(count, wide):
            some = windows.rows(piece)
            both = np.concatenate([_known(past, some, steps), past.ahead(some, horizon)], 1)
            if less:
                both -= both[:, steps - 1 : steps] * ~_of_wave(wide, steps)
            if not wave:
                both[:, _of_wave(wide, steps)] = 0
            total += both.sum(0)
            products += both[:, :inputs].T @ both
        means, targets = total[:inputs] / count, total[inputs:] / count
        products = products / count - np.outer(means, total / count)
        sizes, vectors = np.linalg.eigh(products[:, :inputs])
        turned = vectors.T @ products[:, inputs:]
        return cls(past, less, steps, means, targets, np.maximum(sizes, 0), vectors, turned)

    def line(self, penalty: float) -> Line:
        added = penalty * max(float(self.sizes.mean()), 1e-12)
        weights = self.vectors @ (self.turned / (self.sizes + added)[:, None])
        constant = self.targets - self.means @ weights
        if self.less:  # the last value has what the others, taken less it, leave of it
            weights[self.steps - 1] += 1 - weights[: self.steps].sum(0)
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
    seasons, at least as many as the horizon has steps; where they are less than a year, and two
    years are known, the wave of the year may help. Windows that take more than the time are thinned
    out evenly. None where there is too little.
    """
    steps = int(min(MOST_LAGS, max(2 * past.period, horizon, 2)))
    wide = steps + WAVE + horizon
    rows = max(_ROWS, int(seconds / _FITS / (wide * (_CELL + steps * _PRODUCT))))
    early, _ = _windows(past, less, steps, horizon, rows)
    if len(early) < _FEWEST or not len(tried):
        return None
    tried = tried.rows(slice(None, None, max(1, -(-len(tried) // _TRIED))))
    true = past.ahead(tried, horizon)
    there = ~np.isnan(true)

    def cost(line: Line) -> float:
        return float(np.abs(line(tried) - true)[there].sum())

    waves = (False, True) if _years(past, less, steps) else (False,)
    sums = {
        (level, wave): _Sums.of(past, early, steps, horizon, level, wave)
        for wave in waves
        for level in (False, True)
    }
    ways = [(way, penalty) for way in sums for penalty in reversed(PENALTIES)]
    (level, wave), penalty = min(ways, key=lambda way: cost(sums[way[0]].line(way[1])))
    late, every = _windows(past, ends, steps, horizon, rows)
    note = (
        f"{steps:,} lags{' and a wave of the year' if wave else ''} to all steps at once, one line "
        f"for all series, "
        f"{'less the last value' if level else 'scaled'}; penalty {penalty:g}, chosen before the "
        f"windows that choose; fitted to {len(late):,} windows"
    )
    again = _Sums.of(past, late, steps, horizon, level, wave).line(penalty)
    fitted_to = f"fitted to one of {every:,} windows" if every > 1 else ""
    return Fitted(note, fitted_to, sums[level, wave].line(penalty), again)


def _known(past: Past, windows: Origins, steps: int) -> Floats:
    """(W, L + WAVE) the lags of each origin, and where it stands in the year."""
    ordinals = past.panel.starts[windows.series] + windows.origins
    return np.concatenate([past.before(windows, steps), _wave(past, ordinals)], 1)


def _wave(past: Past, ordinals: Counts) -> Floats:
    frequency = past.panel.frequency
    if "day of the year" not in calendar.turns_of(frequency):
        return np.zeros((len(ordinals), WAVE))
    sine, cosine = calendar.features(frequency, ordinals, ["day of the year"]).T.astype(np.float64)
    return np.stack([sine, cosine, 2 * sine * cosine, cosine**2 - sine**2], 1)


def _of_wave(wide: int, steps: int) -> NDArray[np.bool_]:
    column = np.arange(wide)
    return (column >= steps) & (column < steps + WAVE)


def _years(past: Past, ends: Counts, steps: int) -> bool:
    """Whether two years are known of some series, and the lags reach back less than one."""
    longest = int(ends.argmax())
    start, frequency = int(past.panel.starts[longest]), past.panel.frequency
    if "day of the year" not in calendar.turns_of(frequency):
        return False
    stamps = frequency.stamps(np.array([start, start + steps, start + int(ends[longest])]))
    reach, span = (stamps[1:] - stamps[0]) / np.timedelta64(1, "D")
    return bool(reach < _YEAR and span >= 2 * _YEAR)


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
