"""What forecasts are asked for: from which origin, from many, how far, in which intervals."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recurra
from recurra.errors import DataError, OptionError
from recurra.tasks.series.estimator import SeriesModel
from toy_series import LESS

pl = pytest.importorskip("polars")
pandas = pytest.importorskip("pandas")

DAYS = 120


def frame(days: int = DAYS, *, scale: float = 1.0) -> Any:
    """Two series of days with a week's season."""
    steps = np.tile(np.arange(days), 2)
    number = np.repeat([0, 1], days)
    noise = np.random.default_rng(1).normal(0, 0.2, (2, 400))[:, :days].ravel()
    values = 10 * (number + 1) + 3 * np.sin(2 * np.pi * steps / 7) + noise
    stamps = np.datetime64("2024-01-01", "us") + steps * np.timedelta64(1, "D")
    return pl.DataFrame(
        {"unique_id": [f"s{each}" for each in number], "ds": stamps, "y": scale * values}
    )


@pytest.fixture(scope="module", params=["segments", "autoregressive"])
def model(request: pytest.FixtureRequest) -> SeriesModel:
    return SeriesModel(model=request.param, ensemble=2, **LESS).fit(frame())


@pytest.fixture(scope="module")
def stepping() -> SeriesModel:
    return SeriesModel(model="autoregressive", ensemble=2, **LESS).fit(frame())


# -- from where --------------------------------------------------------------------------------


def test_data_that_end_earlier_are_forecast_from_their_end(model: SeriesModel) -> None:
    for end in (DAYS - 9, 30):
        older = frame().filter(pl.int_range(pl.len()).over("unique_id") < end)
        said = model.predict(older)
        first = datetime.date(2024, 1, 1) + datetime.timedelta(days=end)
        assert said["ds"].to_list()[:4] == [first + datetime.timedelta(days=k) for k in range(4)]
        # What the training had from there on is not read: it may be anything.
        assert said.equals(model.predict(frame(), origin=first))
    # Some series of the data older, some newer.
    mixed = frame(DAYS + 5).filter(
        (pl.col("unique_id") == "s0") | (pl.int_range(pl.len()).over("unique_id") < 100)
    )
    starts = model.predict(mixed).group_by("unique_id", maintain_order=True).first()["ds"]
    assert starts.to_list() == [datetime.date(2024, 5, 5), datetime.date(2024, 4, 10)]


def test_an_origin_is_the_first_step_that_is_forecast(model: SeriesModel) -> None:
    moments: list[Any] = ["2024-04-10", datetime.date(2024, 4, 10), np.datetime64("2024-04-10")]
    moments += [pandas.Timestamp("2024-04-10")]
    said = [model.predict(frame(), origin=each) for each in moments]
    assert all(each.equals(said[0]) for each in said)
    assert said[0]["ds"][0] == datetime.date(2024, 4, 10)
    # Without data it is one in what the training had.
    assert model.predict(origin="2024-04-10").equals(said[0])
    assert model.predict(origin="2024-04-30").equals(model.predict())
    wrong: Any
    for wrong, kind, text in (
        ("2024-05-01", DataError, "ends at 2024-04-29"),
        ("2024-01-01", DataError, "begins at 2024-01-01"),
        ("2024-04-10 12:00", OptionError, "a step, daily"),
        ("soon", OptionError, "a step, daily, as 2024-04-29"),
        (7, OptionError, "a step, daily"),
    ):
        with pytest.raises(kind, match="an origin at") as caught:
            model.predict(origin=wrong)
        assert text in str(caught.value)


def test_steps_without_dates_have_origins_too() -> None:
    fitted = SeriesModel(model="segments", **LESS).fit(frame()["y"].to_numpy()[:DAYS])
    assert fitted.predict(origin=100)["ds"].tolist() == [100, 101, 102, 103]
    with pytest.raises(OptionError, match="an origin at 2024-01-01"):
        fitted.predict(origin="2024-01-01")


# -- from many ---------------------------------------------------------------------------------


def test_forecasts_from_many_origins_stand_beside_what_came(model: SeriesModel) -> None:
    found = model.cross_validation(n_windows=3, step_size=2)
    assert found.columns[:5] == ["unique_id", "ds", "cutoff", "y", "recurra"]
    assert len(found) == 2 * 3 * 4
    cutoffs = found["cutoff"].unique().sort().to_list()
    last = datetime.date(2024, 4, 29)  # of the data
    assert cutoffs == [last - datetime.timedelta(days=4 + back) for back in (4, 2, 0)]
    given = frame().with_columns(pl.col("ds").cast(pl.Date))
    both = found.join(given, on=["unique_id", "ds"], suffix="_given")
    assert both["y"].to_list() == both["y_given"].to_list()
    for cutoff in cutoffs:
        alone = model.predict(origin=cutoff + datetime.timedelta(days=1))
        own = found.filter(pl.col("cutoff") == cutoff).drop("cutoff", "y")
        assert own.equals(alone)


def test_origins_lie_where_training_has_not_been(model: SeriesModel) -> None:
    """Twelve steps of each series report: nine windows of four."""
    every = model.cross_validation()
    assert len(every) == 2 * 9 * 4
    assert every["cutoff"].min() == datetime.date(2024, 4, 17)
    with pytest.raises(OptionError, match="10 origins of each series") as caught:
        model.cross_validation(n_windows=10)
    assert "1 to 9" in caught.value.expected
    with pytest.raises(OptionError, match="0 steps from origin to origin"):
        model.cross_validation(step_size=0)
    newer = model.cross_validation(frame(DAYS + 6))
    assert len(newer) == 2 * (9 + 6) * 4
    with pytest.raises(DataError, match="0 steps that training had not"):
        model.cross_validation(frame(60))


def test_of_a_run_from_files_the_files_are_read_again(tmp_path: Path) -> None:
    frame().write_csv(tmp_path / "a.csv")
    fitted = recurra.train("series", tmp_path / "a.csv", model="segments", **LESS)
    expected = fitted.cross_validation(frame(), n_windows=2)
    fitted.save(tmp_path / "run")
    again = recurra.load(tmp_path / "run").cross_validation(n_windows=2)
    assert pl.DataFrame(again, strict=False).equals(expected)


def test_values_from_memory_are_asked_for_once_they_are_gone(
    model: SeriesModel, tmp_path: Path
) -> None:
    model.save(tmp_path / "run")
    loaded = recurra.load(tmp_path / "run")
    for verb in (loaded.cross_validation, lambda: loaded.predict(origin="2024-04-10")):
        with pytest.raises(DataError, match="trained on values in memory"):
            verb()
    assert loaded.cross_validation(frame()).equals(model.cross_validation())


# -- how far, and in which intervals -----------------------------------------------------------


def test_intervals_of_any_percent(model: SeriesModel) -> None:
    usual, asked = model.predict(), model.predict(level=[99, 90, 80])
    sides = [f"recurra-lo-{size}" for size in (99, 90, 80)]
    sides += [f"recurra-hi-{size}" for size in (80, 90, 99)]
    assert asked.columns == ["unique_id", "ds", "recurra", *sides]
    for name in ("recurra", "recurra-lo-80", "recurra-hi-80"):
        assert asked[name].equals(usual[name])
    ends = ["recurra-hi-80", "recurra-hi-90", "recurra-hi-95", "recurra-hi-99"]
    together = asked.with_columns(usual["recurra-hi-95"]).select(ends).to_numpy()
    assert (np.diff(together, axis=1) > 0).all()
    assert "recurra-lo-97.5" in model.predict(level=[97.5]).columns
    wrongs: list[Any] = [[], [0], [100], [80, 80], ["80"], 80, "80", [True], [float("nan")]]
    for wrong in wrongs:
        with pytest.raises(OptionError, match="intervals of"):
            model.predict(level=wrong)


def test_a_model_that_steps_goes_on_beyond_its_horizon(stepping: SeriesModel) -> None:
    short, long = stepping.predict(), stepping.predict(horizon=30)
    assert len(long) == 2 * 30
    turn = pl.int_range(pl.len()).over("unique_id")
    assert long.filter(turn < 4).equals(short)
    assert (long["recurra-lo-80"] < long["recurra-hi-80"]).all()
    assert len(stepping.cross_validation(horizon=6, n_windows=1)) == 2 * 6
    for wrong in (0, -1, 10_001):
        with pytest.raises(OptionError, match=f"horizon={wrong}"):
            stepping.predict(horizon=wrong)


def test_a_model_that_reads_segments_says_how_to_go_farther() -> None:
    fitted = SeriesModel(model="segments", **LESS).fit(frame())
    with pytest.raises(OptionError, match="horizon=9 of a model that was trained") as caught:
        fitted.predict(horizon=9)
    assert "autoregressive" in caught.value.fix
    with pytest.raises(OptionError, match="samples=3"):
        fitted.predict(samples=3)


def test_sample_paths(stepping: SeriesModel) -> None:
    usual, said = stepping.predict(), stepping.predict(samples=301)
    paths = [f"recurra-sample-{number}" for number in range(1, 302)]
    assert said.columns == [*usual.columns, *paths]
    assert said.select(usual.columns).equals(usual)
    drawn = said.select(paths).to_numpy()
    assert len(set(drawn[0].tolist())) > 290
    middle, width = usual["recurra"], usual["recurra-hi-50"] - usual["recurra-lo-50"]
    assert (np.abs(np.median(drawn, 1) - middle) < 0.5 * width).all()
    assert stepping.predict(samples=301).equals(said)
    for wrong in (-1, 10_001):
        with pytest.raises(OptionError, match=f"samples={wrong}"):
            stepping.predict(samples=wrong)


def test_paths_of_counts_are_counts() -> None:
    counts = np.random.default_rng(0).poisson(3.0, 2 * DAYS).astype(float)
    given = frame().with_columns(y=pl.Series(counts))
    fitted = SeriesModel(distribution="counts", **LESS).fit(given)
    drawn = fitted.predict(samples=20).select(pl.col("^recurra-sample.*$")).to_numpy()
    assert (drawn >= 0).all()
    assert (drawn == np.round(drawn)).all()


# -- as they are read --------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_forecasts_have_digits_that_mean_something(scale: float) -> None:
    fitted = SeriesModel(model="segments", **LESS).fit(frame(scale=scale))
    for name, values in fitted.predict(frame(scale=scale)).to_dict().items():
        if name.startswith("recurra"):
            # All that a float holds, without point and zeros before it.
            digits = [repr(v).split("e")[0].strip("-0.").replace(".", "") for v in values]
            assert max(map(len, digits)) <= 8, (name, digits)


def test_a_count_is_no_fraction_for_want_of_a_digit() -> None:
    counts = np.random.default_rng(0).poisson(3.0, 2 * DAYS).astype(float)
    fitted = SeriesModel(distribution="counts", ensemble=1, **LESS).fit(
        frame().with_columns(y=pl.Series(counts))
    )
    said = fitted.predict().select(pl.col("^recurra.*$")).to_numpy()
    assert (np.abs(said * 1e4 - np.round(said * 1e4)) < 1e-6).all()
