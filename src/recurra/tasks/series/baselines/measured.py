"""What a forecast has to beat: the last value, the last season, their trend, a line of lags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import DataError
from recurra.tasks.series.baselines import lags, naive2, smoothing
from recurra.tasks.series.baselines.past import Past, pieces
from recurra.tasks.series.forecasts import LEVELS, Forecasts, Origins
from recurra.tasks.series.intervals import pooled
from recurra.tasks.series.panel import SeriesData
from recurra.tasks.series.scale import Scale

Floats = NDArray[np.float64]
Points = NDArray[np.float64]
Said = Callable[[Origins], Floats]

SECONDS: Final = 60.0
"""What all baselines together may take on one core, unless told otherwise."""

NAIVE: Final = "naive forecast"
SEASONAL: Final = "seasonal naive forecast"
NAIVE2: Final = "Naive2"

_ALIKE: Final = 10  # windows that the mean error of all steps counts as, at each step
_MEDIAN: Final = LEVELS.index(0.5)


@final
@dataclass(frozen=True, eq=False)
class Baseline:
    """What something simple says of the windows of the test part, and of the selection part.

    Args:
        name: as it reads after "the": "seasonal naive forecast".
        note: what it is and what it was given, in a few words.
        point: (W, H) for the test part, in real units.
        held: (V, H) for the selection part, from nothing but what was before it.
        moves: (H, Q) from the point to the quantiles, scaled: its errors on the selection part.
        less: what of the data it was fitted to, where that is not all: "fitted to 9 of 20 series".
    """

    name: str
    note: str
    point: Points
    held: Points
    moves: Floats
    less: str = ""

    def forecasts(self, scale: Scale, windows: Origins) -> Forecasts:
        """Its quantiles for the windows of the test part."""
        return Forecasts(
            windows.series, windows.origins, around(self.point, self.moves, scale, windows)
        )


def series_baselines(
    data: SeriesData, held: Origins, test: Origins, *, seconds: float = SECONDS
) -> tuple[Baseline, ...]:
    """Every baseline that suits the data, for windows of the selection and of the test part.

    None of them looks at a step from the origin on. What is fitted, is fitted on the training part
    for the one, and for the other on the selection part as well; exponential smoothing is fitted
    on the training part alone. A function of the data and of `seconds`: what takes longer on one
    slow core is given less, and says so.

    Raises:
        DataError: a window begins before its part.
    """
    for windows, ends, name in (
        (held, data.train_ends, "selection"),
        (test, data.select_ends, "test"),
    ):
        early = np.flatnonzero(windows.origins < ends[windows.series])
        if len(early):
            raise DataError(
                f"window {early[0]} begins before the {name} part of its series",
                expected="forecasts of steps that nothing was fitted to",
            )
    past, horizon, period = Past(data.panel, data.scale, data.period), data.horizon, data.period
    seasonal = period > 1

    def judged(
        name: str, note: str, early: Said, late: Said | None = None, less: str = ""
    ) -> Baseline:
        """From what is said of windows of the selection part, and of the test part."""
        said = early(held), (late or early)(test)
        return replace(_judged(name, note, past, horizon, held, said[0], test, said[1]), less=less)

    found = [judged(NAIVE, "the last value", lambda w: _naive(past, w, horizon))]
    last = f"the value {period:,} steps before"
    if seasonal:
        found.append(judged(SEASONAL, last, lambda w: _seasonal(past, w, horizon)))
    growth = "factor" if data.scale.log else "change"
    found.append(
        judged(
            "drift forecast",
            f"the last value, and the mean {growth} from step to step so far",
            lambda w: _drift(past, w, horizon),
        )
    )
    if seasonal:
        found.append(
            judged(
                "seasonal naive with drift",
                f"{last}, and the mean {growth} from season to season so far",
                lambda w: _seasonal(past, w, horizon, past.change(w)),
            )
        )
        factors = [naive2.fit(past, ends) for ends in (data.train_ends, data.select_ends)]
        found.append(
            judged(
                NAIVE2,
                f"of the M4 competition: {factors[1].summary()}",
                lambda w: factors[0](w, horizon),
                lambda w: factors[1](w, horizon),
            )
        )
    line = lags.fit(past, data.train_ends, data.select_ends, held, horizon, seconds=seconds / 6)
    if line is not None:
        name = "ridge regression on lags"
        found.append(judged(name, line.note, line.early, line.late, line.less))
    smooth = smoothing.fit(past, data.train_ends, seconds=seconds * 2 / 3)
    said = smooth(held.then(test), horizon)
    found.append(
        judged(
            "exponential smoothing",
            smooth.note,
            lambda _: said[: len(held)],
            lambda _: said[len(held) :],
            smooth.less,
        )
    )
    return tuple(found)


# -- the naive ones -----------------------------------------------------------------------------


def _naive(past: Past, windows: Origins, horizon: int) -> Floats:
    return np.repeat(past.level(windows)[:, None], horizon, 1)


def _drift(past: Past, windows: Origins, horizon: int) -> Floats:
    """On the line through the first and the last value (Hyndman & Athanasopoulos 2021, 5.2)."""
    last, level = past.last_step(windows), past.level(windows)
    first = np.minimum(past.first[windows.series], np.maximum(last, 0))
    began = past.filled[past.panel.begins[windows.series] + first]
    slope = (level - began) / np.maximum(last - first, 1)
    ahead = windows.origins[:, None] + np.arange(horizon) - last[:, None]
    # Without any value there is none to be on a line with.
    return np.where((last >= 0)[:, None], level[:, None] + slope[:, None] * ahead, 0.0)


def _seasonal(past: Past, windows: Origins, horizon: int, change: Floats | float = 0.0) -> Floats:
    """The last season again and again; each time changed by so much, (W,)."""
    step = np.arange(horizon)
    seasons = step // past.period + 1
    return past.season(windows)[:, step % past.period] + np.multiply.outer(change, seasons)


# -- its own errors -----------------------------------------------------------------------------


def _judged(
    name: str,
    note: str,
    past: Past,
    horizon: int,
    held: Origins,
    early: Floats,
    test: Origins,
    late: Floats,
) -> Baseline:
    moves = _moves(past.ahead(held, horizon) - early)
    points = [
        past.scale.restore(said, windows.series) for said, windows in ((late, test), (early, held))
    ]
    return Baseline(name, note, points[0], points[1], moves)


def _moves(errors: Floats) -> Floats:
    """From the point to each quantile (H, Q), by errors (V, H) of the past.

    Steps side by side are pooled where windows are few, over the mean error at each.
    """
    horizon = errors.shape[1]
    there = ~np.isnan(errors)
    counts, sizes = there.sum(0), np.where(there, np.abs(errors), 0.0).sum(0)
    moves = np.zeros((horizon, len(LEVELS)))
    if not counts.any():
        return moves
    overall = sizes.sum() / counts.sum()
    unit = (sizes + _ALIKE * overall) / (counts + _ALIKE)
    unit = np.where(unit > 0, unit, 1.0)
    for steps in pooled(counts):
        some = (errors[:, steps] / unit[steps])[there[:, steps]]
        if len(some):
            moves[steps] = np.multiply.outer(unit[steps], np.quantile(some, LEVELS))
    return moves


def around(point: Points, moves: Floats, scale: Scale, windows: Origins) -> Points:
    """Quantiles (W, H, Q) in real units, so far from the points (W, H) on their scales.

    The median is the point itself, and no end lies on its wrong side.
    """
    found = np.empty((*point.shape, len(LEVELS)))
    for piece in pieces(len(point), point.shape[1] * len(LEVELS)):
        series = windows.series[piece]
        middle = scale.scale(point[piece], series).astype(np.float64)
        said = scale.restore(middle[..., None] + moves, series)
        # Where it is always too low, its median is still what it says.
        own = point[piece][..., None]
        said[..., :_MEDIAN] = np.minimum(said[..., :_MEDIAN], own)
        said[..., _MEDIAN + 1 :] = np.maximum(said[..., _MEDIAN + 1 :], own)
        said[..., _MEDIAN] = own[..., 0]
        found[piece] = said
    return found
