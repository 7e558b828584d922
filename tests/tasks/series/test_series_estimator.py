"""SeriesModel: frames in, frames out; kept, loaded, gone on with."""

from __future__ import annotations

import copy as copy_module
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recurra
from commands import Pressed
from recurra.bundle import WEIGHTS, Run
from recurra.errors import BundleError, DataError, OptionError
from recurra.runtime.certificate import CERTIFICATE
from recurra.runtime.streams import StreamState
from recurra.tasks.series.estimator import SeriesModel
from recurra.tasks.series.intervals import Widths

pl = pytest.importorskip("polars")
pandas = pytest.importorskip("pandas")

LESS: dict[str, Any] = {"steps": 20, "hidden": 8, "batch": 8, "threads": 1, "horizon": 4}
KINDS = ["segments", "autoregressive"]


def columns(days: int = 120, series: int = 2) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    steps = np.tile(np.arange(days), series)
    number = np.repeat(np.arange(series), days)
    values = 10 * (number + 1) + 3 * np.sin(2 * np.pi * steps / 7) + draw.normal(0, 0.2, len(steps))
    stamps = np.datetime64("2024-01-01", "us") + steps * np.timedelta64(1, "D")
    return {"unique_id": [f"s{each}" for each in number], "ds": stamps, "y": values}


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest) -> SeriesModel:
    return SeriesModel(model=request.param, **LESS).fit(pl.DataFrame(columns()))


def same(one: Any, other: Any) -> None:
    """To the last bit, whatever they are held in."""
    names = list(getattr(one, "columns", one))
    assert set(names) == set(getattr(other, "columns", other))
    for name in names:
        np.testing.assert_array_equal(np.asarray(one[name]), np.asarray(other[name]))


def test_a_frame_comes_back_as_it_was_given(model: SeriesModel) -> None:
    mine = model.predict(pl.DataFrame(columns()))
    assert isinstance(mine, pl.DataFrame)
    theirs = model.predict(pandas.DataFrame(columns()))
    assert isinstance(theirs, pandas.DataFrame)
    # Of nothing comes what the training was given, also from a copy; of what is no frame, columns.
    alone = model.predict()
    for other in (alone, pickle.loads(pickle.dumps(model)).predict()):
        assert isinstance(other, pl.DataFrame)
    plain = model.predict(columns())
    assert list(theirs.columns) == mine.columns == alone.columns == list(plain)
    assert mine["unique_id"].to_list() == ["s0"] * 4 + ["s1"] * 4
    assert mine["ds"].to_list() == alone["ds"].to_list() == plain["ds"].tolist()
    assert theirs["ds"].dt.date.tolist() == plain["ds"].tolist()
    for other in (mine, theirs, plain, pl.DataFrame(plain, strict=False)):
        np.testing.assert_array_equal(other["recurra"], alone["recurra"])
    short = model.predict(horizon=2)
    np.testing.assert_array_equal(short["recurra"], alone["recurra"].to_numpy()[[0, 1, 4, 5]])


def test_what_a_frame_of_pandas_trained_comes_back_as_one() -> None:
    fitted = SeriesModel(model="segments", **LESS).fit(pandas.DataFrame(columns()))
    for said in (fitted.predict(), fitted.cross_validation(n_windows=1)):
        assert isinstance(said, pandas.DataFrame)
    assert isinstance(fitted.predict(pl.DataFrame(columns())), pl.DataFrame)


def test_a_series_is_forecast_the_same_alone_and_among_strangers(model: SeriesModel) -> None:
    given = pl.DataFrame(columns(series=3)).with_columns(
        unique_id=pl.col("unique_id").replace("s2", "new")
    )
    together = model.predict(given)
    for name in ("s0", "new", "s1"):
        alone = model.predict(given.filter(pl.col("unique_id") == name))
        assert alone.equals(together.filter(pl.col("unique_id") == name)), name
    turned = model.predict(given.sort("unique_id", descending=True, maintain_order=True))
    assert turned.sort("unique_id", "ds").equals(together.sort("unique_id", "ds"))


def test_all_ways_to_give_files_say_the_same(model: SeriesModel, tmp_path: Path) -> None:
    frame = pl.DataFrame(columns())
    expected = model.predict(columns())
    frame.write_csv(tmp_path / "a.csv")
    frame.write_ndjson(tmp_path / "a.jsonl")
    frame.write_parquet(tmp_path / "a.parquet")
    for suffix in ("csv", "jsonl", "parquet"):
        same(model.predict(tmp_path / f"a.{suffix}"), expected)


def test_copies_say_the_same(model: SeriesModel) -> None:
    for copy in (pickle.loads(pickle.dumps(model)), copy_module.deepcopy(model)):
        same(copy.predict(), model.predict())


def test_it_is_the_same_once_loaded(model: SeriesModel, tmp_path: Path) -> None:
    model.save(tmp_path / "kept")
    again = recurra.load(tmp_path / "kept")
    same(again.predict(), model.predict())
    assert again.report == model.report


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("scaler.json", {"centre": [1.0], "spread": [1.0], "log": False}),
        (
            "intervals.json",
            {"kinds": ["symmetric"] * 3, "low": [[0.0]] * 3, "high": [[0.0]] * 3, "windows": 9},
        ),
    ],
)
def test_files_that_do_not_fit_the_network_are_named(
    model: SeriesModel, tmp_path: Path, name: str, what: dict[str, Any]
) -> None:
    model.save(tmp_path / "kept")
    Run(tmp_path / "kept").write_json(name, what)
    with pytest.raises(BundleError, match=name):
        recurra.load(tmp_path / "kept").predict()


def test_wide_frames_and_single_columns(tmp_path: Path) -> None:
    wide = pl.DataFrame(columns()).pivot(on="unique_id", index="ds", values="y")
    fitted = SeriesModel(model="segments", target="s0,s1", **LESS).fit(wide, out=tmp_path / "wide")
    assert fitted.predict()["unique_id"].to_list() == ["s0"] * 4 + ["s1"] * 4
    trained = recurra.train("series", fitted_csv(tmp_path), model="segments", **LESS)
    assert len(trained.predict()["ds"]) == 4


def fitted_csv(folder: Path) -> Path:
    path = folder / "one.csv"
    pl.DataFrame(columns(series=1)).drop("unique_id").write_csv(path)
    return path


def test_a_series_not_seen_is_forecast_from_its_own_past(model: SeriesModel) -> None:
    given = columns(series=1)
    other = pl.DataFrame(given | {"unique_id": ["new"] * 120, "y": 1000 + 10 * given["y"]})
    said = model.predict(other)
    assert said["unique_id"].unique().to_list() == ["new"]
    assert abs(said["recurra"].mean() - (1000 + 10 * 10)) < 60
    assert model.evaluate(other)["data"]["series"] == 1


def test_the_forecast_of_a_series_not_seen_knows_nothing_of_what_it_is_judged_by(
    model: SeriesModel,
) -> None:
    days = model.network.architecture.context + 4
    given = columns(days=days, series=1) | {"unique_id": ["new"] * days}
    width = {}
    for factor in (1, 100):
        given["y"][-4:] *= factor
        report = model.evaluate(pl.DataFrame(given))
        assert report["data"]["windows"] == 1
        width[factor] = report["model"]["intervals"]["80"]["width"]
    assert width[1] == width[100]


def test_nothing_to_go_on_from_is_said(model: SeriesModel) -> None:
    with pytest.raises(DataError, match="0 steps that training had not"):
        model.evaluate(pl.DataFrame(columns()))
    # Without data it is the part of the training's that reports.
    assert model.evaluate() == model.report
    ahead = pl.DataFrame(columns(days=3, series=1)).with_columns(
        unique_id=pl.lit("new"), y=pl.lit(None, pl.Float64)
    )
    with pytest.raises(DataError, match="'new' is new, and has no value"):
        model.predict(ahead)


def test_rows_without_times_are_all_rows() -> None:
    values = columns(days=130, series=1)["y"]
    fitted = SeriesModel(model="segments", **LESS).fit(values[:120])
    assert fitted.predict(values)["ds"][0] == 130
    with pytest.raises(DataError, match="10 rows without times of series 'y', which had 120 steps"):
        fitted.predict(values[120:])


def test_missing_values_are_masked(model: SeriesModel) -> None:
    given = columns()
    holes = given["y"].copy()
    holes[[5, 100, 150, 230]] = np.nan
    said = model.predict(
        pl.DataFrame(given | {"y": holes}).with_columns(pl.col("y").fill_nan(None))
    )
    assert said["recurra"].is_finite().all()


@pytest.mark.parametrize("at", [7, 18])
@pytest.mark.parametrize("kind", KINDS)
def test_going_on_is_as_never_having_stopped(kind: str, at: int, tmp_path: Path) -> None:
    frame = pl.DataFrame(columns())
    options = LESS | {"model": kind, "ensemble": 2, "dropout": 0.3}
    whole = SeriesModel(**options).fit(frame, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        SeriesModel(**options).fit(frame, out=tmp_path / "cut", callbacks=Pressed(at))
    cut = recurra.resume(tmp_path / "cut")
    same(cut.run.read_arrays(WEIGHTS)[0], whole.run.read_arrays(WEIGHTS)[0])
    same(cut.predict(), whole.predict())
    for key in ("model", "baselines", "verdict", "calibrated"):
        assert whole.report[key] == cut.report[key], key


def test_a_stream_says_what_a_forecast_of_one_step_says() -> None:
    given = columns(series=1)
    fitted = SeriesModel(model="autoregressive", ensemble=2, **LESS).fit(pl.DataFrame(given))
    first = fitted.stream().predict()
    said = fitted.predict(horizon=1)
    assert first["ds"] == str(said["ds"][0])
    # One is exact, the other the quantiles of paths.
    assert abs(first["recurra"] - said["recurra"][0]) < 0.3
    stream = fitted.stream()
    more = 10 + 3 * np.sin(2 * np.pi * np.arange(120, 127) / 7)
    for value in more:
        after = stream.push(float(value))
    newer = columns(days=127, series=1)
    newer["y"][120:] = more
    moved = fitted.predict(pl.DataFrame(newer), horizon=1)
    assert after["ds"] == str(moved["ds"][0])
    assert abs(after["recurra"] - moved["recurra"][0]) < 0.3
    assert stream.predict() == after


def test_a_stream_is_kept_forked_and_gone_on_with(tmp_path: Path) -> None:
    frame = pl.DataFrame(columns())
    fitted = SeriesModel(model="autoregressive", ensemble=2, **LESS).fit(frame)
    stream = fitted.stream(series="s1")
    for value in (20.0, float("nan"), 21.5):
        stream.push(value)
    stream.state.save(tmp_path / "kept")
    other, expected = stream.fork(), [stream.push(each) for each in (19.0, 22.0)]
    assert [other.push(each) for each in (19.0, 22.0)] == expected
    kept = StreamState.load(tmp_path / "kept")
    assert kept.steps == 3
    again = fitted.stream(kept, series="s1")
    assert [again.push(each) for each in (19.0, 22.0)] == expected
    # A refused step leaves it where it was.
    for wrong, summary in (
        (float("inf"), "value of inf"),
        ([1.0, 2.0], "step of 2 values"),
        ("x", "step of 'x'"),
    ):
        with pytest.raises(DataError, match=summary):
            again.push(wrong)
    assert again.predict() == expected[-1]
    with pytest.raises(BundleError, match="one of this model"):
        fitted.stream(kept, series="s0")
    with pytest.raises(OptionError, match="no series 's2'"):
        fitted.stream(series="s2")


def test_a_stream_of_counts_is_in_counts() -> None:
    given = columns(series=1)
    given["y"] = np.random.default_rng(0).poisson(30.0, len(given["y"])).astype(float)
    fitted = SeriesModel(distribution="counts", **LESS).fit(pl.DataFrame(given))
    said, first = fitted.predict(horizon=1), fitted.stream().predict()
    for column in ("recurra", "recurra-lo-80", "recurra-hi-80"):
        assert abs(first[column] - said[column][0]) < 4, column


def test_what_cannot_be_is_refused(model: SeriesModel) -> None:
    with pytest.raises(OptionError, match="model='linear'"):
        SeriesModel(model="linear", **LESS).fit(pl.DataFrame(columns()))
    with pytest.raises(OptionError, match="distribution"):
        SeriesModel(distribution="normal", model="autoregressive", **LESS).fit(
            pl.DataFrame(columns())
        )
    with pytest.raises(OptionError, match="not fitted"):
        SeriesModel(**LESS).predict()
    with pytest.raises(DataError, match="no column"):
        model.predict(pl.DataFrame(columns()).rename({"y": "z"}))


def test_counts_are_forecast_as_counts() -> None:
    draw = np.random.default_rng(0)
    given = columns()
    given["y"] = draw.poisson(3.0, len(given["y"])).astype(float)
    fitted = SeriesModel(model="autoregressive", distribution="counts", **LESS).fit(
        pl.DataFrame(given)
    )
    said = fitted.predict()
    assert (said["recurra-lo-95"] >= 0).all()
    assert 1 <= said["recurra"].mean() <= 6
    wide = np.full((3, 4), 100.0)
    widths = Widths(("symmetric",) * 3, wide, wide, 9)
    fitted._parts = replace(fitted._parts, widths=widths, answer=None)
    assert fitted.predict()["recurra-lo-95"].to_list() == [0.0] * 8
    fitted._parts = replace(fitted._parts, widths=Widths.none(4))
    # A series by another name is read on the same scale, counts over their mean.
    one = pl.DataFrame(given).filter(pl.col("unique_id") == "s0")
    other = fitted.predict(one.with_columns(unique_id=pl.lit("new")))
    assert (abs(other["recurra"] - fitted.predict(one)["recurra"]) <= 1).all()
    assert (other["recurra-lo-95"] < said["recurra"].min()).all()


def test_its_options_are_told_and_changed_as_scikit_learn_does() -> None:
    model = SeriesModel(**LESS)
    assert model.get_params()["horizon"] == 4
    assert model.set_params(horizon=9).options.horizon == 9
    with pytest.raises(OptionError, match="no option 'horizn'"):
        model.set_params(horizn=3)
    with pytest.raises(OptionError, match="horizon=0"):
        model.set_params(horizon=0)


def test_a_small_season_on_a_high_level_is_not_rounded_away() -> None:
    """A meter's reading: single precision has steps of 64 there."""
    given = columns(series=1)
    given["y"] = 1e9 + given["y"]
    fitted = SeriesModel(model="segments", **LESS | {"steps": 150}).fit(pl.DataFrame(given))
    said = fitted.predict()["recurra"] - 1e9
    assert 5 < said.mean() < 15
    assert len(set(said.to_list())) == 4
    naive = next(b for b in fitted.report["baselines"] if b["name"] == "seasonal naive forecast")
    assert naive["mae"] < 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_is_in_the_run(kind: str) -> None:
    fitted = SeriesModel(model=kind, ensemble=2, **LESS).fit(pl.DataFrame(columns()))
    summary = fitted.run.read_json(CERTIFICATE)
    assert summary["held"], summary
    names = [each["name"] for each in summary["checks"]]
    assert ("step by step = whole" in names) == (kind == "autoregressive")
    assert all(each["held"] for each in summary["checks"]), summary
