from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecast_judged import baseline, forecasts, written
from forecast_toys import HOURLY, MONTHLY, STEPS, cut, panel_of, seasonal, windows
from recurra.bundle import REPORT, Run
from recurra.codecs.frequency import Frequency
from recurra.judge.answer import NETWORK, Choice
from recurra.tasks.series import report
from recurra.tasks.series import show as series
from recurra.tasks.series.answer import Answer
from recurra.tasks.series.baselines.measured import SEASONAL, Baseline
from recurra.tasks.series.forecasts import LEVELS, Forecasts, Origins
from recurra.tasks.series.intervals import Widths
from recurra.tasks.series.panel import SeriesData
from recurra.tasks.series.report import AHEAD, INFLUENCE, SCORED
from recurra.tasks.show import draw

FIGURES = [f"figures/{name}.svg" for name in ("forecast", "backtest", "horizon", "coverage")]


def drawn(run: Run) -> list[str]:
    return [each.name for each in series.draw(run)]


def data_of(count: int, frequency: Frequency, horizon: int) -> SeriesData:
    rows = [seasonal(300 + k, 12, seed=k) for k in range(count)]
    rows[0][-20:-12] = np.nan
    return cut(panel_of(rows, frequency), horizon, 12, select=60, test=70)


@pytest.mark.parametrize(
    ("count", "frequency", "horizon"),
    [(1, MONTHLY, 6), (6, HOURLY, 12), (2, STEPS, 1)],
    ids=["one", "many", "step"],
)
def test_pictures_are_made_from_the_run_alone(
    tmp_path: Path, count: int, frequency: Frequency, horizon: int
) -> None:
    run = written(tmp_path / "run", data_of(count, frequency, horizon))
    assert drawn(run) == FIGURES
    first = [(run.path / name).read_bytes() for name in FIGURES]
    assert drawn(Run.open(run.path)) == FIGURES
    assert [(run.path / name).read_bytes() for name in FIGURES] == first


@pytest.mark.parametrize("lags", [1, 24, 200])
def test_the_influence_of_lags(tmp_path: Path, lags: int) -> None:
    run = written(tmp_path / "run", data_of(1, MONTHLY, 6))
    shares = [1 / lags] * lags
    run.write_json(INFLUENCE, {"lags": list(range(1, lags + 1)), "shares": shares})
    assert drawn(run)[-1] == "figures/influence.svg"


def test_what_a_run_has_not_recorded_is_not_drawn(tmp_path: Path) -> None:
    run = written(tmp_path / "run", data_of(1, MONTHLY, 6))
    (run.path / SCORED).unlink()
    assert drawn(run) == FIGURES[2:]


def test_the_room_draws_series(tmp_path: Path) -> None:
    run = written(tmp_path / "run", data_of(1, MONTHLY, 6))
    run.append_history({"step": 1, "train": 1.0, "select": 1.1})
    found = [path.relative_to(run.path).as_posix() for path in draw(run.path)]
    assert found == ["report.html", "figures/curves.svg", *FIGURES]


# -- whose forecasts they are ---------------------------------------------------------------------


def answered(weight: float, data: SeriesData) -> tuple[Answer, Forecasts, Forecasts, Baseline]:
    """An answer of so much of the network; what it says, what the network says, a baseline."""
    held, test = windows(data, "select"), windows(data, "test")
    other = baseline(data, held, test, 0.2, 10, SEASONAL)
    name = {0.0: SEASONAL, 1.0: NETWORK}.get(weight, "mean of network and baseline")
    answer = Answer(
        weight,
        "" if weight == 1 else SEASONAL,
        Widths.none(data.horizon),
        np.zeros((data.horizon, len(LEVELS))),
        np.zeros((0, 0)),
        SEASONAL,
        Choice(name, {name: 1.0}, name, 0.0, 0.0),
        9,
    )
    network = forecasts(data, test, 0.9, seed=0)
    said = network if weight == 1 else forecasts(data, test, 0.2, seed=1)
    if weight == 0:
        said = other.forecasts(data.scale, test)
    return answer, said, network, other


@pytest.mark.parametrize(
    ("weight", "beside"), [(0.0, {NETWORK}), (0.5, {NETWORK, "baseline"}), (1.0, {"baseline"})]
)
def test_pictures_are_of_what_is_answered(
    tmp_path: Path, weight: float, beside: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = data_of(1, MONTHLY, 6)
    answer, said, network, other = answered(weight, data)
    found = report.result(data, network, (answer, said), [other])
    arrays, facts = report.scored(data, network, (answer, said), [other], found)
    np.testing.assert_array_equal(arrays["quantiles"], said.quantiles)
    assert {NETWORK, "baseline"} & set(arrays) == beside
    if NETWORK in beside:
        np.testing.assert_array_equal(arrays[NETWORK], network.point)
    assert facts["answer"] == answer.name
    # What is told beside figures is of the answer too.
    worst = [each[found["metric"]] for each in found["wrong"]]
    assert max(worst) < 0.5 * found["model"][found["metric"]] or weight == 1

    lines: dict[str, Any] = {}
    draws = series._by_step

    def noted(axes: Any, values: Any, style: str, colour: str, label: str) -> None:
        lines[label] = values
        draws(axes, values, style, colour, label)

    monkeypatch.setattr(series, "_by_step", noted)
    run = Run.create(tmp_path / "run")
    run.write_arrays(SCORED, arrays, facts)
    run.write_json(REPORT, found)
    run.write_json(INFLUENCE, {"lags": [1, 2], "shares": [0.5, 0.5], "note": "two"})
    pictures = {each.name: each for each in series.draw(run)}
    assert f"what the {answer.name}, which answers here, said" in pictures[FIGURES[0]].caption
    assert "the answer's intervals" in pictures[FIGURES[3]].caption
    influence = pictures["figures/influence.svg"].caption
    assert ("no part in the answer" in influence) is (weight == 0)
    for name in FIGURES[:3]:
        picture = run.read_text(name)
        assert ">the answer<" in picture
        assert "this model" not in picture
        assert (">the network<" in picture) is (NETWORK in beside)
    answers, metric = found["answer"]["steps"], found["metric"]
    assert answers["coverage"] != found["model"]["steps"]["coverage"] or weight == 1
    np.testing.assert_array_equal(lines["the answer"], answers[metric])
    np.testing.assert_array_equal(lines["50 %"], 100 * np.array(answers["coverage"]["50"]))
    if NETWORK in beside:
        np.testing.assert_array_equal(lines["the network"], found["model"]["steps"][metric])


def test_steps_to_come_are_signed_by_who_says_so(tmp_path: Path) -> None:
    data, run = data_of(2, MONTHLY, 6), Run.create(tmp_path / "run")
    for by in (SEASONAL, NETWORK):
        ends = Origins(np.arange(2), data.panel.lengths)
        said = np.zeros((2, 6, len(LEVELS)))
        found = Forecasts(ends.series, ends.origins, said, by=by)
        report.write_ahead(run, data.panel, found, target="y", period=12)
        (picture,) = series.draw(run)
        assert picture.name == "figures/ahead.svg"
        assert f"What the {by}, which answers here, says" in picture.caption
    arrays, facts = run.read_arrays(AHEAD)
    run.write_arrays(AHEAD, arrays, {k: v for k, v in facts.items() if k != "answer"})
    (picture,) = series.draw(run)  # of a run from before
    assert "What this model says" in picture.caption
