from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from utilsforecast import losses

from recurra.errors import DataError
from recurra.judge import forecasts as metrics
from recurra.judge.forecasts import Sums

LEVELS = (0.1, 0.5, 0.9)


def drawn(
    seed: int, windows: int = 6, horizon: int = 5, missing: float = 0.2
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Actual values with gaps, and ascending quantiles."""
    generator = np.random.default_rng(seed)
    actuals = generator.normal(20, 5, (windows, horizon))
    actuals[generator.random(actuals.shape) < missing] = np.nan
    actuals[0] = 21.0
    quantiles = np.sort(generator.normal(20, 5, (windows, horizon, len(LEVELS))), -1)
    return actuals, quantiles


def framed(actuals: NDArray[np.float64], quantiles: NDArray[np.float64]) -> Any:
    """One row a cell that has an actual value, a series for each window."""
    rows, steps = np.nonzero(~np.isnan(actuals))
    said = quantiles[rows, steps]
    columns: dict[str, Any] = {
        "unique_id": rows,
        "ds": steps,
        "y": actuals[rows, steps],
        "m": said[:, 1],
        "m-lo-80": said[:, 0],
        "m-hi-80": said[:, 2],
    }
    return pd.DataFrame(columns)


def by_window(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([Sums.of(row[None]).mean for row in cells])


@pytest.mark.parametrize("seed", range(5))
def test_window_by_window_it_is_what_utilsforecast_says(seed: int) -> None:
    actuals, quantiles = drawn(seed)
    frame, point = framed(actuals, quantiles), quantiles[..., 1]
    frame = frame.astype({"m": float})
    pairs = [
        (metrics.absolute(actuals, point), losses.mae(frame, ["m"]), 1.0),
        (metrics.squared(actuals, point), losses.mse(frame, ["m"]), 1.0),
        # Theirs are shares, and half of M4's.
        (metrics.percentage(actuals, point), losses.mape(frame, ["m"]), 100.0),
        (metrics.symmetric(actuals, point), losses.smape(frame, ["m"]), 200.0),
    ]
    for cells, theirs, factor in pairs:
        np.testing.assert_allclose(by_window(cells), factor * theirs["m"].to_numpy())
    covered = metrics.inside(actuals, quantiles[..., 0], quantiles[..., 2])
    np.testing.assert_allclose(
        by_window(covered), losses.coverage(frame, ["m"], 80)["m"].to_numpy()
    )
    for place, level in enumerate(LEVELS):
        column = ["m-lo-80", "m", "m-hi-80"][place]
        mine = metrics.pinball(actuals, quantiles[..., [place]], [level])
        theirs = losses.quantile_loss(frame, {"m": column}, q=level)
        np.testing.assert_allclose(by_window(mine), 2 * theirs["m"].to_numpy())


def test_scaled_errors_are_what_utilsforecast_says() -> None:
    generator = np.random.default_rng(0)
    lengths, period, horizon = np.array([30, 17, 25]), 4, 6
    ends = np.cumsum(lengths)
    values = generator.normal(10, 3, ends[-1])
    absolute, squared = metrics.naive_scale(values, ends - lengths, ends, period)
    actuals = generator.normal(10, 3, (3, horizon))
    point = generator.normal(10, 3, (3, horizon))
    frame = framed(actuals, np.repeat(point[..., None], 3, -1))
    owner = np.repeat(np.arange(3), lengths)
    trained = pd.DataFrame({"unique_id": owner, "ds": np.arange(len(values)), "y": values})
    mase = metrics.scaled(metrics.absolute(actuals, point), absolute)
    theirs = losses.mase(frame, ["m"], seasonality=period, train_df=trained)
    np.testing.assert_allclose(mase.mean(1), theirs["m"].to_numpy())
    rmsse = metrics.scaled(metrics.squared(actuals, point), squared)
    theirs = losses.rmsse(frame, ["m"], seasonality=period, train_df=trained)
    np.testing.assert_allclose(np.sqrt(rmsse.mean(1)), theirs["m"].to_numpy())


@given(st.integers(0, 1000), st.integers(1, 5))
def test_sums_of_parts_are_the_sum(seed: int, cut: int) -> None:
    cells = metrics.absolute(*(each[..., 1] if each.ndim == 3 else each for each in drawn(seed)))
    whole = Sums.of(cells)
    both = Sums.of(cells[:cut]) + Sums.of(cells[cut:])
    assert both.mean == pytest.approx(whole.mean)
    assert whole.mean == pytest.approx(np.nanmean(cells))
    np.testing.assert_allclose(whole.steps, np.nanmean(cells, 0))
    assert whole.part(1, 3).mean == pytest.approx(np.nanmean(cells[:, 1:3]))
    assert whole.count == np.isfinite(cells).sum()


def test_nothing_there_is_no_figure() -> None:
    cells = metrics.absolute([[np.nan, 1.0]], [[3.0, 3.0]])
    assert math.isnan(Sums.of(cells).steps[0])
    assert math.isnan(Sums.of(cells[:, :1]).mean)
    assert Sums.of(cells).mean == 2.0


def test_where_percentages_are_undefined() -> None:
    cells = metrics.percentage([[0.0, 2.0, -4.0]], [[1.0, 1.0, -5.0]])
    np.testing.assert_array_equal(cells, [[np.nan, 50.0, 25.0]])
    np.testing.assert_array_equal(metrics.symmetric([[0.0, 0.0]], [[0.0, 3.0]]), [[0.0, 200.0]])


def test_the_quantiles_of_the_truth_score_least() -> None:
    """On average: CRPS is proper, and its approximation over levels as well."""
    generator = np.random.default_rng(0)
    levels = tuple(np.arange(1, 100) / 100)
    true = generator.normal(size=(20_000, 1))
    right = np.quantile(generator.normal(size=100_000), levels)

    def score(quantiles: NDArray[np.float64]) -> float:
        said = np.broadcast_to(quantiles, (len(true), 1, len(levels)))
        return Sums.of(metrics.pinball(true, said, levels)).mean

    best = score(right)
    for worse in (right + 0.3, right - 0.3, right * 0.7, right * 1.4):
        assert score(worse) > best
    # Of a normal distribution it is 1/sqrt(pi) (Gneiting & Raftery 2007).
    assert best == pytest.approx(1 / math.sqrt(math.pi), rel=0.02)


def test_a_scale_knows_its_own_training_part_alone() -> None:
    values = np.array([1.0, 3.0, 7.0, 100.0, 5.0, 5.0, 5.0, 2.0, np.nan, 6.0, 8.0, 9.0])
    begins, ends = np.array([0, 4, 7, 11]), np.array([3, 7, 11, 12])
    absolute, squared = metrics.naive_scale(values, begins, ends, 1)
    # The second is constant, the fourth has one value; neither has a scale.
    np.testing.assert_array_equal(absolute, [3.0, np.nan, 2.0, np.nan])
    np.testing.assert_array_equal(squared, [10.0, np.nan, 4.0, np.nan])
    absolute, _ = metrics.naive_scale(values, begins, ends, 2)
    np.testing.assert_array_equal(absolute, [6.0, np.nan, 4.0, np.nan])
    absolute, _ = metrics.naive_scale(values, begins, ends, 50)
    assert np.isnan(absolute).all()


def test_owa_by_hand() -> None:
    assert metrics.owa(10.0, 1.5, 20.0, 2.0) == (0.5 + 0.75) / 2
    assert metrics.owa(20.0, 2.0, 20.0, 2.0) == 1.0
    assert math.isnan(metrics.owa(1.0, 1.0, 0.0, 1.0))


def test_errors_name_the_fault() -> None:
    with pytest.raises(DataError, match=r"shape \(1, 2\)"):
        metrics.absolute([[1.0]], [[1.0, 2.0]])
    with pytest.raises(DataError, match="step 2 in window 0 is nan"):
        metrics.absolute([[1.0, 2.0]], [[1.0, np.nan]])
    with pytest.raises(DataError, match="2 for each step"):
        metrics.pinball([[1.0]], [[[1.0]]], (0.1, 0.9))
