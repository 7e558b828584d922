"""The distributions of a step in use: as scipy.stats has them, and drawn as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from recurra.runtime.distributions import (
    FLOOR,
    Distribution,
    NegativeBinomial,
    StudentT,
    generators,
    softplus,
)

LEVELS = (0.001, 0.025, 0.1, 0.5, 0.75, 0.975, 0.9999)


def student() -> StudentT:
    return StudentT(
        np.array([0.0, -3.0, 50.0, 1.0, 0.0, 0.0]),
        np.array([1.0, 0.01, 7.0, 2.0, 1.0, 1.0]),
        np.array([2.1, 3.0, 8.0, 400.0, 1e4, 1e6]),
    )


def counts() -> NegativeBinomial:
    return NegativeBinomial(
        np.array([0.01, 0.3, 4.0, 900.0, 2e4, 1e5]), np.array([4.0, 2.0, 0.5, 0.002, 0.1, 0.001])
    )


def in_scipy(said: Distribution, k: int) -> stats.rv_frozen:
    if isinstance(said, StudentT):
        return stats.t(said.degrees[k], said.location[k], said.scale[k])
    r = 1.0 / said.dispersion[k]
    return stats.nbinom(r, r / (r + said.average[k]))


@pytest.mark.parametrize("said", [student(), counts()], ids=["student", "counts"])
def test_quantiles_are_those_of_scipy(said: Distribution) -> None:
    quantiles = said.quantile(LEVELS)
    assert quantiles.shape == (6, len(LEVELS))
    for k in range(6):
        expected = in_scipy(said, k).ppf(LEVELS)
        np.testing.assert_allclose(quantiles[k], expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("said", [student(), counts()], ids=["student", "counts"])
def test_quantiles_do_not_depend_on_other_rows(said: Distribution) -> None:
    together = said.quantile(LEVELS)
    for k in range(6):
        alone = type(said)(*(each[k : k + 1] for each in vars(said).values()))
        np.testing.assert_array_equal(alone.quantile(LEVELS)[0], together[k])


@pytest.mark.parametrize("said", [student(), counts()], ids=["student", "counts"])
def test_samples_fall_below_each_quantile_as_often_as_it_says(said: Distribution) -> None:
    n = 20_000
    chance = generators(np.array([[3, 4]], np.uint64), 0)
    for k in range(6):
        wide = type(said)(*(np.full(n, each[k], np.float32) for each in vars(said).values()))
        if isinstance(wide, StudentT):
            drawn = wide.sample(*chance[0].random((2, n), np.float32))
        else:
            drawn = wide.sample(chance)
            np.testing.assert_array_equal(drawn, drawn.round())
            assert drawn.min() >= 0
        true = in_scipy(said, k)
        for level in (0.1, 0.5, 0.9):
            at = true.ppf(level)
            share = float((drawn <= at).mean())
            assert abs(share - true.cdf(at)) < 5 * np.sqrt(0.25 / n)


def test_counts_without_bounds_can_be_drawn() -> None:
    said = NegativeBinomial(np.full(4, 1e30, np.float32), np.full(4, 1.0, np.float32))
    assert np.isfinite(said.sample(generators(np.array([[0, 0]], np.uint64), 0))).all()


def test_whatever_a_network_gives_there_is_a_distribution() -> None:
    location = np.array([-1e3, -1.0, 0.0, 1.0, 1e3], np.float32)
    for wild in (-1e4, 0.0, 1e4):
        raw = np.full((2, 5), wild, np.float32)
        said = StudentT.of(location, np.float32(1.0), raw)
        assert said.scale.min() >= FLOOR
        assert said.degrees.min() > 2.0
        assert np.isfinite(said.quantile(LEVELS)).all()
        several = NegativeBinomial.of(location, raw, np.full(5, 10.0, np.float32))
        assert several.average.min() > 0
        assert several.dispersion.min() > 0


def test_a_mean_well_above_zero_is_left_as_it_is_and_counted_in_the_unit() -> None:
    raw, unit = np.zeros((2, 1), np.float32), np.array([30.0], np.float32)
    said = NegativeBinomial.of(np.array([2.0], np.float32), raw, unit)
    np.testing.assert_allclose(said.average, [60.0], rtol=1e-3)


def test_softplus_overflows_nowhere() -> None:
    found = softplus(np.array([-1e4, -1.0, 0.0, 1.0, 1e4]))
    np.testing.assert_allclose(found, [0.0, 0.31326169, 0.69314718, 1.31326169, 1e4], rtol=1e-7)
