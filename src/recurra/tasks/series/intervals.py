"""Intervals that hold what they promise: widened or narrowed by errors of the selection part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recurra.errors import BundleError, DataError
from recurra.tasks.series.forecasts import INTERVALS, LEVELS

Floats = NDArray[np.float64]
Quantiles = NDArray[np.float32]
Kind = Literal["as they are", "symmetric", "asymmetric"]

KINDS: Final[tuple[Kind, ...]] = ("as they are", "symmetric", "asymmetric")

ENOUGH: Final = 200
"""Errors that an end of an interval is corrected by; steps side by side are pooled for so many."""

FEWEST: Final = 8
"""Windows below which nothing is corrected: what they have in common would be chance."""

_FOLDS: Final = 4
_GAIN: Final = 0.005  # of the score, out of sample, that a correction has to be worth
_MEDIAN: Final = LEVELS.index(0.5)


@final
@dataclass(frozen=True, eq=False)
class Widths:
    """By how much the ends of the 50, 80 and 95 % intervals are moved outwards, scaled.

    Args:
        kinds: how each of the three was corrected.
        low: (3, H) lower ends go down by so much.
        high: (3, H) upper ends go up by so much.
        windows: that they were found on.
    """

    kinds: tuple[Kind, ...]
    low: Floats
    high: Floats
    windows: int

    @classmethod
    def none(cls, horizon: int) -> Widths:
        """No correction of H steps."""
        zero = np.zeros((len(INTERVALS), horizon))
        return cls((KINDS[0],) * len(INTERVALS), zero, zero, 0)

    def told(self) -> str:
        """What was done, in a sentence."""
        if not self.windows:
            return "The intervals are as the model gives them: too few windows to correct them by."
        moved = [
            f"{size} %"
            for size, kind in zip(INTERVALS, self.kinds, strict=True)
            if kind != KINDS[0]
        ]
        if not moved:
            return (
                f"The intervals are as the model gives them: on {self.windows:,} windows of the "
                "selection part no correction did better."
            )
        return (
            f"The intervals of {', '.join(moved)} were corrected by the errors of {self.windows:,} "
            "windows of the selection part (conformal)."
        )

    def to_json(self) -> dict[str, Any]:
        """Its fields as plain values."""
        return {
            "kinds": list(self.kinds),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "windows": self.windows,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Widths:
        """The widths that `to_json` wrote.

        Raises:
            BundleError: they are none.
        """
        damaged = BundleError(
            "the widths of the intervals are damaged",
            expected='"kinds", "low" and "high" of three intervals, and "windows"',
        )
        try:
            low, high = (np.array(value[name], np.float64) for name in ("low", "high"))
            kinds, windows = tuple(value["kinds"]), int(value["windows"])
        except (KeyError, TypeError, ValueError) as error:
            raise damaged from error
        fits = (
            low.ndim == 2 and low.shape == high.shape and len(low) == len(INTERVALS) == len(kinds)
        )
        if not fits or not set(kinds) <= set(KINDS) or not np.isfinite([low, high]).all():
            raise damaged
        return cls(kinds, low, high, windows)


def calibrate(quantiles: Quantiles, actuals: ArrayLike, order: ArrayLike | None = None) -> Widths:
    """The widths that make intervals hold, from free-running forecasts of the selection part.

    Conformalised quantile regression (Romano, Patterson & Candès 2019): an end is moved by that
    quantile of its errors of which so many stay inside. Symmetric moves both ends alike, asymmetric
    each by its own errors (their Theorem 2). For each interval the one is taken, or no correction,
    that scores best on windows which it was not found on: by the interval score (Gneiting & Raftery
    2007, equation 43), which counts both the misses and the width. Errors are taken over the mean
    width at their step, so that steps can be pooled: as many side by side as `ENOUGH` asks for.

    Args:
        quantiles: (W, H, Q) at LEVELS, scaled, so that one error can stand for any series.
        actuals: (W, H) scaled, NaN where missing.
        order: (W,) when each window begins: those that are close in time are tried together.

    Raises:
        DataError: shapes do not fit.
    """
    said, true = np.asarray(quantiles, np.float64), np.asarray(actuals, np.float64)
    if said.shape != (*true.shape, len(LEVELS)):
        raise DataError(
            f"quantiles of shape {said.shape} of values of shape {true.shape}",
            expected=f"(windows, steps, {len(LEVELS)}) and (windows, steps)",
        )
    there = ~np.isnan(true).all(1)
    said, true = said[there], true[there]
    windows, horizon = true.shape
    if windows < FEWEST:
        return Widths.none(horizon)
    if order is not None:
        placed = np.argsort(np.asarray(order)[there], kind="stable")
        said, true = said[placed], true[placed]
    kinds, low, high = [], np.zeros((len(INTERVALS), horizon)), np.zeros((len(INTERVALS), horizon))
    for place, (size, (bottom, top)) in enumerate(INTERVALS.items()):
        errors = _Errors.of(said[..., bottom], said[..., top], true)
        kind = _best(errors, size / 100)
        low[place], high[place] = errors.moves(kind, size / 100)
        kinds.append(kind)
    return Widths(tuple(kinds), low, high, windows)


def apply(quantiles: Quantiles, widths: Widths) -> Quantiles:
    """Quantiles (W, H, Q), scaled, with the ends of their intervals moved; ascending as before.

    The median stays where it is, no end crosses it, and a larger interval holds the smaller one.

    Raises:
        DataError: the widths are of another horizon.
    """
    if quantiles.shape[1] != widths.low.shape[1]:
        raise DataError(
            f"widths of {widths.low.shape[1]} steps for forecasts of {quantiles.shape[1]}",
            expected="as many",
        )
    moved = quantiles.astype(np.float64)
    inner = outer = moved[..., _MEDIAN]
    for place, (bottom, top) in enumerate(INTERVALS.values()):
        inner = np.minimum(inner, moved[..., bottom] - widths.low[place])
        outer = np.maximum(outer, moved[..., top] + widths.high[place])
        moved[..., bottom], moved[..., top] = inner, outer
    return moved.astype(np.float32)


@final
@dataclass(frozen=True, eq=False)
class _Errors:
    """How far actual values lie outside of an interval, over its mean width at each step.

    Args:
        below: (W, H) how far below the lower end; negative inside; NaN where there is no value.
        above: (W, H) how far above the upper end.
        wide: (W, H) from the lower to the upper end.
        unit: (H,) the mean width, by which all of them are divided.
    """

    below: Floats
    above: Floats
    wide: Floats
    unit: Floats

    @classmethod
    def of(cls, low: Floats, high: Floats, true: Floats) -> _Errors:
        unit = (high - low).mean(0)
        unit = np.where(unit > 1e-9, unit, 1.0)
        wide = np.where(np.isnan(true), np.nan, high - low)
        return cls((low - true) / unit, (true - high) / unit, wide / unit, unit)

    def rows(self, rows: NDArray[np.bool_]) -> _Errors:
        """Those of some windows."""
        return _Errors(self.below[rows], self.above[rows], self.wide[rows], self.unit)

    def moves(self, kind: Kind, share: float) -> tuple[Floats, Floats]:
        """By how much the lower and the upper end (H,) each go outwards."""
        horizon = len(self.unit)
        low, high = np.zeros(horizon), np.zeros(horizon)
        if kind == "as they are":
            return low, high
        for steps in pooled((~np.isnan(self.below)).sum(0)):
            below, above = self.below[:, steps], self.above[:, steps]
            if kind == "symmetric":
                low[steps] = high[steps] = _reach(np.maximum(below, above), share)
            else:
                low[steps] = _reach(below, (1 + share) / 2)
                high[steps] = _reach(above, (1 + share) / 2)
        return low * self.unit, high * self.unit

    def score(self, low: Floats, high: Floats, share: float) -> float:
        """The sum of interval scores after moving the ends: width, and a fine for each miss."""
        down, up = low / self.unit, high / self.unit
        wide = np.maximum(self.wide + down + up, 0.0)
        missed = np.maximum(self.below - down, 0) + np.maximum(self.above - up, 0)
        return float(np.nansum(wide + 2 / (1 - share) * missed))


def pooled(counts: NDArray[np.int64]) -> Iterator[slice]:
    """Steps side by side that have `ENOUGH` errors together, as even as that can be.

    Args:
        counts: (H,) errors at each step.
    """
    horizon = len(counts)
    groups = min(max(int(counts.sum()) // ENOUGH, 1), horizon)
    edges = np.linspace(0, horizon, groups + 1).round().astype(int).tolist()
    for first, end in pairwise(edges):
        yield slice(first, end)


def _reach(errors: Floats, share: float) -> float:
    """The error that so many stay under, of one more as well that is like them; 0 of none."""
    found = np.sort(errors[~np.isnan(errors)])
    if not len(found):
        return 0.0
    place = int(np.ceil((len(found) + 1) * share)) - 1
    return float(found[min(place, len(found) - 1)])


def _best(errors: _Errors, share: float) -> Kind:
    """The correction that scores best on each quarter of the windows when found on the others."""
    windows = len(errors.below)
    fold = np.arange(windows) * _FOLDS // windows
    scores = dict.fromkeys(KINDS, 0.0)
    for held in range(_FOLDS):
        found, tried = errors.rows(fold != held), errors.rows(fold == held)
        for kind in KINDS:
            scores[kind] += tried.score(*found.moves(kind, share), share)
    best = min(KINDS, key=lambda kind: scores[kind])
    # What is hardly better is better by chance.
    return best if scores[best] < (1 - _GAIN) * scores[KINDS[0]] else KINDS[0]
