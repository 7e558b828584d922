from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.data.batches import Batches, Rows
from recurra.errors import BundleError

counts = st.integers(1, 400)
sizes = st.integers(1, 40)
seeds = st.integers(0, 99)


def batches(count: int, size: int, seed: int = 0) -> Batches:
    """Rows that are no counting numbers, of random lengths."""
    draw = np.random.default_rng(count)
    rows = draw.permutation(10 * count)[:count]
    return Batches(rows, draw.integers(1, 200, count), size=size, seed=seed)


def epoch(of: Batches, number: int) -> list[Rows]:
    return [of.read(number, k) for k in range(of.count)]


@given(counts, sizes, seeds, st.integers(0, 50))
def test_an_epoch_has_each_row_at_most_once(count: int, size: int, seed: int, number: int) -> None:
    made = batches(count, size, seed)
    found = epoch(made, number)
    assert {len(batch) for batch in found} == {min(size, count)}
    read = np.concatenate(found)
    assert len(set(read.tolist())) == len(read)
    assert set(read.tolist()) <= set(made.rows.tolist())
    # What is left out is less than a batch.
    assert 0 <= count - len(read) < min(size, count)


@given(counts, sizes, seeds)
def test_batches_follow_from_seed_and_epoch_alone(count: int, size: int, seed: int) -> None:
    one, other = batches(count, size, seed), batches(count, size, seed)
    forwards = [epoch(one, number) for number in range(4)]
    for number in (3, 1, 0, 2, 3):
        last_first = [other.read(number, k) for k in reversed(range(other.count))]
        for a, b in zip(forwards[number], reversed(last_first), strict=True):
            np.testing.assert_array_equal(a, b)


def test_seeds_and_epochs_give_other_batches() -> None:
    orders = {
        tuple(np.concatenate(epoch(batches(300, 8, seed), number)).tolist())
        for seed in range(3)
        for number in range(3)
    }
    assert len(orders) == 9


@pytest.mark.parametrize(("count", "size"), [(96, 8), (100, 8), (4096, 32)])
def test_all_rows_come_in_time_and_meet_others(count: int, size: int) -> None:
    made, seen = batches(count, size), set()
    partners: set[int] = set()
    for number in range(30):
        for batch in epoch(made, number):
            seen.update(batch.tolist())
            if made.rows[0] in batch:
                partners.update(batch.tolist())
    assert seen == set(made.rows.tolist())
    assert len(partners) > 4 * size


def test_lengths_within_a_batch_are_alike() -> None:
    made = batches(4096, 32)
    length = dict(zip(made.rows.tolist(), made.lengths.tolist(), strict=True))
    draw = np.random.default_rng(0)
    mine, random = [], []
    for number in range(3):
        for batch in epoch(made, number):
            own = [length[row] for row in batch.tolist()]
            assert own == sorted(own)
            mine.append(np.ptp(own))
            random.append(np.ptp(draw.choice(made.lengths, 32, replace=False)))
    assert np.mean(mine) < 0.15 * np.mean(random)


def test_lengths_come_in_no_order_of_batches() -> None:
    made = batches(4096, 32)
    length = dict(zip(made.rows.tolist(), made.lengths.tolist(), strict=True))
    means = [np.mean([length[row] for row in batch.tolist()]) for batch in epoch(made, 0)]
    # Neighbours differ as two batches picked at random do, and not as neighbours by length.
    draw = np.random.default_rng(0)
    apart = np.abs(np.diff(means)).mean()
    picked = np.abs(np.diff(draw.permutation(means))).mean()
    assert apart > 0.7 * picked


@pytest.mark.parametrize("count", [1, 2, 7])
def test_fewer_rows_than_a_batch_are_one_batch(count: int) -> None:
    made = batches(count, 8)
    assert made.count == 1
    assert sorted(made.read(5, 0).tolist()) == sorted(made.rows.tolist())


def test_a_batch_that_there_is_not_is_refused() -> None:
    batches = Batches(np.arange(10), np.ones(10, np.int64), size=4, seed=0)
    for number in (-1, batches.count, 10**6):
        with pytest.raises(BundleError, match="of a pass of 2"):
            batches.read(0, number)


@given(counts, sizes, seeds)
def test_rising_batches_begin_with_the_shortest_once(count: int, size: int, seed: int) -> None:
    lengths = np.random.default_rng(count).integers(1, 200, count)
    plain, rising = (
        Batches(np.arange(count), lengths, size=size, seed=seed, rising=each)
        for each in (False, True)
    )
    first = lengths[np.concatenate(epoch(rising, 0))]
    assert (np.diff(first) >= 0).all()
    for one, other in zip(epoch(plain, 1), epoch(rising, 1), strict=True):
        np.testing.assert_array_equal(one, other)
