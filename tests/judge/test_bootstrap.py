from __future__ import annotations

import math
import time

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import DataError, OptionError
from recurra.judge.bootstrap import Interval, block_bootstrap, default_block


def moving_average(n: int, width: int, seed: int) -> npt.NDArray[np.float64]:
    """Values that depend on their `width` neighbours."""
    noise = np.random.default_rng(seed).normal(size=n + width - 1)
    return np.convolve(noise, np.ones(width), "valid")


@given(st.floats(-1e6, 1e6), st.integers(10, 500), st.integers(1, 20))
def test_a_constant_has_no_spread(value: float, n: int, block: int) -> None:
    interval = block_bootstrap(np.full(n, value), block=min(block, n // 10), repeats=20)
    for end in (interval.low, interval.high, interval.estimate):
        assert end == pytest.approx(value, rel=1e-12, abs=1e-12)


@given(st.integers(20, 400), st.integers(1, 30), st.floats(-100, 100), st.integers(0, 5))
def test_shifting_and_flipping_the_values_does_it_to_the_interval(
    n: int, block: int, shift: float, seed: int
) -> None:
    values = np.random.default_rng(seed).normal(size=n)
    block = min(block, n // 10)
    plain = block_bootstrap(values, block=block, repeats=50)
    moved = block_bootstrap(values + shift, block=block, repeats=50)
    assert moved.low == pytest.approx(plain.low + shift, abs=1e-9)
    assert moved.high == pytest.approx(plain.high + shift, abs=1e-9)
    turned = block_bootstrap(-values, block=block, repeats=50)
    assert turned.low == pytest.approx(-plain.high, abs=1e-12)
    assert turned.estimate == pytest.approx(-plain.estimate)


def test_blocks_of_one_give_the_standard_error_of_the_mean() -> None:
    values = np.random.default_rng(1).normal(3, 2, 5000)
    interval = block_bootstrap(values, block=1)
    half = 1.96 * values.std() / math.sqrt(5000)
    assert interval.estimate == pytest.approx(values.mean())
    assert interval.high - interval.estimate == pytest.approx(half, rel=0.1)
    assert interval.estimate - interval.low == pytest.approx(half, rel=0.1)


def test_dependent_values_are_less_sure_than_they_look() -> None:
    # A sum of 50 neighbours: the mean's true standard error is 50 times the noise's.
    values = moving_average(20_000, 50, seed=2)
    half = 1.96 * 50 / math.sqrt(20_000)
    blocks = block_bootstrap(values, block=500)
    single = block_bootstrap(values, block=1)
    assert (blocks.high - blocks.low) / 2 == pytest.approx(half, rel=0.2)
    assert (single.high - single.low) / 2 < half / 4


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(200):
        interval = block_bootstrap(
            moving_average(2000, 5, seed), block=50, repeats=300, seed=seed, level=0.9
        )
        held += interval.low <= 0 <= interval.high
    assert 164 <= held <= 192  # 180 expected, a little fewer as blocks cut the dependence


@pytest.mark.parametrize("place", [0, 3, 50, 99])
def test_blocks_wrap_so_that_every_value_counts_alike(place: int) -> None:
    # Blocks that did not wrap would draw the first and last values less often than the others.
    values = np.zeros(100)
    values[place] = 100
    means = [block_bootstrap(values, block=10, repeats=1, seed=seed).low for seed in range(1500)]
    assert np.mean(means) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("n", "block"), [(10, 1), (101, 10), (1003, 100), (1000, 7)])
def test_each_repeat_has_as_many_values_as_there_are(n: int, block: int) -> None:
    # Were a repeat of another length, the means of a constant apart from its centre would show
    # it; here a single step of size n makes every mean a whole number.
    values = np.zeros(n)
    values[0] = n
    interval = block_bootstrap(values, block=block, repeats=1, seed=3)
    assert interval.low == pytest.approx(round(interval.low), abs=1e-9)
    assert interval.low == interval.high


def test_a_level_nearer_one_is_wider_and_a_seed_repeats() -> None:
    values = np.random.default_rng(5).normal(size=3000)
    ninety, most = (block_bootstrap(values, level=level) for level in (0.9, 0.99))
    assert most.low < ninety.low < ninety.high < most.high
    assert block_bootstrap(values, seed=7) == block_bootstrap(values, seed=7)
    assert block_bootstrap(values, seed=7) != block_bootstrap(values, seed=8)


def test_drawing_in_groups_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(5).normal(size=1000)
    whole = block_bootstrap(values, block=10, repeats=64)
    monkeypatch.setattr("recurra.judge.bootstrap._AT_ONCE", 500)
    assert block_bootstrap(values, block=10, repeats=64) == whole


def test_too_few_values_are_said_to_be() -> None:
    for values in ([3.0], [1.0, 2.0, 3.0], list(range(9))):
        interval = block_bootstrap(values)
        assert not interval.known
        assert interval.low == -math.inf
        assert interval.estimate == pytest.approx(sum(values) / len(values))
        assert interval.to_json()["low"] is None
    assert block_bootstrap(list(range(10))).known
    assert not block_bootstrap(np.arange(100.0), block=11).known


@pytest.mark.parametrize(
    ("n", "block"), [(1, 1), (9, 1), (10, 1), (150, 15), (2000, 200), (111_540, 200), (10**9, 1000)]
)
def test_the_default_block(n: int, block: int) -> None:
    assert default_block(n) == block


def test_what_cannot_be_drawn_from() -> None:
    for values in ([], [[1.0]], [1.0, math.nan], [math.inf] * 20):
        with pytest.raises(DataError):
            block_bootstrap(values)
    with pytest.raises(DataError, match="value 1 is nan"):
        block_bootstrap([1.0, math.nan])
    for block in (0, 21):
        with pytest.raises(OptionError):
            block_bootstrap(np.ones(20), block=block)
    with pytest.raises(OptionError):
        block_bootstrap(np.ones(20), repeats=0)
    for level in (0.0, 1.0, 95.0):
        with pytest.raises(OptionError):
            block_bootstrap(np.ones(20), level=level)


def test_a_test_part_takes_less_than_a_second() -> None:
    values = np.random.default_rng(0).normal(size=111_540)
    begin = time.process_time()
    block_bootstrap(values)
    assert time.process_time() - begin < 1


def test_an_interval_in_json() -> None:
    interval = Interval(0.1, 0.3, 0.2)
    assert interval.known
    assert interval.to_json() == {"low": 0.1, "high": 0.3, "estimate": 0.2, "level": 0.95}
