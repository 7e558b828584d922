"""Intervals that hold what they promise: widened or narrowed by errors of the selection part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, Literal, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recurra.errors import BundleError, DataError
from recurra.tasks.series.forecasts import INTERVALS, LEVELS

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Quantiles = NDArray[np.float32]
Kind = Literal["as they are", "symmetric", "asymmetric"]

KINDS: Final[tuple[Kind, ...]] = ("as they are", "symmetric", "asymmetric")

ENOUGH: Final = 200
"""Errors that an end of an interval is corrected by; steps side by side are pooled for so many."""

FEWEST: Final = 3
"""Windows side by side below which nothing is corrected: their errors are one event."""

UNSTRETCHED: Final = (1.0,) * len(INTERVALS)

_FOLDS: Final = 4
_SURE: Final = 1.5  # standard deviations from what an interval promises, of the share it holds
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
        stretch: the three are made so many times as wide first, each end from the median.
    """

    kinds: tuple[Kind, ...]
    low: Floats
    high: Floats
    windows: int
    stretch: tuple[float, ...] = UNSTRETCHED

    @classmethod
    def none(cls, horizon: int) -> Widths:
        """No correction of H steps."""
        zero = np.zeros((len(INTERVALS), horizon))
        return cls((KINDS[0],) * len(INTERVALS), zero, zero, 0)

    def first(self, steps: int) -> Widths:
        """Those of the first steps; of steps beyond the last one, that of the last one."""
        at = np.minimum(np.arange(steps), self.low.shape[1] - 1)
        return replace(self, low=self.low[:, at], high=self.high[:, at])

    def stretched(self, before: Quantiles, after: Quantiles) -> Widths:
        """What keeps intervals as wide as they were where these were found, never narrower.

        Training on the selection part as well makes a network surer than it is right.

        Args:
            before: (W, H, Q) that the widths were found on.
            after: (W, H, Q) of the same windows, by the network as it is now.
        """

        def wide(said: Quantiles, ends: tuple[int, int]) -> float:
            return float(np.mean(said[..., ends[1]] - said[..., ends[0]], dtype=np.float64))

        stretch = [
            max(1.0, wide(before, ends) / max(wide(after, ends), 1e-12))
            for ends in INTERVALS.values()
        ]
        return replace(self, stretch=tuple(stretch))

    def summary(self) -> str:
        """What was done, in a sentence or two."""
        stretch = max(self.stretch)
        if stretch < 1.005:
            return self._corrected()
        return (
            f"{self._corrected()} They were widened by up to {100 * (stretch - 1):.0f} %, to what "
            "they were before the selection part was trained on too."
        )

    def _corrected(self) -> str:
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
            "stretch": list(self.stretch),
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
            stretch = tuple(map(float, value["stretch"]))
        except (KeyError, TypeError, ValueError) as error:
            raise damaged from error
        fits = (
            low.ndim == 2 and low.shape == high.shape and len(low) == len(INTERVALS) == len(kinds)
        )
        fits = fits and len(stretch) == len(INTERVALS) and all(1 <= each < 1e9 for each in stretch)
        if not fits or not set(kinds) <= set(KINDS) or not np.isfinite([low, high]).all():
            raise damaged
        return cls(kinds, low, high, windows, stretch)


def calibrate(
    quantiles: Quantiles,
    actuals: ArrayLike,
    order: ArrayLike | None = None,
    series: ArrayLike | None = None,
) -> Widths:
    """The widths that make intervals hold, from free-running forecasts of the selection part.

    Conformalised quantile regression (Romano, Patterson & Candès 2019): an end is moved by that
    quantile of its errors of which so many stay inside. Symmetric moves both ends alike, asymmetric
    each by its own errors (their Theorem 2). Errors are taken over the mean width at their step, so
    that steps can be pooled: as many side by side as `ENOUGH` asks for.

    Windows that overlap tell the same twice, and their theorem is not about such: what counts is
    how many of them lie side by side. An interval is left as it is unless it holds too often or too
    rarely for so few to be chance, and unless the correction scores better on windows which it was
    not found on and which do not overlap those: by the interval score (Gneiting & Raftery 2007,
    equation 43), of misses and of width. Where windows are too few to show how far a large interval
    has to reach, it grows with the one within it.

    Args:
        quantiles: (W, H, Q) at LEVELS, scaled, so that one error can stand for any series.
        actuals: (W, H) scaled, NaN where missing.
        order: (W,) at which step each window begins; default: H apart, none overlaps another.
        series: (W,) which series each is of; default: all of one.

    Raises:
        DataError: shapes do not fit.
    """
    said, true = np.asarray(quantiles, np.float64), np.asarray(actuals, np.float64)
    if said.shape != (*true.shape, len(LEVELS)):
        raise DataError(
            f"quantiles of shape {said.shape} of values of shape {true.shape}",
            expected=f"(windows, steps, {len(LEVELS)}) and (windows, steps)",
        )
    windows, horizon = true.shape
    begins = np.arange(windows) * horizon if order is None else np.asarray(order, np.int64)
    owners = np.zeros(windows, np.int64) if series is None else np.asarray(series, np.int64)
    there = np.flatnonzero(~np.isnan(true).all(1))
    there = there[np.argsort(begins[there], kind="stable")]
    said, true, begins, owners = said[there], true[there], begins[there], owners[there]
    apart = _apart(begins, owners, horizon)
    if apart < FEWEST:
        return Widths.none(horizon)
    kinds, low, high = [], np.zeros((len(INTERVALS), horizon)), np.zeros((len(INTERVALS), horizon))
    parts, within = list(folds(begins, owners, horizon)), np.ones(horizon)
    for place, (size, (bottom, top)) in enumerate(INTERVALS.items()):
        errors = _Errors.of(said[..., bottom], said[..., top], true, apart)
        kind = KINDS[0]
        if errors.missed(size / 100):
            kind = _best(errors, parts, size / 100)
        low[place], high[place] = errors.moves(kind, size / 100)
        # So few windows show no error that is beyond all of theirs: of an interval that would need
        # one, at least what the one within it was moved by, in proportion to their widths.
        if place and errors.beyond(kind, size / 100):
            larger = errors.unit / within
            low[place] = np.maximum(low[place], larger * low[place - 1])
            high[place] = np.maximum(high[place], larger * high[place - 1])
        within = errors.unit
        kinds.append(kind)
    return Widths(tuple(kinds), low, high, len(there))


def _apart(begins: Places, owners: Places, horizon: int) -> int:
    """How many windows, in order, lie side by side without overlap, in all series together."""
    ends: dict[int, int] = {}
    found = 0
    for begin, owner in zip(begins.tolist(), owners.tolist(), strict=True):
        if begin >= ends.get(owner, begin):
            ends[owner] = begin + horizon
            found += 1
    return found


def folds(
    begins: Places, owners: Places, horizon: int
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Windows to try corrections on, and those to find them on, which overlap none of them (W,)."""
    windows = len(begins)
    fold = np.arange(windows) * _FOLDS // windows
    for held in range(_FOLDS):
        tried = fold == held
        first = np.full(int(owners.max()) + 1, np.iinfo(np.int64).max)
        last = np.full(len(first), np.iinfo(np.int64).min)
        np.minimum.at(first, owners[tried], begins[tried])
        np.maximum.at(last, owners[tried], begins[tried])
        before = begins + horizon <= first[owners]
        after = begins - horizon >= last[owners]
        found = before | after
        if tried.any() and found.any():
            yield tried, found


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
    median = moved[..., _MEDIAN].copy()
    inner = outer = median
    for place, (bottom, top) in enumerate(INTERVALS.values()):
        below, above = (
            median + widths.stretch[place] * (moved[..., end] - median) for end in (bottom, top)
        )
        inner = np.minimum(inner, below - widths.low[place])
        outer = np.maximum(outer, above + widths.high[place])
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
        apart: windows without overlap.
    """

    below: Floats
    above: Floats
    wide: Floats
    unit: Floats
    apart: float

    @classmethod
    def of(cls, low: Floats, high: Floats, true: Floats, apart: float) -> _Errors:
        unit = (high - low).mean(0)
        unit = np.where(unit > 1e-9, unit, 1.0)
        wide = np.where(np.isnan(true), np.nan, high - low)
        return cls((low - true) / unit, (true - high) / unit, wide / unit, unit, apart)

    def rows(self, rows: NDArray[np.bool_]) -> _Errors:
        """Those of some windows."""
        apart = max(1.0, self.apart * float(rows.mean()))
        return _Errors(self.below[rows], self.above[rows], self.wide[rows], self.unit, apart)

    def missed(self, share: float) -> bool:
        """Whether values lie outside, on either side or on both, more or less often than chance."""
        outside = [
            float(np.nanmean(np.where(np.isnan(e), np.nan, e > 0)))
            for e in (self.below, self.above)
        ]
        rates = [
            (outside[0] + outside[1], 1 - share),
            *((each, (1 - share) / 2) for each in outside),
        ]
        return any(
            abs(rate - wanted) > _SURE * np.sqrt(wanted * (1 - wanted) / self.apart)
            for rate, wanted in rates
        )

    def moves(self, kind: Kind, share: float) -> tuple[Floats, Floats]:
        """By how much the lower and the upper end (H,) each go outwards."""
        horizon = len(self.unit)
        low, high = np.zeros(horizon), np.zeros(horizon)
        if kind == "as they are":
            return low, high
        counts = (~np.isnan(self.below)).sum(0) * self.apart / len(self.below)
        for steps in pooled(counts.astype(np.int64)):
            below, above = self.below[:, steps], self.above[:, steps]
            if kind == "symmetric":
                low[steps] = high[steps] = _reach(np.maximum(below, above), share, self.apart)
            else:
                low[steps] = _reach(below, (1 + share) / 2, self.apart)
                high[steps] = _reach(above, (1 + share) / 2, self.apart)
        return low * self.unit, high * self.unit

    def beyond(self, kind: Kind, share: float) -> bool:
        """Whether what a correction asks for lies beyond the largest error of so few windows."""
        level = (1 + share) / 2 if kind == "asymmetric" else share
        return level * (1 + 1 / self.apart) > 1

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


def _reach(errors: Floats, share: float, apart: float) -> float:
    """The error that so many stay under, of one window more as well; 0 of none."""
    found = np.sort(errors[~np.isnan(errors)])
    if not len(found):
        return 0.0
    place = int(np.ceil(len(found) * share * (1 + 1 / apart))) - 1
    return float(found[min(place, len(found) - 1)])


def _best(
    errors: _Errors, folds: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]], share: float
) -> Kind:
    """The correction that scores best on windows that it was not found on."""
    scores = dict.fromkeys(KINDS, 0.0)
    for tried, found in folds:
        known, asked = errors.rows(found), errors.rows(tried)
        for kind in KINDS:
            scores[kind] += asked.score(*known.moves(kind, share), share)
    best = min(KINDS, key=lambda kind: scores[kind])
    # What is hardly better is better by chance.
    return best if scores[best] < (1 - _GAIN) * scores[KINDS[0]] else KINDS[0]
