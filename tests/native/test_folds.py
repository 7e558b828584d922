"""Rows made one: each row's own order, to the last bit, with the kernels and without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra import native
from recurra.errors import OptionError
from recurra.native import folds

some_lengths = st.lists(st.integers(0, 40), min_size=1, max_size=7)
seeds = st.integers(0, 99)


@pytest.fixture(params=[True, False], ids=["kernels", "NumPy"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "compiled", request.param and native.compiled)


def values_of(count: int, features: int, seed: int) -> Any:
    return 10 * np.random.default_rng(seed).normal(size=(count, features)).astype(np.float32)


@pytest.mark.usefixtures("engine")
@settings(max_examples=30)
@given(some_lengths, st.integers(1, 40), seeds, st.integers(1, 3))
def test_a_row_is_what_one_element_after_the_other_gives(
    lengths: list[int], features: int, seed: int, threads: int
) -> None:
    counts = np.array(lengths)
    x = values_of(sum(lengths), features, seed)
    totals = folds.sums(x, counts, threads=threads)
    tops = folds.greatest(x, counts, threads=threads)
    for total, top, own in zip(totals, tops, np.split(x, np.cumsum(counts)[:-1]), strict=True):
        expected = np.zeros(features, np.float32)
        for each in own:
            expected = expected + each
        np.testing.assert_array_equal(total, expected)
        np.testing.assert_array_equal(top, own.max(0, initial=-np.inf))
    # Out of a table, and of some columns of a wider one.
    order = np.random.default_rng(seed).permutation(len(x))
    back = np.argsort(order)
    np.testing.assert_array_equal(folds.sums(x[back], counts, ids=order), totals)
    wide = np.concatenate([x[back], x, x[back]], 1)
    some = wide[:, 2 * features :]
    np.testing.assert_array_equal(folds.greatest(some, counts, ids=order), tops)


@pytest.mark.usefixtures("engine")
def test_many_rows_are_the_same_with_several_threads() -> None:
    lengths = np.random.default_rng(1).integers(0, 60, 3000)
    table = values_of(500, 64, 2)
    ids = np.random.default_rng(3).integers(0, 500, int(lengths.sum()))
    one = folds.sums(table, lengths, ids=ids)
    np.testing.assert_array_equal(folds.sums(table, lengths, ids=ids, threads=4), one)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"values": np.zeros((5, 2))}, "values: float64"),
        ({"values": np.zeros((5, 4), np.float32)[:, ::2]}, "values"),
        ({"lengths": np.array([2, 2])}, "4 elements"),
        ({"lengths": np.array([6, -1])}, "5 elements"),
        ({"lengths": np.array([2.0, 3.0])}, "lengths: float64"),
        ({"ids": np.array([0, 1, 2, 3, 5])}, "ids from 0 to 5"),
        ({"ids": np.array([0, 1, 2, 3, -1])}, "ids from -1"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], named: str) -> None:
    fits = {"values": np.zeros((5, 2), np.float32), "lengths": np.array([2, 3])}
    with pytest.raises(OptionError, match=named):
        folds.sums(**(fits | change))
