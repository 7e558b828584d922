from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from forecast_judged import baseline, forecasts
from forecast_toys import MONTHLY, choosing, cut, panel_of, seasonal, windows
from recurra.errors import DataError
from recurra.tasks.series import render
from recurra.tasks.series.baselines.measured import series_baselines
from recurra.tasks.series.evaluate import judge
from recurra.tasks.series.forecasts import Forecasts, Origins
from recurra.tasks.series.panel import SeriesData
from recurra.tasks.series.targets import Targets


def one(horizon: int = 4) -> SeriesData:
    return cut(panel_of([seasonal(600, 6, seed=0)], MONTHLY), horizon, 6, select=150, test=200)


def plain(at: Origins) -> tuple[list[int], list[int]]:
    return at.series.tolist(), at.origins.tolist()


def many(count: int = 24) -> SeriesData:
    rows = [seasonal(120 + k, 6, seed=k) * 10.0 ** (k % 3) for k in range(count)]
    rows[3][-8:-5] = np.nan
    rows[5] = np.full(90, 4.0)
    return cut(panel_of(rows), 4, 6, select=20, test=20)


@pytest.mark.parametrize("data", [one(), many()], ids=["one", "many"])
def test_the_better_one_is_called_better(data: SeriesData) -> None:
    held, test = windows(data, "select"), windows(data, "test")
    others = [
        baseline(data, held, test, off, seed, name)
        for off, seed, name in ((0.9, 10, "poor"), (0.6, 20, "fair"))
    ]
    for off, better in ((0.3, True), (1.2, False)):
        model = forecasts(data, test, off, seed=30)
        found = judge(data, model, others)
        assert found["verdict"]["better"] is better
        assert found["verdict"]["baseline"] == "fair"
        assert found["interval_verdict"]["better"] is better
        assert "answer" not in found
        assert found["model"]["mae"] == pytest.approx(
            np.nanmean(np.abs(data.panel.actuals(test.series, test.origins, 4) - model.point)),
            rel=1e-5,
        )
        json.dumps(found, allow_nan=False)


def test_nothing_is_claimed_against_a_baseline_that_had_less_than_all() -> None:
    data = one()
    held, test = windows(data, "select"), windows(data, "test")
    whole = [
        baseline(data, held, test, off, 9, name) for off, name in ((0.6, "fair"), (0.9, "poor"))
    ]
    little = "fitted to 2 of 9 series"
    for number, better in ((0, None), (1, True)):
        others = list(whole)
        others[number] = dataclasses.replace(others[number], less=little)
        report = judge(data, forecasts(data, test, 0.3, seed=30), others)
        found = report["verdict"]
        assert (found["better"], found["baseline"]) == (better, "fair")
        assert report["interval_verdict"]["better"] is better
        if better is None:
            assert found["sentence"].startswith("Ahead of the fair by")
            assert f"that was {little}, and nothing is claimed against it" in found["sentence"]
        said = " ".join(render.verdicts(report))
        assert f"The {others[number].name} had less than all of the data" in said
        assert f"it was {little}." in said
        # Worse than what had little is worse.
        found = judge(data, forecasts(data, test, 1.2, seed=30), others)["verdict"]
        assert found["better"] is False
    said = " ".join(render.verdicts(judge(data, forecasts(data, test, 0.3, 30), whole)))
    assert "less than all" not in said


def test_series_of_one_size_are_measured_in_their_unit_others_by_their_size() -> None:
    for data, metric in ((one(), "mae"), (many(), "mase")):
        test = windows(data, "test")
        assert Targets.of(data, test).metric == metric
        found = judge(data, forecasts(data, test, 0.5, seed=0))
        assert found["metric"] == metric
        assert found["verdict"] is None
        assert found["wrong"][0][metric] >= found["wrong"][1][metric]
    rows = [seasonal(100, 6, seed=k) for k in range(4)]
    alike = cut(panel_of(rows), 4, 6, select=20, test=20)
    assert Targets.of(alike, windows(alike, "test")).metric == "mae"


def test_a_constant_series_is_left_out_of_what_is_scaled_and_counted() -> None:
    data = many()
    test = windows(data, "test")
    figures = judge(data, forecasts(data, test, 0.5, seed=0))["model"]
    constant = int((test.series == 5).sum()) * 4
    assert figures["left_out"] == {"mase": constant}
    assert math.isfinite(figures["mase"])


def test_errors_are_scaled_by_what_was_before_the_test_part_alone() -> None:
    data = many()
    test, panel = windows(data, "test"), data.panel
    step = np.arange(len(panel.values)) - np.repeat(panel.begins, panel.lengths)
    late = step >= np.repeat(data.select_ends, panel.lengths)
    values = np.where(late, 10 * panel.values + step, panel.values)
    other = dataclasses.replace(data, panel=dataclasses.replace(panel, values=values))
    for name in ("scale", "squared"):
        found = [getattr(Targets.of(each, test), name) for each in (data, other)]
        np.testing.assert_array_equal(*found)


def test_steps_and_thirds_are_parts_of_the_whole() -> None:
    data = one(horizon=7)
    test = windows(data, "test")
    figures = judge(data, forecasts(data, test, 0.5, seed=0))["model"]
    assert [(each["from"], each["to"]) for each in figures["thirds"]] == [(1, 2), (3, 5), (6, 7)]
    assert figures["thirds"][1]["mae"] == pytest.approx(np.mean(figures["steps"]["mae"][2:5]))
    assert figures["mae"] == pytest.approx(np.mean(figures["steps"]["mae"]))
    assert figures["intervals"]["80"]["coverage"] == pytest.approx(0.8, abs=0.05)
    assert figures["intervals"]["80"]["coverage"] == pytest.approx(
        np.mean(figures["steps"]["coverage"]["80"])
    )
    single = one(horizon=1)
    found = judge(single, forecasts(single, windows(single, "test"), 0.5, seed=0))
    assert len(found["model"]["thirds"]) == 1


def test_naive2_has_an_owa_of_one() -> None:
    data = many()
    held, test = windows(data, "select"), windows(data, "test")
    others, _ = series_baselines(data, choosing(data, held), test, seconds=2)
    found = judge(data, forecasts(data, test, 0.3, seed=0), others)
    owas = {each["name"]: each["owa"] for each in found["baselines"]}
    assert owas["Naive2"] == pytest.approx(1.0)
    naive2 = next(each for each in found["baselines"] if each["name"] == "Naive2")
    model = found["model"]
    assert model["owa"] == pytest.approx(
        (model["smape"] / naive2["smape"] + model["mase"] / naive2["mase"]) / 2
    )
    assert found["better_on"]["of"] == 24


def test_windows_that_overlap_count_as_what_they_are() -> None:
    """Origins at every step of errors that last: the interval is as wide as without overlap."""
    rng = np.random.default_rng(0)
    row = np.convolve(rng.normal(size=2000), np.ones(12) / 3, "same")
    data = cut(panel_of([row]), 12, 1, select=100, test=1200)
    widths = []
    for stride in (1, 12):
        test = windows(data, "test", stride)
        naive = data.panel.of(0)[test.origins - 1][:, None, None]
        flat = np.zeros((len(test), 12, 7), np.float64)
        model = Forecasts(test.series, test.origins, flat)
        other = Forecasts(test.series, test.origins, (flat + naive))
        interval, drawn = Targets.of(data, test).advantage("mae", model, other)
        assert drawn == "blocks of origins"
        widths.append(interval.high - interval.low)
    assert 0.7 < widths[0] / widths[1] < 1.4


def test_what_all_series_share_at_a_time_is_not_taken_for_many_proofs() -> None:
    """A common shock to all series makes the blocks of origins wider than the series."""
    rng = np.random.default_rng(0)
    common = np.convolve(rng.normal(size=500), np.ones(5), "same")
    rows = [common + 0.1 * rng.normal(size=500) for _ in range(30)]
    data = cut(panel_of(rows), 2, 1, select=100, test=200)
    test = windows(data, "test")
    flat = np.zeros((len(test), 2, 7), np.float64)
    naive = np.array([data.panel.of(s)[o - 1] for s, o in zip(*plain(test), strict=True)])
    other = Forecasts(test.series, test.origins, (flat + naive[:, None, None]))
    truth = Targets.of(data, test)
    interval, drawn = truth.advantage("mae", Forecasts(test.series, test.origins, flat), other)
    assert drawn == "blocks of origins"
    # One window of each series: there are series alone to draw.
    few = windows(data, "test", 500)
    assert len(few) == 30
    naive = np.array([data.panel.of(s)[o - 1] for s, o in zip(*plain(few), strict=True)])
    said = [
        Forecasts(few.series, few.origins, np.zeros((30, 2, 7), np.float64) + add)
        for add in (0, naive[:, None, None])
    ]
    interval, drawn = Targets.of(data, few).advantage("mae", *said)
    assert drawn == "series"
    assert interval.known


def test_too_few_windows_promise_nothing() -> None:
    data = cut(panel_of([seasonal(100, 12, seed=0)]), 12, 12, select=14, test=14)
    held, test = windows(data, "select"), windows(data, "test")
    other = baseline(data, held, test, 0.9, 1)
    found = judge(data, forecasts(data, test, 0.1, seed=0), [other])
    assert found["verdict"]["better"] is None
    assert "too little data" in found["verdict"]["sentence"]


def test_the_wrong_windows_are_named_once() -> None:
    data = one()
    test = windows(data, "test")
    model = forecasts(data, test, 0.1, seed=0)
    worst = model.quantiles.copy()
    worst[60] += 50
    model = dataclasses.replace(model, quantiles=worst)
    found = judge(data, model)["wrong"]
    # Step 460 of a monthly series since January 1970.
    assert (found[0]["series"], found[0]["from"], found[0]["to"]) == (
        "s0",
        "2008-05-01",
        "2008-08-01",
    )
    assert found[0]["mae"] == pytest.approx(50, rel=0.05)
    begins = sorted(each["from"] for each in found)
    assert len(set(begins)) == len(begins)


def test_what_does_not_fit_is_said() -> None:
    data = one()
    held, test = windows(data, "select"), windows(data, "test")
    model = forecasts(data, test, 0.5, seed=0)
    with pytest.raises(DataError, match="shape"):
        judge(data, dataclasses.replace(model, quantiles=model.quantiles[:, :2]))
    broken = model.quantiles.copy()
    broken[0, 0, 0] = np.nan
    with pytest.raises(DataError, match="not finite"):
        judge(data, dataclasses.replace(model, quantiles=broken))
    other = baseline(data, held, held, 0.5, 0)
    with pytest.raises(DataError, match="guess has"):
        judge(data, model, [other])
    beyond = Origins(np.zeros(1, np.int64), data.panel.lengths)
    with pytest.raises(DataError, match="without an actual value"):
        Targets.of(data, beyond)
