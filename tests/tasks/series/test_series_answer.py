"""What a run answers with: chosen on windows that nothing was fitted to, then used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from forecast_judged import baseline, forecasts
from forecast_toys import MONTHLY, choosing, cut, panel_of, seasonal, windows
from recurra.bundle import Run
from recurra.errors import BundleError, MissingExtra, OptionError
from recurra.judge.answer import NETWORK, Choice
from recurra.tasks.series.answer import ANSWER, MEAN, ORDER, POOLED, Answer, Part
from recurra.tasks.series.answer_choice import chosen, weighed
from recurra.tasks.series.baselines.measured import (
    NAIVE,
    RIDGE,
    SEASONAL,
    Baseline,
    series_baselines,
)
from recurra.tasks.series.baselines.past import Past
from recurra.tasks.series.choosing import FEW, SERIES, Choosing
from recurra.tasks.series.estimator import SeriesModel
from recurra.tasks.series.forecasts import Origins
from recurra.tasks.series.intervals import Widths
from recurra.tasks.series.panel import SeriesData

LESS: dict[str, Any] = {"steps": 12, "hidden": 8, "batch": 8, "threads": 1, "horizon": 4}


def long(select: int = 120) -> SeriesData:
    return cut(panel_of([seasonal(500, 6, seed=0)], MONTHLY), 4, 6, select=select, test=100)


def many(count: int = 24) -> SeriesData:
    rows = [seasonal(90 + k, 6, seed=k) * 10.0 ** (k % 3) for k in range(count)]
    return cut(panel_of(rows, MONTHLY), 4, 6, select=6, test=6)


def short() -> SeriesData:
    rows = [seasonal(length, 6, seed=length) for length in (60, 41)]
    return cut(panel_of(rows, MONTHLY), 4, 6, select=5, test=4)


@pytest.mark.parametrize("data", [long(), many(), short()], ids=["long", "many", "short"])
def test_what_chooses_neither_trains_nor_stops(data: SeriesData) -> None:
    found, horizon = Choosing.of(data), data.horizon
    own, cuts = found.windows, found.cuts
    assert found.free.any()
    assert not (found.free & found.stops).any()
    assert (own.origins >= cuts).all()
    assert (own.origins + horizon <= data.select_ends[own.series]).all()
    for stop in np.flatnonzero(found.stops).tolist():
        same = found.free & (own.series == own.series[stop])
        apart = np.abs(own.origins[same] - own.origins[stop]) >= horizon
        assert apart.all()
    # Windows that overlap count once.
    groups = found.groups(horizon)
    for group in np.unique(groups[found.free]):
        origins = own.origins[groups == group]
        several = len(np.unique(own.series)) > SERIES
        assert several or np.ptp(origins) < horizon


def test_how_the_selection_part_is_used_follows_from_its_length() -> None:
    assert not Choosing.of(long(2 * FEW * 4)).rolled
    assert Choosing.of(long(2 * FEW * 4 - 2)).rolled
    assert Choosing.of(many(SERIES - 1)).rolled
    by_series = Choosing.of(many(SERIES))
    assert set(by_series.windows.series[by_series.free] % 2) == {1}
    rolled = Choosing.of(short())
    assert len(rolled.parts) == 4
    np.testing.assert_array_equal(rolled.windows.origins, rolled.cuts)
    # Of the shorter one not all origins have two seasons before them.
    assert (np.bincount(rolled.windows.series) == [4, 4]).all()


def test_a_series_of_one_long_horizon_is_rolled_over_itself() -> None:
    data = cut(panel_of([seasonal(110, 12, seed=0)], MONTHLY), 24, 12, select=24, test=24)
    found = Choosing.of(data)
    assert len(found.parts) == 4
    assert len(np.unique(found.groups(24))) == 2


def skilled(data: SeriesData, off: dict[str, float], network: float) -> Answer:
    held, test = windows(data, "select", 4), windows(data, "test", 4)
    others = [
        baseline(data, held, test, size, 10 * seed, name)
        for seed, (name, size) in enumerate(off.items())
    ]
    mine = data.scale.scale(forecasts(data, held, network, 7).quantiles, held.series)
    found = chosen(data, choosing(data, held, stops=False), mine, others)
    assert found is not None
    assert len(found.choice.costs) == len(off) + 2
    return found


def test_the_better_one_is_answered_with() -> None:
    data = many()
    fair = {SEASONAL: 0.9, RIDGE: 0.6}
    assert skilled(data, fair, 0.05).name == NETWORK
    baseline_wins = skilled(data, {SEASONAL: 0.9, RIDGE: 0.05}, 0.9)
    assert (baseline_wins.name, baseline_wins.weight) == (RIDGE, 0.0)
    assert [part.weight for part in baseline_wins.parts] == [1.0]
    assert "chosen" not in baseline_wins.sentence()
    assert f"of 4 compared on {baseline_wins.windows} windows" in baseline_wins.sentence()
    # Independent errors make each other smaller.
    both = skilled(data, {SEASONAL: 1.5, RIDGE: 0.5}, 0.5)
    assert both.choice.name == MEAN
    assert 0 < both.weight < 1
    assert [part.name for part in both.parts] == [RIDGE]
    assert "mean of the network (" in both.name


def test_of_few_windows_all_that_are_near_the_best_are_answered_with() -> None:
    data = short()
    found = Choosing.of(data)
    sizes = {SEASONAL: 0.3, RIDGE: 0.4, NAIVE: 5.0}
    test = windows(data, "test", 4)
    others = [
        baseline(data, found.windows, test, size, 10 * seed, name)
        for seed, (name, size) in enumerate(sizes.items())
    ]
    said = forecasts(data, found.windows, 0.5, 7).quantiles
    answer = chosen(data, found, data.scale.scale(said, found.windows.series), others)
    assert answer is not None
    assert answer.choice.name == POOLED
    assert set(answer.weights) == {SEASONAL, RIDGE, NETWORK}
    assert answer.weights == weighed(dict(answer.choice.costs))
    assert sum(answer.weights.values()) == pytest.approx(1)
    assert (
        f"the weighted mean of 3 methods, which of 4 compared on {len(found.windows)}"
        in answer.sentence()
    )
    assert answer.name in answer.sentence()


def test_windows_that_overlap_are_no_ground_for_weights() -> None:
    data = cut(panel_of([seasonal(110, 12, seed=0)], MONTHLY), 24, 12, select=24, test=24)
    found, test = Choosing.of(data), windows(data, "test", 24)
    others = [baseline(data, found.windows, test, 0.3, 1, SEASONAL)]
    said = forecasts(data, found.windows, 0.3, 7).quantiles
    answer = chosen(data, found, data.scale.scale(said, found.windows.series), others)
    assert found.rolled
    assert answer is not None
    assert answer.choice.name != POOLED


def test_weights_follow_from_errors() -> None:
    assert weighed({"a": 1.0, "b": 1.0, "c": 2.0}) == {"a": 0.5, "b": 0.5}
    assert weighed({"a": 1.0, "b": 1.5})["b"] == pytest.approx(1 / (1 + 1.5**4))
    assert weighed({"a": 0.0, "b": 0.1, "c": 0.0}) == {"a": 0.5, "c": 0.5}


def test_within_noise_the_simplest_is_answered_with() -> None:
    data = long()
    held, test = windows(data, "select", 4), windows(data, "test", 4)
    same = baseline(data, held, test, 0.5, 3, SEASONAL)
    others = [replace(same, name=RIDGE), same]
    mine = data.scale.scale(same.forecasts(data.scale, held, held=True).quantiles, held.series)
    found = chosen(data, choosing(data, held, stops=False), mine, others)
    assert found is not None
    assert found.name == SEASONAL
    little = [replace(each, less="fitted to 1 of 2 series") for each in others]
    assert chosen(data, choosing(data, held, stops=False), mine, little) is None


def answer_of(each: Baseline, horizon: int) -> Answer:
    choice = Choice(each.name, {each.name: 1.0, NETWORK: 2.0}, each.name, 0.0, 0.5)
    return Answer(0.0, (Part.of(each, 1.0),), Widths.none(horizon), each.name, choice, 9)


@pytest.mark.parametrize("data", [long(), many(), short()], ids=["long", "many", "short"])
def test_in_use_a_baseline_says_what_it_said_in_the_report(data: SeriesData) -> None:
    series = np.flatnonzero(data.select_ends < data.panel.lengths)
    test = Origins(series, data.select_ends[series])
    every, _ = series_baselines(data, Choosing.of(data), test, seconds=60)
    past = Past(data.panel, data.scale, data.period)
    alone = [test.rows(slice(row, row + 1)) for row in range(len(test))]
    for each in every:
        assert each.name in ORDER
        answer, number = answer_of(each, data.horizon), np.arange(len(data.panel))
        said = answer.said(past, test, number, None)
        own = each.forecasts(data.scale, test).quantiles
        real = data.scale.restore(said, test.series)
        np.testing.assert_allclose(real, own, rtol=2e-4, err_msg=each.name)
        # To the last bit the same whatever stands beside it.
        for row, one in enumerate(alone):
            np.testing.assert_array_equal(answer.said(past, one, number, None)[0], said[row])


def test_an_answer_comes_back_from_the_run_or_is_refused(tmp_path: Path) -> None:
    data, run = long(), Run.create(tmp_path / "run")
    held, test = windows(data, "select"), windows(data, "test", 50)
    every, _ = series_baselines(data, choosing(data, held), test, seconds=60)
    ridge = answer_of(next(each for each in every if each.name == RIDGE), data.horizon)
    alone = replace(ridge, choice=replace(ridge.choice, error=np.inf))
    for answer in (ridge, alone):
        answer.write(run)
        found = Answer.read(run, horizon=4, series=1)
        np.testing.assert_array_equal(found.parts[0].learnt, answer.parts[0].learnt)
        assert found.choice == answer.choice
        assert found.sentence() == answer.sentence()
    (part,) = ridge.parts
    assert part.learnt is not None
    other = replace(part, name=SEASONAL, learnt=np.zeros((0, 0)), weight=0.5)
    both = replace(ridge, parts=(replace(part, weight=0.5), other))
    both.write(run)
    assert Answer.read(run, horizon=4, series=1).weights == {RIDGE: 0.5, SEASONAL: 0.5}
    broken = (
        (replace(part, weight=0.5),),
        (replace(part, moves=part.moves[:2]),),
        (replace(part, learnt=part.learnt[:, :1]),),
        (replace(part, learnt=np.full_like(part.learnt, np.inf)),),
        (replace(part, name="os.system"),),
        (replace(part, weight=0.5), replace(part, weight=0.5)),
        (replace(part, weight=1.5), replace(other, weight=-0.5)),
    )
    for parts in broken:
        replace(ridge, parts=parts).write(run)
        with pytest.raises(BundleError, match=ANSWER):
            Answer.read(run, horizon=4, series=1)


def frame(series: int = 2, days: int = 90) -> pl.DataFrame:
    draw, rows = np.random.default_rng(0), []
    for number in range(series):
        steps = np.arange(days)
        values = 10 * (number + 1) + 4 * np.sin(2 * np.pi * steps / 7) + draw.normal(0, 0.3, days)
        stamps = np.datetime64("2024-01-01") + steps
        rows.append(pl.DataFrame({"unique_id": f"s{number}", "ds": stamps, "y": values}))
    return pl.concat(rows)


def test_a_model_answers_with_what_won(tmp_path: Path) -> None:
    given = frame()
    model = SeriesModel(model="autoregressive", **LESS).fit(given, out=tmp_path / "run")
    report = model.report
    assert len(report["answer"]["weights"]) > 1
    assert report["answer"]["mae"] < report["model"]["mae"]
    assert report["answer"]["compared"] == len(report["baselines"]) + 1
    said = model.predict()
    one = model.predict(given.filter(pl.col("unique_id") == "s1"))
    assert said.filter(pl.col("unique_id") == "s1").equals(one)
    again = SeriesModel.load(tmp_path / "run")
    assert said["recurra"].to_list() == again.predict(given)["recurra"].to_list()
    ends = given.group_by("unique_id").agg(pl.col("ds").max())["ds"][0]
    assert again.predict(given, origin=ends)["recurra"].is_not_null().all()
    assert len(again.cross_validation(given, n_windows=2)) == 16
    # Farther than it was trained for, and when asked, the network answers.
    far = again.predict(given, horizon=6)["recurra"].to_list()
    alone = again.set_params(answer="network").predict(given, horizon=6)["recurra"].to_list()
    assert far == alone
    assert again.predict(given)["recurra"].to_list() != said["recurra"].to_list()


def test_the_network_alone_when_asked(tmp_path: Path) -> None:
    model = SeriesModel(answer="network", model="segments", **LESS).fit(frame(1))
    assert "answer" not in model.report
    assert not model.run.has(ANSWER)
    assert len(model.predict()) == 4
    with pytest.raises(OptionError, match="answer"):
        SeriesModel(answer="mean")


def test_what_is_not_installed_is_named(tmp_path: Path) -> None:
    model = SeriesModel(model="segments", **LESS).fit(frame(1), out=tmp_path / "run")
    run = Run(tmp_path / "run")
    found = Answer.read(run, horizon=4, series=1)
    part = Part("AutoETS", 1.0, np.zeros((4, 7)), np.zeros((0, 0)))
    replace(found, weight=0.0, parts=(part,)).write(run)
    again = SeriesModel.load(tmp_path / "run")
    with pytest.raises(MissingExtra, match="statsforecast") as told:
        again.predict()
    assert "answer='network'" in str(told.value)
    assert 'pip install "recurra[series]"' in str(told.value)
    assert len(again.set_params(answer="network").predict()) == len(model.predict())
