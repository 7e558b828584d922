"""What came after each origin, and by how much forecasts of it were off."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import DataError
from recurra.judge import bootstrap
from recurra.judge import forecasts as metrics
from recurra.judge.bootstrap import Interval
from recurra.judge.forecasts import Sums
from recurra.tasks.series.forecasts import INTERVALS, LEVELS, Forecasts, Origins
from recurra.tasks.series.panel import Counts, SeriesData

Floats = NDArray[np.float64]

Metric = Literal["mae", "mase", "crps", "crps_scaled"]

NAMES: Final[dict[Metric, str]] = {
    "mae": "MAE",
    "mase": "MASE",
    "crps": "CRPS",
    "crps_scaled": "scaled CRPS",
}

ALIKE: Final = 4.0
"""Series whose sizes are at most so many times each other are measured in their own unit."""

THIRDS: Final = 3

_ROUNDING: Final = 1e-6


@final
@dataclass(frozen=True, eq=False)
class Targets:
    """The actual values of windows, to measure forecasts against.

    Args:
        windows: W of them.
        actuals: (W, H) in real units; NaN where there is none.
        scale: (W,) how far the seasonal naive forecast is off before the test part, on average;
            NaN where that is undefined.
        squared: (W,) the same, squared.
        times: (W,) ordinal of each origin, the same for all series at the same time.
    """

    windows: Origins
    actuals: Floats
    scale: Floats
    squared: Floats
    times: Counts

    @classmethod
    def of(cls, data: SeriesData, windows: Origins) -> Targets:
        """What came after these origins.

        Raises:
            DataError: there is no window, or none of them has a value.
        """
        panel, series = data.panel, windows.series
        actuals = panel.actuals(series, windows.origins, data.horizon)
        if not (~np.isnan(actuals)).any():
            raise DataError(
                f"{len(windows):,} windows without an actual value", expected="at least one"
            )
        ends = panel.begins + data.select_ends
        scale, squared = metrics.naive_scale(panel.values, panel.begins, ends, data.period)
        times = panel.starts[series] + windows.origins
        return cls(windows, actuals, scale[series], squared[series], times)

    @property
    def horizon(self) -> int:
        """H."""
        return int(self.actuals.shape[1])

    @cached_property
    def metric(self) -> Metric:
        """What the verdict is about: the MAE, or MASE where series are of different sizes."""
        sizes = self.scale[~np.isnan(self.scale)]
        if len(np.unique(self.windows.series)) == 1 or not len(sizes):
            return "mae"
        return "mae" if sizes.max() <= ALIKE * sizes.min() else "mase"

    @property
    def interval_metric(self) -> Metric:
        """What quantiles are compared by, in the same unit."""
        return "crps" if self.metric == "mae" else "crps_scaled"

    # -- figures ----------------------------------------------------------------------------

    def cells(self, metric: Metric, forecasts: Forecasts) -> Floats:
        """A metric of each step (W, H)."""
        if metric.startswith("crps"):
            found = metrics.pinball(self.actuals, forecasts.quantiles, LEVELS)
        else:
            found = metrics.absolute(self.actuals, forecasts.point)
        return found if metric in ("mae", "crps") else metrics.scaled(found, self.scale)

    def exact(self, metric: Metric, forecasts: Forecasts) -> float:
        """A metric alone; not a number where it is undefined."""
        return Sums.of(self.cells(metric, forecasts)).mean

    def faultless(self, forecasts: Forecasts) -> bool:
        """Whether points and intervals lie on what came, but for rounding to single precision."""
        off = np.abs(forecasts.quantiles - self.actuals[..., None])
        return bool(np.nanmean(off) <= _ROUNDING * np.nanmean(np.abs(self.actuals)))

    def figures(
        self, forecasts: Forecasts, naive2: tuple[float, float] | None = None
    ) -> dict[str, Any]:
        """Every figure of forecasts, as plain values; null where one is undefined.

        Args:
            naive2: sMAPE and MASE of Naive2, for the OWA.
        """
        true, point, quantiles = self.actuals, forecasts.point, forecasts.quantiles
        off = metrics.absolute(true, point)
        square = metrics.squared(true, point)
        crps = metrics.pinball(true, quantiles, LEVELS)
        sums = {
            "mae": Sums.of(off),
            "mse": Sums.of(square),
            "mape": Sums.of(metrics.percentage(true, point)),
            "smape": Sums.of(metrics.symmetric(true, point)),
            "mase": Sums.of(metrics.scaled(off, self.scale)),
            "msse": Sums.of(metrics.scaled(square, self.squared)),
            "crps": Sums.of(crps),
            "crps_scaled": Sums.of(metrics.scaled(crps, self.scale)),
        }
        held, wide = {}, {}
        for size, (low, high) in INTERVALS.items():
            ends = quantiles[..., low], quantiles[..., high]
            held[size] = Sums.of(metrics.inside(true, *ends))
            wide[size] = Sums.of(metrics.width(true, *ends))
        owa = math.nan
        if naive2 is not None:
            owa = metrics.owa(sums["smape"].mean, sums["mase"].mean, *naive2)
        cells = sums["mae"].count
        return {
            **{
                _ROOTS.get(n, n): plain(s.mean ** (0.5 if n in _ROOTS else 1))
                for n, s in sums.items()
            },
            "owa": plain(owa),
            "intervals": {
                str(size): {"coverage": plain(held[size].mean), "width": plain(wide[size].mean)}
                for size in INTERVALS
            },
            "thirds": [
                {"from": first + 1, "to": end}
                | {n: plain(s.part(first, end).mean) for n, s in sums.items() if n in _SHOWN}
                | {"coverage": {str(k): plain(s.part(first, end).mean) for k, s in held.items()}}
                for first, end in self._parts()
            ],
            "steps": {n: list(map(plain, s.steps)) for n, s in sums.items() if n in _SHOWN}
            | {"coverage": {str(k): list(map(plain, s.steps)) for k, s in held.items()}},
            "cells": cells,
            "left_out": {
                name: cells - sums[name].count
                for name in ("mape", "mase")
                if sums[name].count < cells
            },
        }

    def _parts(self) -> list[tuple[int, int]]:
        edges = np.linspace(0, self.horizon, min(THIRDS, self.horizon) + 1).round().astype(int)
        return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))

    def advantage(self, metric: Metric, model: Forecasts, other: Forecasts) -> tuple[Interval, str]:
        """By how much the model's metric is lower than another's, and what was drawn for it.

        The paired bootstrap of whole series, and that of blocks of neighbouring origins, all series
        at once, as long as windows overlap: what is close in time fails together. Of the two that
        know enough, the wider.
        """
        gain = self.cells(metric, other) - self.cells(metric, model)
        there = ~np.isnan(gain)
        rows = np.stack([np.where(there, gain, 0.0).sum(1), there.sum(1)], 1)
        _, series = np.unique(self.windows.series, return_inverse=True)
        datetimes, times = np.unique(self.times, return_inverse=True)
        stride = int(np.median(np.diff(datetimes))) if len(datetimes) > 1 else 1
        overlap, root = -(-self.horizon // max(stride, 1)), math.ceil(math.cbrt(len(datetimes)))
        block = max(overlap, min(root, len(datetimes) // bootstrap.FEWEST))
        found = {
            "blocks of origins": _drawn(rows, times, block),
            "series": _drawn(rows, series, 1),
        }
        name = max(found, key=lambda each: _width(found[each]))
        return found[name], name


_ROOTS: Final = {"mse": "rmse", "msse": "rmsse"}
_SHOWN: Final = ("mae", "mase", "crps", "crps_scaled")


def _drawn(rows: Floats, units: Counts, block: int) -> Interval:
    """The interval of a mean, units (W,) of windows drawn together, so many side by side."""
    summed = np.stack([np.bincount(units, column) for column in rows.T], 1)
    return bootstrap.counts_bootstrap(
        summed, lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1), block=block
    )


def _width(interval: Interval) -> float:
    return interval.high - interval.low if interval.known else -1.0


def plain(value: float) -> float | None:
    """A figure for JSON: null where it is undefined."""
    return float(value) if math.isfinite(value) else None
