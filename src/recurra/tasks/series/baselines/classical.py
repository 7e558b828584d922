"""What forecasts one series at a time: statsforecast's automatic models, and their median."""

from __future__ import annotations

import contextlib
import importlib.util
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import MissingExtra
from recurra.tasks.series.baselines.past import Past
from recurra.tasks.series.forecasts import LEVELS, Origins
from recurra.tasks.series.panel import Counts
from recurra.tasks.stored_baselines import LeftOut

Floats = NDArray[np.float64]

KINDS: Final = ("AutoTheta", "MSTL", "AutoETS", "AutoCES", "AutoARIMA")
"""By what they take, the quickest first."""

COMBINED: Final = "median of ARIMA, ETS, CES, Theta"
"""Their forecasts and the ends of their intervals, step by step: of no single one of many is it
known beforehand that it suits, and their median was as good as any (Petropoulos & Svetunkov 2020).
"""

PARTS: Final = ("AutoARIMA", "AutoETS", "AutoCES", "AutoTheta")

NOTES: Final = {
    "AutoTheta": "the best of four Theta models",
    "MSTL": "season, trend by AutoETS (Bandara et al. 2021)",
    "AutoETS": "exponential smoothing, its form by AICc",
    "AutoCES": "complex exponential smoothing",
    "AutoARIMA": "its orders by AICc (Hyndman & Khandakar 2008)",
    COMBINED: "step by step",
}

_SHORTER: Final = 8  # times shorter is what a series is tried on first
_COLUMNS: Final = ("lo-95", "lo-80", "lo-50", "mean", "hi-50", "hi-80", "hi-95")
_MEDIAN: Final = LEVELS.index(0.5)


@final
@dataclass(frozen=True, eq=False)
class Said:
    """What one of them says of windows: quantiles (W, H, Q) in real units of each job's."""

    name: str
    quantiles: tuple[Floats, ...]


Job = tuple[Counts, Origins]
"""Before which step (W,) of its series a model is fitted, and the windows (W,) it forecasts."""


def installed() -> bool:
    """Whether they can be fitted here."""
    return importlib.util.find_spec("statsforecast") is not None


def all_of(
    past: Past, jobs: Sequence[Job], horizon: int, *, seconds: float
) -> tuple[list[Said], list[LeftOut]]:
    """Each that can be given all the jobs within the time, on a core; the others by name.

    A model is fitted once for each series and step that it is fitted before; from later origins its
    parameters stay, and what came is read.
    """
    names = [name for name in KINDS if name != "MSTL" or past.period > 1]
    if not installed():
        why = "statsforecast is not installed"
        return [], [LeftOut(name, why) for name in (*names, COMBINED)]
    import statsforecast.models  # noqa: F401  seconds that are no model's

    began, found, without = time.process_time(), [], []
    for name in names:
        left = seconds - (time.process_time() - began)
        said = _timed(name, past, jobs, horizon, left)
        if isinstance(said, Said):
            found.append(said)
        else:
            cost = seconds - left + said
            series = sum(len(_fits(*job)) for job in jobs)
            without.append(LeftOut.of(name, f"all before it and {series:,} fits of it", cost))
    parts = [each for each in found if each.name in PARTS]
    if len(parts) == len(PARTS):
        both = zip(*(each.quantiles for each in parts), strict=True)
        found.append(Said(COMBINED, tuple(np.median(each, 0) for each in both)))
    else:
        without.append(LeftOut(COMBINED, "one of them is"))
    return found, without


def said(name: str, past: Past, job: Job, horizon: int) -> Floats:
    """Quantiles (W, H, Q) in real units of one job, whatever time that takes.

    Raises:
        MissingExtra: statsforecast is not installed.
    """
    if not installed():
        raise MissingExtra(
            f"statsforecast, which fits the {name} that this run answers with, is not installed",
            expected="statsforecast, or the network's own forecasts: --answer network",
            fix='pip install "recurra[series]"',
        )
    if name == COMBINED:
        parts = [said(each, past, job, horizon) for each in PARTS]
        median: Floats = np.median(parts, 0)
        return median
    found = np.empty((len(job[1]), horizon, len(LEVELS)))
    for rows, quantiles in _job(name, past, job, horizon):
        found[rows] = quantiles
    return found


def _timed(
    name: str, past: Past, jobs: Sequence[Job], horizon: int, seconds: float
) -> Said | float:
    """What one says of all jobs; the seconds that it would take where these are too many."""
    fits = [fit for job in jobs for fit in _fits(*job)]
    windows = sum(len(windows) for _, windows in jobs)
    series, cut = sorted(fits, key=lambda fit: fit[1])[len(fits) // 2]
    values = _values(past, series, cut)
    # A fit cannot be ended: one of a part of the series says whether it may begin.
    for share in (_SHORTER, 1):
        part = values[-max(4 * past.period, len(values) // share, 20) :]
        start = time.process_time()
        with _quiet():
            model = _fitted(name, part, past.period)
            fitted = time.process_time() - start
            _quantiles(model, part, horizon, again=True)
        carried = time.process_time() - start - fitted
        larger = len(values) / max(len(part), 1)
        needed = larger * (fitted * len(fits) + carried * max(windows - len(fits), 0))
        if needed > seconds:
            return needed
    quantiles, start, done = [], time.process_time(), 0
    for job in jobs:
        quantiles.append(np.empty((len(job[1]), horizon, len(LEVELS))))
        for rows, each in _job(name, past, job, horizon):
            quantiles[-1][rows], done = each, done + 1
            spent = time.process_time() - start
            if spent > 1.5 * seconds and done < len(fits):
                return spent / done * len(fits)
    return Said(name, tuple(quantiles))


def _fits(cuts: Counts, windows: Origins) -> list[tuple[int, int]]:
    """Each series, and a step that a model of it is fitted before."""
    return list(dict.fromkeys(zip(windows.series.tolist(), cuts.tolist(), strict=True)))


def _job(name: str, past: Past, job: Job, horizon: int) -> Iterator[tuple[Counts, Floats]]:
    """Rows of windows that one fit forecasts, and their quantiles."""
    cuts, windows = job
    for series, cut in _fits(cuts, windows):
        rows = np.flatnonzero((windows.series == series) & (cuts == cut))
        with _quiet():
            model = _fitted(name, _values(past, series, cut), past.period)
            found = [
                _quantiles(model, _values(past, series, origin), horizon, again=origin > cut)
                for origin in windows.origins[rows].tolist()
            ]
        yield rows, np.stack(found)


def _values(past: Past, series: int, end: int) -> Floats:
    """A series from its first value to a step, gaps filled with the last value before them."""
    begin = int(past.panel.begins[series])
    values = past.panel.values[begin + int(past.first[series]) : begin + end]
    there = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))
    return np.nan_to_num(values[there]) if len(values) else np.zeros(1)


def _fitted(name: str, values: Floats, period: int) -> Any:
    """A model of a series; the seasonal naive forecast where it cannot be fitted."""
    from statsforecast import models

    try:
        model = getattr(models, name)(season_length=period).fit(values)
        if np.isfinite(model.predict(1)["mean"]).all():
            return model
    except Exception:  # of a series too short, or constant: each model has its own
        pass
    if len(values) > 2 * period:
        return models.SeasonalNaive(season_length=period).fit(values)
    return models.Naive().fit(values)


def _quantiles(model: Any, values: Floats, horizon: int, *, again: bool) -> Floats:
    """What a fitted model says (H, Q) of the steps after values, which it was not fitted to all."""
    level = [50, 80, 95]
    if again:
        said = model.forward(y=values, h=horizon, level=level)
    else:
        said = model.predict(h=horizon, level=level)
    found = np.stack([np.asarray(said[name], np.float64) for name in _COLUMNS], 1)
    point = found[:, _MEDIAN : _MEDIAN + 1]
    point[~np.isfinite(point)] = values[-1]
    # Where an end is not known, or lies on its wrong side, it is the point.
    found = np.where(np.isfinite(found), found, point)
    found[:, :_MEDIAN] = np.minimum(found[:, :_MEDIAN], point)
    found[:, _MEDIAN + 1 :] = np.maximum(found[:, _MEDIAN + 1 :], point)
    return found


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
