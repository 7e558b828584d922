from __future__ import annotations

import json
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recurra.errors import BundleError, DataError
from recurra.judge.forecasts import Sums, inside
from recurra.tasks.series import intervals
from recurra.tasks.series.forecasts import INTERVALS, LEVELS
from recurra.tasks.series.intervals import ENOUGH, Widths

Z = np.array([NormalDist().inv_cdf(level) for level in LEVELS])


def windows(
    count: int, horizon: int, seed: int, *, factor: float = 1.0, shift: float = 0.0
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Normal errors that grow from step to step, and quantiles too wide by a factor, or off."""
    generator = np.random.default_rng(seed)
    middle = generator.normal(size=(count, horizon))
    spread = np.sqrt(np.arange(horizon) + 1.0)
    true = middle + spread * generator.normal(size=middle.shape)
    said = middle[..., None] + factor * spread[:, None] * Z + shift
    return said.astype(np.float32), true


def coverage(quantiles: NDArray[np.float32], true: NDArray[np.float64], size: int) -> float:
    low, high = INTERVALS[size]
    return Sums.of(inside(true, quantiles[..., low], quantiles[..., high])).mean


@pytest.mark.parametrize("factor", [0.4, 0.7, 1.0, 1.8])
def test_on_other_windows_intervals_hold_what_they_promise(factor: float) -> None:
    widths = intervals.calibrate(*windows(400, 12, seed=1, factor=factor))
    said, true = windows(4000, 12, seed=2, factor=factor)
    moved = intervals.apply(said, widths)
    for size in INTERVALS:
        assert coverage(moved, true, size) == pytest.approx(size / 100, abs=0.025)
        for step in (0, 11):  # not on average alone
            here = coverage(moved[:, [step]], true[:, [step]], size)
            assert here == pytest.approx(size / 100, abs=0.07)
    assert (
        {"as they are"} == set(widths.kinds) if factor == 1 else "as they are" not in widths.kinds
    )


def overlapping(count: int, seed: int, factor: float) -> tuple[Any, Any, Any]:
    """Naive forecasts of a random walk from each of its steps: quantiles, values, origins."""
    walk = np.cumsum(np.random.default_rng(seed).normal(size=count + 6))
    origins = np.arange(count)
    true = walk[origins[:, None] + 1 + np.arange(6)]
    spread = factor * np.sqrt(np.arange(6) + 1.0)
    said = walk[:count, None, None] + spread[:, None] * Z
    return said.astype(np.float32), true, origins


@pytest.mark.parametrize("count", [3, 13, 25, 60])
def test_windows_that_overlap_are_no_proof_of_each_other(count: int) -> None:
    """Right ones stay right, over draws; where each is taken for a proof they do not."""
    held: list[list[float]] = []
    for seed in range(40):
        given = overlapping(count, seed, 1.0)
        said, true, _ = overlapping(300, 1000 + seed, 1.0)
        found = [Widths.none(6), intervals.calibrate(*given), intervals.calibrate(*given[:2])]
        held.append([coverage(intervals.apply(said, each), true, 80) for each in found])
    before, after, fooled = np.abs(np.array(held) - 0.8).mean(0)
    assert after < before + 0.015
    if 3 < count < 60:
        assert fooled > after + 0.015
    # Windows of as many series at once are.
    alone = [overlapping(1, seed, 0.4) for seed in range(40)]
    said, true, origins = (np.concatenate(each) for each in zip(*alone, strict=True))
    assert "as they are" in intervals.calibrate(said, true, origins).kinds
    widths = intervals.calibrate(said, true, origins, np.arange(40))
    assert "as they are" not in widths.kinds


def test_corrections_are_tried_on_windows_that_do_not_overlap_those_they_come_from() -> None:
    generator = np.random.default_rng(0)
    begins, owners = np.sort(generator.integers(0, 200, 90)), generator.integers(0, 3, 90)
    parts = list(intervals.folds(begins, owners, 7))
    assert len(parts) == 4
    assert (np.sum([tried for tried, _ in parts], axis=0) == 1).all()
    for tried, found in parts:
        for owner in range(3):
            here, there = (begins[each & (owners == owner)] for each in (tried, found))
            assert (np.abs(here[:, None] - there) >= 7).all()
        assert found.sum() > 40


def test_what_is_off_to_one_side_is_moved_on_that_side() -> None:
    said, true = windows(600, 4, seed=1, shift=2.0)
    widths = intervals.calibrate(said, true)
    assert widths.kinds == ("asymmetric",) * 3
    assert (widths.low > 1).all()
    assert (widths.high < 0).all()
    others, others_true = windows(4000, 4, seed=2, shift=2.0)
    moved = intervals.apply(others, widths)
    for size in (80, 95):
        assert coverage(moved, others_true, size) == pytest.approx(size / 100, abs=0.03)


@pytest.mark.parametrize("count", [1, 5, 8, 12, 20, 40])
def test_of_few_windows_it_is_never_worse_than_nothing_done(count: int) -> None:
    """On average over draws, of quantiles that are right as they are."""
    horizon, before, after = 6, 0.0, 0.0
    for seed in range(40):
        widths = intervals.calibrate(*windows(count, horizon, seed))
        said, true = windows(200, horizon, 1000 + seed)
        moved = intervals.apply(said, widths)
        for size in INTERVALS:
            before += abs(coverage(said, true, size) - size / 100)
            after += abs(coverage(moved, true, size) - size / 100)
    assert after / 120 < before / 120 + 0.02
    if count < intervals.FEWEST:
        assert after == before


@given(st.integers(0, 500), st.floats(0.2, 3), st.floats(-2, 2))
@settings(max_examples=40)
def test_quantiles_ascend_around_the_same_median(seed: int, factor: float, shift: float) -> None:
    said, true = windows(20, 5, seed, factor=factor, shift=shift)
    true[np.random.default_rng(seed).random(true.shape) < 0.3] = np.nan
    moved = intervals.apply(said, intervals.calibrate(said, true))
    assert (np.diff(moved, axis=-1) >= 0).all()
    np.testing.assert_array_equal(moved[..., 3], said[..., 3])
    assert moved.dtype == np.float32


def test_steps_are_pooled_where_windows_are_few() -> None:
    assert [*intervals.pooled(np.full(6, ENOUGH))] == [slice(k, k + 1) for k in range(6)]
    assert [*intervals.pooled(np.full(6, ENOUGH // 2))] == [slice(0, 2), slice(2, 4), slice(4, 6)]
    assert [*intervals.pooled(np.full(6, 2))] == [slice(0, 6)]
    widths = intervals.calibrate(*windows(10, 12, seed=1, factor=0.3))
    # All by one share of the width at the step, which grows.
    ratios = widths.low[2] / widths.low[2, 0]
    assert ratios == pytest.approx(np.sqrt(np.arange(12) + 1.0), rel=1e-5)


def test_the_order_of_windows_is_theirs_in_time() -> None:
    said, true = windows(50, 3, seed=4, factor=0.6)
    mixed = np.random.default_rng(0).permutation(50)
    first = intervals.calibrate(said, true, 3 * np.arange(50))
    again = intervals.calibrate(said[mixed], true[mixed], 3 * mixed)
    assert first.kinds != ("as they are",) * 3
    np.testing.assert_allclose(first.low, again.low, rtol=1e-5)
    assert first.kinds == again.kinds


def test_widths_come_back_from_json() -> None:
    widths = intervals.calibrate(*windows(50, 3, seed=4, factor=0.6))
    value = json.loads(json.dumps(widths.to_json()))
    again = Widths.from_json(value)
    np.testing.assert_array_equal(again.low, widths.low)
    np.testing.assert_array_equal(again.high, widths.high)
    assert (again.kinds, again.windows) == (widths.kinds, 50)
    broken: list[dict[str, object]] = [
        {},
        value | {"low": [[1.0]]},
        value | {"kinds": ["none"] * 3},
        value | {"high": [["a"] * 3] * 3},
        value | {"low": [[float("nan")] * 3] * 3},
    ]
    for damaged in broken:
        with pytest.raises(BundleError, match="damaged"):
            Widths.from_json(damaged)


def test_it_says_what_was_done() -> None:
    assert "too few windows" in Widths.none(3).summary()
    assert "no correction" in intervals.calibrate(*windows(400, 12, seed=1)).summary()
    found = intervals.calibrate(*windows(400, 12, seed=1, factor=0.5)).summary()
    assert "50 %, 80 %, 95 % were corrected by the errors of 400 windows" in found


def test_shapes_have_to_fit() -> None:
    said, true = windows(10, 3, seed=0)
    with pytest.raises(DataError, match="of values of shape"):
        intervals.calibrate(said, true[:5])
    with pytest.raises(DataError, match="widths of 4 steps"):
        intervals.apply(said, Widths.none(4))


def test_a_network_that_has_become_surer_is_widened_to_what_it_was() -> None:
    draw = np.random.default_rng(0)
    before = np.sort(draw.normal(size=(40, 6, len(LEVELS))), 2).astype(np.float32)
    median = before[..., 3:4]
    after = median + (before - median) * np.array([0.5, 0.8, 0.4, 0, 0.4, 0.8, 0.5], np.float32)
    none = Widths.none(6)
    widths = none.stretched(before, after)
    np.testing.assert_allclose(widths.stretch, [2.5, 1.25, 2.0], rtol=1e-5)
    np.testing.assert_allclose(intervals.apply(after, widths), before, rtol=1e-4, atol=1e-5)
    assert none.stretched(after, before).stretch == (1.0, 1.0, 1.0), "never narrower"
    assert "widened by up to 150 %" in widths.summary()
    assert "widened" not in none.summary()
    assert Widths.from_json(widths.to_json()).stretch == widths.stretch
    assert widths.first(2).stretch == widths.stretch
    with pytest.raises(BundleError):
        Widths.from_json(widths.to_json() | {"stretch": [0.5, 1, 1]})


@pytest.mark.parametrize("count", [3, 5, 8, 15])
@pytest.mark.parametrize("factor", [0.2, 0.5, 1.0, 3.0])
def test_of_few_windows_the_larger_interval_is_larger(count: int, factor: float) -> None:
    """So few have no error that an interval of 95 % needs and one of 80 % does not."""
    for seed in range(10):
        said, *others = windows(count, 4, seed=seed, factor=factor)
        moved = intervals.apply(said, intervals.calibrate(said, *others))
        sizes = [moved[..., high] - moved[..., low] for low, high in INTERVALS.values()]
        for inner, outer in pairwise(sizes):
            assert (outer > 1.1 * inner).all()
