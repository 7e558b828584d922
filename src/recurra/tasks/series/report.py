"""The report of a series run: numbers for programs, sentences for people, the model card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recurra.bundle import Run
from recurra.console.text import percent
from recurra.data.files import name_of
from recurra.tasks import card, stored_baselines
from recurra.tasks.series import evaluate, render
from recurra.tasks.series.answer import Answer
from recurra.tasks.series.baselines.measured import Baseline
from recurra.tasks.series.forecasts import Forecasts, Origins
from recurra.tasks.series.panel import Panel, SeriesData
from recurra.tasks.series.targets import NAMES, Targets

SCORED: Final = "traces/test.safetensors"
AHEAD: Final = "traces/ahead.safetensors"
INFLUENCE: Final = "traces/influence.json"
"""Lags and their shares in the forecasts: "lags" (1 is the step before the origin), "shares"."""

PICTURED: Final = 4
"""Series that pictures are drawn of: from the best forecast one to the worst."""

_MOST: Final = 1 << 25  # bytes of forecasts, beyond which only those of pictured series are kept


def baselines_summary(data: SeriesData, test: Origins, found: Sequence[Baseline]) -> str:
    """The baselines in one line.

    Args:
        test: the windows of the test part that they are of.
    """
    truth, figures = Targets.of(data, test), []
    for each in found:
        off = truth.exact(truth.metric, each.forecasts(data.scale, test))
        less = f" ({each.less})" if each.less else ""
        figures.append(f"{each.name} {render.figure(off)}{less}")
    return f"{NAMES[truth.metric]}: {', '.join(figures)}"


def result(
    data: SeriesData,
    test: Forecasts,
    answered: tuple[Answer, Forecasts] | None,
    baselines: Sequence[Baseline],
    *,
    calibrated: str = "",
    teacher_forced: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What the report says of the model on the test part, all but how it was trained.

    Args:
        data: what it was trained on.
        test: the model's forecasts of windows of the test part.
        answered: what the run answers with, and its forecasts of the same windows.
        baselines: of the same windows.
        calibrated: how the intervals were corrected, in a sentence.
        teacher_forced: figures of one step at a time, each from the true steps before it, with a
            "sentence"; never mixed with those of forecasts.
    """
    part = "the test part" + (f" ({name_of(data.test_files)})" if data.test_files else "")
    found = examined(data, test, baselines, answered=answered, part=part)
    found["data"]["found"] = dict(data.found)
    found["below_zero"] = _below_zero(data, test if answered is None else answered[1])
    found["calibrated"] = calibrated
    found["teacher_forced"] = teacher_forced
    return found


def examined(
    data: SeriesData,
    test: Forecasts,
    baselines: Sequence[Baseline] = (),
    *,
    answered: tuple[Answer, Forecasts] | None = None,
    part: str = "the test part",
) -> dict[str, Any]:
    """What a report says of forecasts of any series whose values are known.

    Args:
        data: the series; figures are scaled by the steps before their `select_ends`.
        test: what the model says.
        baselines: what they say of the same windows.
        answered: what is answered with, and what that says of the same windows.
        part: which part of the data it is.
    """
    about = {
        "name": data.name,
        "part": part,
        "series": len(np.unique(test.series)),
        "windows": len(test.series),
        "horizon": data.horizon,
        "period": data.period,
        "frequency": data.panel.frequency.description,
        "target": ", ".join(data.columns.get("target") or []),
        "found": {},
    }
    judged = evaluate.judge(data, test, baselines, answered)
    return {"data": about} | judged | {"calibrated": "", "teacher_forced": None}


def _below_zero(data: SeriesData, test: Forecasts) -> float | None:
    """The share of the forecast steps that reach below 0, of data that never did; else None."""
    if (data.panel.values < 0).any():
        return None
    return float((test.quantiles.min(-1) < 0).mean()) or None


def write(
    run: Run,
    data: SeriesData,
    test: Forecasts,
    answered: tuple[Answer, Forecasts] | None,
    network: str,
    training: dict[str, Any],
    *,
    calibrated: str = "",
    teacher_forced: dict[str, Any] | None = None,
) -> None:
    """Judge what a trained model says of the test part; write the report and the model card.

    Args:
        run: which has the configuration, and the baselines by `stored_baselines.write`.
        data: what it was trained on.
        test: its forecasts of the windows of the test part that the baselines have.
        answered: what the run answers with, and its forecasts of the same windows.
        network: the model in a few words.
        training: how far the training went, as `recurra.training.session.facts` tells it.
        calibrated: how the intervals were corrected, in a sentence.
        teacher_forced: figures of one step at a time, with a "sentence".
    """
    baselines = stored_baselines.read(run, Baseline)
    found = result(
        data, test, answered, baselines, calibrated=calibrated, teacher_forced=teacher_forced
    )
    found |= stored_baselines.left_out(run) | {"training": training}
    run.write_arrays(SCORED, *scored(data, test, answered, baselines, found))
    about = found["data"]
    season = f"a season of {about['period']:,} steps" if about["period"] > 1 else "no season"
    card.write(
        run,
        found,
        what=f"The past of a series in, its next {about['horizon']:,} steps with intervals out: a "
        "recurrent model",
        network=network,
        trained_on=f"{about['frequency']}, {season}",
        blocks=_card(found),
        commands=[f"forecast {run.path.name}", f"evaluate {run.path.name} newer data"],
        limits="Its intervals say how far it was off before. They know of no change that the past "
        "has not had.",
    )


def _card(report: dict[str, Any]) -> list[str]:
    """What the model card says of a report."""
    about = report["data"]
    series = f"{about['series']:,} series" if about["series"] > 1 else "one series"
    answers = report.get("answer") or report["model"]
    intervals = (
        (f"{size} %", percent(each["coverage"]), render.figure(each["width"]))
        for size, each in answers["intervals"].items()
    )
    return [
        *render.verdicts(report),
        f"On {about['windows']:,} windows of {about['horizon']:,} steps, of {series}, after all "
        "that it was trained on or chosen by; MAE, RMSE and CRPS in the unit of the data, sMAPE in "
        "percent:",
        card.comparison(report, render.columns(report)),
        card.table(["interval", "holds", "mean width"], intervals),
        report["calibrated"],
        (report["teacher_forced"] or {}).get("sentence", ""),
        report["training"]["sentence"],
    ]


# -- what pictures are made from ----------------------------------------------------------------


def scored(
    data: SeriesData,
    network: Forecasts,
    answered: tuple[Answer, Forecasts] | None,
    baselines: Sequence[Baseline],
    report: dict[str, Any],
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """What pictures of the test part are made from: arrays, and what they are of.

    "quantiles" are what is answered, by "answer" of the facts, or the network's where that is null.
    Beside them stand the medians of "network" and of "baseline", which the verdict is about, where
    they are not the answer itself.
    """
    answer, said = (None, network) if answered is None else answered
    panel, windows = data.panel, Origins.of(said)
    pictured = _pictured(Targets.of(data, windows), said)
    rows = np.arange(len(windows))
    if said.quantiles.nbytes > _MOST:
        rows = np.flatnonzero(np.isin(said.series, pictured))
    arrays: dict[str, NDArray[Any]] = {
        "series": said.series[rows],
        "origins": said.origins[rows],
        "quantiles": said.quantiles[rows],
    }
    if answer is not None and answer.baseline:
        arrays["network"] = network.point[rows]
    best = None if report["verdict"] is None else report["verdict"]["baseline"]
    if best is not None and (answer is None or answer.name != best):
        arrays["baseline"] = next(each for each in baselines if each.name == best).point[rows]
    values, facts = _before(panel, said, pictured, data.period)
    facts |= {"target": report["data"]["target"], "baseline": best}
    return arrays | values, facts | {"answer": None if answer is None else answer.name}


def write_ahead(run: Run, panel: Panel, found: Forecasts, *, target: str, period: int) -> None:
    """Keep forecasts of steps to come, and what came before them, for a picture."""
    pictured = np.linspace(0, len(panel) - 1, min(PICTURED, len(panel))).astype(int).tolist()
    rows = np.isin(found.series, pictured)
    arrays: dict[str, NDArray[Any]] = {
        "series": found.series[rows],
        "origins": found.origins[rows],
        "quantiles": found.quantiles[rows],
    }
    values, facts = _before(panel, found, pictured, period)
    facts |= {"target": target, "baseline": None, "answer": found.by}
    run.write_arrays(AHEAD, arrays | values, facts)


def _before(
    panel: Panel, found: Forecasts, pictured: Sequence[int], period: int
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The values of pictured series around their forecasts, and where they stand."""
    horizon = found.quantiles.shape[1]
    # As much of the past as makes the season, and the way it came, plain to see.
    context = max(3 * horizon, min(2 * period, 6 * horizon), 24)
    firsts, values = [], {}
    for series in pictured:
        own = found.origins[found.series == series]
        firsts.append(max(0, int(own.min()) - context))
        values[f"values.{series}"] = panel.of(series)[firsts[-1] : int(own.max()) + horizon]
    return values, {
        "frequency": panel.frequency.to_json(),
        "ids": [panel.ids[series] for series in pictured],
        "pictured": pictured,
        "starts": [int(panel.starts[series]) for series in pictured],
        "firsts": firsts,
        "context": context,
    }


def _pictured(truth: Targets, test: Forecasts) -> list[int]:
    """Series evenly from the best forecast one to the worst."""
    numbers, place = np.unique(test.series, return_inverse=True)
    cells = truth.cells(truth.metric, test)
    there = ~np.isnan(cells)
    counts = np.bincount(place, there.sum(1))
    sums = np.bincount(place, np.where(there, cells, 0.0).sum(1))
    usable = np.flatnonzero(counts > 0)
    ranked = usable[np.argsort(sums[usable] / counts[usable], kind="stable")]
    chosen = np.linspace(0, len(ranked) - 1, min(PICTURED, len(ranked))).round().astype(int)
    return [int(number) for number in numbers[ranked[chosen]]]
