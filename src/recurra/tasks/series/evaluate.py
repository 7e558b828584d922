"""What forecasts are worth: figures on steps that nothing was fitted to, baselines beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.errors import DataError
from recurra.judge.verdict import Verdict, verdict
from recurra.tasks.series.answer import Answer
from recurra.tasks.series.baselines.measured import NAIVE, NAIVE2, Baseline
from recurra.tasks.series.forecasts import LEVELS, Forecasts, Origins
from recurra.tasks.series.panel import SeriesData, shown
from recurra.tasks.series.targets import NAMES, Metric, Targets, plain

WRONG: Final = 20
"""Windows in the list of those that it is most wrong about."""


def judge(
    data: SeriesData,
    test: Forecasts,
    baselines: Sequence[Baseline] = (),
    answered: tuple[Answer, Forecasts] | None = None,
) -> dict[str, Any]:
    """Every figure of the forecasts and of the baselines beside them, as plain values.

    All are free-running: H steps from an origin, from nothing but what was before it. "wrong" has
    the windows that the answer is most wrong about. Verdicts are of the network, against the
    baseline that was best on the windows that chose an answer; without an answer the best one here.

    Args:
        data: what the model was trained on.
        test: of windows of the test part.
        baselines: of the same windows.
        answered: what the run answers with, and what that says of the same windows.

    Raises:
        DataError: shapes do not fit, or a forecast is not finite.
    """
    windows = Origins.of(test)
    said = test if answered is None else answered[1]
    _check(data, test, baselines)
    truth = Targets.of(data, windows)
    others = [each.forecasts(data.scale, windows) for each in baselines]
    naive2 = _naive2(truth, baselines, others)
    metric = truth.metric
    best, closest = (_best(truth, others, each) for each in (metric, truth.interval_metric))
    names = [each.name for each in baselines]
    if answered is not None and answered[0].against in names:
        best = closest = names.index(answered[0].against)
    found: dict[str, Any] = {
        "metric": metric,
        "model": truth.figures(test, naive2),
        "baselines": [
            {"name": each.name, "note": each.note, "less": each.less} | truth.figures(said, naive2)
            for each, said in zip(baselines, others, strict=True)
        ],
        "verdict": _against(truth, metric, test, baselines, others, best),
        "interval_verdict": _against(
            truth, truth.interval_metric, test, baselines, others, closest
        ),
        "better_on": None if best is None else _better_on(truth, test, others[best]),
        "wrong": _wrong(data, truth, said, _beside(answered, baselines, others, best)),
    }
    if answered is not None:
        found["answer"] = answered[0].facts() | truth.figures(answered[1], naive2)
    return found


def _beside(
    answered: tuple[Answer, Forecasts] | None,
    baselines: Sequence[Baseline],
    others: Sequence[Forecasts],
    best: int | None,
) -> Forecasts | None:
    """What the baseline says that verdicts are about, unless the answer is nothing else."""
    if best is None or (answered is not None and answered[0].name == baselines[best].name):
        return None
    return others[best]


def _naive2(
    truth: Targets, baselines: Sequence[Baseline], others: Sequence[Forecasts]
) -> tuple[float, float] | None:
    """sMAPE and MASE of Naive2; without a season that is the naive forecast."""
    names = [each.name for each in baselines]
    for name in (NAIVE2, NAIVE):
        if name in names:
            figures = truth.figures(others[names.index(name)])
            if figures["mase"] is None:
                return None
            return figures["smape"], figures["mase"]
    return None


# -- the verdict --------------------------------------------------------------------------------


def _best(truth: Targets, others: Sequence[Forecasts], metric: Metric) -> int | None:
    """The number of the baseline that is best by a metric, the first of equals."""
    costs = [truth.exact(metric, each) for each in others]
    if not costs or np.isnan(costs).any():
        return None
    return int(np.argmin(costs))


def _against(
    truth: Targets,
    metric: Metric,
    test: Forecasts,
    baselines: Sequence[Baseline],
    others: Sequence[Forecasts],
    best: int | None,
) -> dict[str, Any] | None:
    """The verdict against the baseline that is best by the metric; None where there is none."""
    if best is None:
        return None
    interval, drawn = truth.advantage(metric, test, others[best])
    name, mine, theirs = baselines[best].name, test, others[best]
    if truth.faultless(theirs):
        alike = truth.faultless(mine)
        sentence = f"As good as the {name}: neither has an error."
        if not alike:
            sentence = f"Worse than the {name}, which has no error."
        gain = truth.exact(metric, theirs) - truth.exact(metric, mine)
        found = Verdict(None if alike else False, sentence, gain, interval)
    else:
        costs = truth.exact(metric, mine), truth.exact(metric, theirs)
        found = verdict(*costs, interval, name=name, unit=f"in {NAMES[metric]}")
    less = baselines[best].less
    if found.better and less:
        ahead = found.sentence.removesuffix(".").replace("Better than", "Ahead of", 1)
        sentence = f"{ahead}; but that was {less}, and nothing is claimed against it."
        found = replace(found, better=None, sentence=sentence)
    return found.to_json() | {"baseline": baselines[best].name, "metric": metric, "drawn": drawn}


def _better_on(truth: Targets, test: Forecasts, other: Forecasts) -> dict[str, int] | None:
    """On how many series the model is better, where there are several."""
    numbers, series = np.unique(truth.windows.series, return_inverse=True)
    if len(numbers) == 1:
        return None
    gain = truth.cells("mae", other) - truth.cells("mae", test)
    sums = np.bincount(series, np.where(np.isnan(gain), 0.0, gain).sum(1))
    return {"series": int((sums > 0).sum()), "of": len(numbers)}


# -- where it is wrong --------------------------------------------------------------------------


def _wrong(
    data: SeriesData, truth: Targets, test: Forecasts, other: Forecasts | None
) -> list[dict[str, Any]]:
    """The windows of the largest mean error, no two of a series overlapping."""
    metric, panel = truth.metric, data.panel
    mine = _by_window(truth.cells(metric, test))
    theirs = None if other is None else _by_window(truth.cells(metric, other))
    taken: dict[int, list[int]] = {}
    found: list[dict[str, Any]] = []
    for window in np.argsort(np.where(np.isnan(mine), -np.inf, mine), kind="stable")[::-1].tolist():
        series, origin = int(test.series[window]), int(test.origins[window])
        near = taken.setdefault(series, [])
        if np.isnan(mine[window]) or any(abs(origin - each) < truth.horizon for each in near):
            continue
        near.append(origin)
        first = int(panel.starts[series]) + origin
        ends = panel.frequency.stamps(np.array([first, first + truth.horizon - 1], np.int64))
        found.append(
            {
                "series": panel.ids[series],
                "from": shown(ends[0]).replace("T", " "),
                "to": shown(ends[1]).replace("T", " "),
                metric: plain(mine[window]),
                "baseline": None if theirs is None else plain(theirs[window]),
            }
        )
        if len(found) == WRONG:
            break
    return found


def _by_window(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    there = ~np.isnan(cells)
    sums = np.where(there, cells, 0.0).sum(1)
    mean: NDArray[np.float64] = sums / np.maximum(there.sum(1), 1)
    return np.where(there.any(1), mean, np.nan)


def _check(data: SeriesData, test: Forecasts, baselines: Sequence[Baseline]) -> None:
    wanted = (len(test.series), data.horizon, len(LEVELS))
    if test.quantiles.shape != wanted or test.origins.shape != test.series.shape:
        raise DataError(
            f"forecasts of the test part of shape {test.quantiles.shape}",
            expected=f"{wanted}: quantiles of each step from each origin",
        )
    if not np.isfinite(test.quantiles).all():
        raise DataError("a forecast of the test part is not finite", expected="numbers")
    for each in baselines:
        if len(each.point) != len(test.series):
            raise DataError(
                f"the {each.name} has {len(each.point):,} windows to report on",
                expected=f"{len(test.series):,}, as the model",
            )
