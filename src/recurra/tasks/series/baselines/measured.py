"""What a forecast has to beat: the last value, the last season, their trend, a line of lags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import DataError
from recurra.tasks.series.baselines import classical, lags, naive2, smoothing
from recurra.tasks.series.baselines.past import Past, pieces
from recurra.tasks.series.choosing import Choosing
from recurra.tasks.series.forecasts import LEVELS, Forecasts, Origins
from recurra.tasks.series.intervals import pooled
from recurra.tasks.series.panel import SeriesData
from recurra.tasks.series.scale import Scale
from recurra.tasks.stored_baselines import LeftOut

Floats = NDArray[np.float64]
Points = NDArray[np.float64]
Said = Callable[[Origins], Floats]

SECONDS: Final = 60.0
"""What all baselines together may take on one core, unless told otherwise."""

NAIVE: Final = "naive forecast"
SEASONAL: Final = "seasonal naive forecast"
DRIFT: Final = "drift forecast"
SEASONAL_DRIFT: Final = "seasonal naive with drift"
NAIVE2: Final = "Naive2"
RIDGE: Final = "ridge regression on lags"
SMOOTHING: Final = "exponential smoothing"

_ALIKE: Final = 10  # windows that the mean error of all steps counts as, at each step
_MEDIAN: Final = LEVELS.index(0.5)


@final
@dataclass(frozen=True, eq=False)
class Baseline:
    """What something simple says of the windows of the test part, and of those that choose.

    Args:
        name: as it reads after "the": "seasonal naive forecast".
        note: what it is and what it was given, in a few words.
        point: (W, H) for the test part, in real units.
        held: (V, H) for the windows that choose, from nothing but what was before their part.
        moves: (H, Q) from the point to the quantiles, scaled: its errors on those.
        less: what of the data it was fitted to, where that is not all: "fitted to 9 of 20 series".
        quantiles: (W, H, Q) in real units, of one that has its own.
        held_quantiles: (V, H, Q) of the same.
        learnt: what it takes to forecast elsewhere, of one that cannot be fitted again there.
    """

    name: str
    note: str
    point: Points
    held: Points
    moves: Floats
    less: str = ""
    quantiles: Points | None = None
    held_quantiles: Points | None = None
    learnt: Floats | None = None

    def forecasts(self, scale: Scale, windows: Origins, *, held: bool = False) -> Forecasts:
        """Its quantiles for the windows of the test part, or for those that choose."""
        point, own = self.point, self.quantiles
        if held:
            point, own = self.held, self.held_quantiles
        if own is None:
            own = around(point, self.moves, scale, windows)
        return Forecasts(windows.series, windows.origins, own)


def series_baselines(
    data: SeriesData, choosing: Choosing, test: Origins, *, seconds: float = SECONDS
) -> tuple[tuple[Baseline, ...], tuple[LeftOut, ...]]:
    """Every baseline that suits the data, for windows that choose and for those of the test part.

    None of them looks at a step from the origin on. What is fitted, is fitted for each part of the
    windows that choose to what was before it, and for the test part to all before that;
    exponential smoothing to the training part alone. What cannot be given all the data in
    `seconds` on one core is left out by name, or given less and says so.

    Raises:
        DataError: a window begins before its part.
    """
    held = choosing.windows
    for windows, ends, name in (
        (held, choosing.cuts, "selection"),
        (test, data.select_ends[test.series], "test"),
    ):
        early = np.flatnonzero(windows.origins < ends)
        if len(early):
            raise DataError(
                f"window {early[0]} begins before the {name} part of its series",
                expected="forecasts of steps that nothing was fitted to",
            )
    past, horizon, period = Past(data.panel, data.scale, data.period), data.horizon, data.period
    every = [*(ends for ends, _ in choosing.parts), data.select_ends]

    def judged(name: str, note: str, said: Sequence[Said], less: str = "") -> Baseline:
        """From what is said as fitted before each part of the windows, the test part the last."""
        rows = [held.rows(rows) for _, rows in choosing.parts]
        early = np.concatenate([each(part) for each, part in zip(said[:-1], rows, strict=True)])
        late = said[-1](test)
        moves = _moves(past.ahead(held, horizon) - early)
        point = past.scale.restore(late, test.series)
        return Baseline(name, note, point, past.scale.restore(early, held.series), moves, less)

    found = [
        judged(name, note, [partial(closed, name, past, horizon=horizon)] * len(every))
        for name, note in _closed(period, "factor" if data.scale.log else "change").items()
    ]
    if period > 1:
        factors = [naive2.fit(past, ends) for ends in every]
        note = f"of the M4 competition: {factors[-1].summary()}"
        found.append(judged(NAIVE2, note, [partial(each, horizon=horizon) for each in factors]))
    if lines := _lines(past, data, choosing, seconds / 6):
        each = judged(RIDGE, lines[-1].note, [line.late for line in lines], lines[-1].less)
        found.append(replace(each, learnt=lines[-1].late.weights))
    jobs = [(choosing.cuts, held), (data.select_ends[test.series], test)]
    fitted, without = classical.all_of(past, jobs, horizon, seconds=seconds)
    for model in fitted:
        chooses, reports = model.quantiles
        point = chooses[..., _MEDIAN]
        found.append(
            Baseline(
                model.name,
                classical.NOTES[model.name],
                reports[..., _MEDIAN],
                point,
                _moves(past.ahead(held, horizon) - past.scale.scale(point, held.series)),
                quantiles=reports,
                held_quantiles=chooses,
            )
        )
    if "AutoETS" not in [each.name for each in found]:
        share = seconds * 2 / 3 / len(every)
        smooth = [smoothing.fit(past, ends, seconds=share) for ends in every]
        last = smooth[-1]
        each = judged(
            SMOOTHING, last.note, [partial(each, horizon=horizon) for each in smooth], last.less
        )
        found.append(replace(each, learnt=last.weights))
    return tuple(found), tuple(without)


def _lines(past: Past, data: SeriesData, choosing: Choosing, seconds: float) -> list[lags.Fitted]:
    """The ridge regression before each part, its penalty chosen before that; none of too little."""
    horizon, parts = data.horizon, choosing.parts
    if not choosing.rolled:
        tried = choosing.windows.rows(np.flatnonzero(choosing.stops))
        ends = parts[0][0]
        line = lags.fit(past, ends, data.select_ends, tried, horizon, seconds=seconds)
        return [] if line is None else [replace(line, late=line.early), line]
    found = []
    for ends in (*(ends for ends, _ in parts), data.select_ends):
        less = np.maximum(ends - horizon, 0)
        some = np.flatnonzero((less > 0) & (data.select_ends < data.panel.lengths))
        tried = Origins(some, less[some])
        line = lags.fit(past, less, ends, tried, horizon, seconds=seconds / (len(parts) + 1))
        if line is None:
            return []
        found.append(line)
    return found


# -- the naive ones -----------------------------------------------------------------------------


def _closed(period: int, growth: str) -> dict[str, str]:
    """Those that nothing is fitted for, and what they are in a few words."""
    last = f"the value {period:,} steps before"
    found = {NAIVE: "the last value"}
    if period > 1:
        found[SEASONAL] = last
    found[DRIFT] = f"the last value, and the mean {growth} from step to step so far"
    if period > 1:
        found[SEASONAL_DRIFT] = f"{last}, and the mean {growth} from season to season so far"
    return found


def closed(name: str, past: Past, windows: Origins, horizon: int) -> Floats:
    """What one of them says (W, H), scaled."""
    if name == NAIVE:
        return np.repeat(past.level(windows)[:, None], horizon, 1)
    if name == DRIFT:
        return _drift(past, windows, horizon)
    return _seasonal(past, windows, horizon, past.change(windows) if name != SEASONAL else 0.0)


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
