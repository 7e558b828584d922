from __future__ import annotations

import math
import time

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import DataError, OptionError
from recurra.judge.bootstrap import (
    Interval,
    block_bootstrap,
    counts_bootstrap,
    default_block,
    paired_shares,
    share,
)


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


# -- shares and counts --------------------------------------------------------------------------


@given(st.integers(10, 500), st.data())
def test_wilsons_interval_is_where_its_test_turns(n: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, n))
    found = share(right, n)
    assert found.estimate == right / n
    for end in (found.low, found.high):
        if (
            0 < end < 1
        ):  # else it is the share itself: the score of the share, if the end were the truth
            score = abs(right / n - end) / math.sqrt(end * (1 - end) / n)
            assert score == pytest.approx(1.959964, rel=1e-4)
    assert 0 <= found.low <= found.estimate <= found.high <= 1


def test_a_share_of_all_is_not_certain() -> None:
    found = share(40, 40)
    assert found.high == 1
    assert found.low == pytest.approx(0.9124, abs=1e-4)
    assert not share(5, 5).known
    assert share(5, 5).estimate == 1
    for right, n in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(OptionError):
            share(right, n)
    with pytest.raises(OptionError):
        share(1, 2, level=2)


def ratio(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = sums[:, 0] / sums[:, 1]
    return found


def test_counts_of_one_each_give_the_bootstrap_of_the_mean() -> None:
    values = np.random.default_rng(0).normal(3, 2, 4000)
    counts = np.stack([values, np.ones(4000)], 1)
    found, mean = counts_bootstrap(counts, ratio), block_bootstrap(values, block=1)
    assert found.estimate == pytest.approx(mean.estimate)
    assert found.high - found.low == pytest.approx(mean.high - mean.low, rel=0.1)
    assert found.low == pytest.approx(mean.low, abs=0.01)


def test_a_figure_that_is_no_mean_has_its_own_spread() -> None:
    # The ratio of two sums, against its standard error by the delta method.
    generator = np.random.default_rng(1)
    below = generator.gamma(4, 1, 3000)
    above = 0.5 * below + generator.normal(0, 1, 3000)
    found = counts_bootstrap(np.stack([above, below], 1), ratio)
    rest = above - found.estimate * below
    half = 1.96 * rest.std() / below.mean() / math.sqrt(3000)
    assert found.estimate == pytest.approx(above.sum() / below.sum())
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.1)


def test_rows_that_occur_often_are_as_many_rows() -> None:
    counts, times = [[1.0, 1.0], [0.0, 1.0], [0.5, 2.0]], [300, 100, 50]
    short = counts_bootstrap(counts, ratio, times=times, repeats=4000)
    long = counts_bootstrap(np.repeat(counts, times, axis=0), ratio, repeats=4000)
    assert short.estimate == pytest.approx(long.estimate)
    assert short.low == pytest.approx(long.low, abs=0.006)
    assert short.high == pytest.approx(long.high, abs=0.006)


def test_drawing_counts_in_groups_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.random.default_rng(2).gamma(2, 1, (50, 2))
    whole = counts_bootstrap(counts, ratio, repeats=70)
    monkeypatch.setattr("recurra.judge.bootstrap._AT_ONCE", 1000)
    assert counts_bootstrap(counts, ratio, repeats=70) == whole
    assert counts_bootstrap(counts, ratio, repeats=70, seed=1) != whole


def test_counts_of_too_few_examples() -> None:
    found = counts_bootstrap(np.ones((9, 2)), ratio)
    assert not found.known
    assert found.estimate == 1
    assert not counts_bootstrap([[1.0, 1.0]], ratio, times=[9]).known
    assert counts_bootstrap([[1.0, 1.0]], ratio, times=[10]).known
    for counts, times in (([], None), ([1.0], None), ([[1.0, 1.0]], [0]), ([[1.0, 1.0]], [1, 2])):
        with pytest.raises(DataError):
            counts_bootstrap(counts, ratio, times=times)
    with pytest.raises(OptionError):
        counts_bootstrap([[1.0, 1.0]], ratio, repeats=0)
    with pytest.raises(OptionError):
        counts_bootstrap([[1.0, 1.0]], ratio, level=0)


def answers(more: int, less: int, n: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Right or not: `more` that the first alone has right, `less` that the second alone has."""
    both = np.arange(n) % 2 == 0
    first, second = both.copy(), both.copy()
    first[:more], second[:more] = True, False
    first[more : more + less], second[more : more + less] = False, True
    return first, second


@pytest.mark.parametrize(
    ("more", "less", "n"), [(6, 0, 40), (6, 0, 2000), (12, 3, 500), (60, 30, 400), (30, 14, 90)]
)
def test_what_mcnemar_finds_is_found(more: int, less: int, n: int) -> None:
    assert paired_shares(*answers(more, less, n)).low > 0
    turned = paired_shares(*answers(less, more, n))
    assert turned.high < 0
    assert turned.estimate == pytest.approx((less - more) / n)


@pytest.mark.parametrize(
    ("more", "less", "n"), [(0, 0, 40), (4, 0, 40), (5, 0, 2000), (12, 5, 500), (50, 40, 400)]
)
def test_what_mcnemar_does_not_find_is_not_found(more: int, less: int, n: int) -> None:
    found = paired_shares(*answers(more, less, n))
    assert found.low <= 0 < found.high
    assert found.estimate == pytest.approx((more - less) / n)


def test_many_disagreements_have_the_interval_of_their_mean() -> None:
    first, second = answers(700, 500, 5000)
    found = paired_shares(first, second)
    plain = block_bootstrap(first.astype(float) - second, block=1)
    assert found.low == pytest.approx(plain.low, abs=0.001)
    assert found.high == pytest.approx(plain.high, abs=0.001)
    assert not paired_shares([True] * 9, [False] * 9).known
    for one, other in (([], []), ([True], [True, False])):
        with pytest.raises(DataError):
            paired_shares(one, other)


def test_counts_in_blocks_are_means_in_blocks() -> None:
    values = moving_average(400, 20, seed=3)
    whole = block_bootstrap(values, block=20, seed=1)
    counted = counts_bootstrap(
        np.stack([values, np.ones(400)], 1), lambda sums: sums[:, 0] / sums[:, 1], block=20
    )
    assert counted.estimate == pytest.approx(whole.estimate)
    assert counted.low == pytest.approx(whole.low, abs=0.15 * (whole.high - whole.low))
    assert counted.high == pytest.approx(whole.high, abs=0.15 * (whole.high - whole.low))
    alone = counts_bootstrap(
        np.stack([values, np.ones(400)], 1), lambda sums: sums[:, 0] / sums[:, 1]
    )
    assert counted.high - counted.low > 2 * (alone.high - alone.low)


def test_every_draw_in_blocks_has_as_many_rows() -> None:
    sizes: list[npt.NDArray[np.float64]] = []

    def figure(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        sizes.append(sums[:, 0])
        return sums[:, 0]

    counts_bootstrap(np.ones((103, 1)), figure, block=7, repeats=50)
    assert (np.concatenate(sizes) == 103).all()
    assert not counts_bootstrap(np.ones((69, 1)), lambda sums: sums[:, 0], block=7).known
    with pytest.raises(OptionError, match="block = 0"):
        counts_bootstrap(np.ones((20, 1)), lambda sums: sums[:, 0], block=0)
