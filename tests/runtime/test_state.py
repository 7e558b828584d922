"""States as values: rows out of them, and side by side."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import OptionError
from recurra.runtime.state import State
from toy_runtime import normal


def state(batch: int, seed: int = 0) -> State:
    return State({"hidden.0": normal(seed, batch, 3), "kept": normal(seed + 1, batch, 2, 4)})


@given(st.integers(1, 6), st.lists(st.integers(0, 5), min_size=1, max_size=9))
def test_rows_are_selected_in_any_order_and_again(batch: int, rows: list[int]) -> None:
    whole, rows = state(batch), [row % batch for row in rows]
    some = whole.select(rows)
    assert some.batch == len(rows)
    for place, row in enumerate(rows):
        np.testing.assert_array_equal(some["hidden.0"][place], whole["hidden.0"][row])
        np.testing.assert_array_equal(some["kept"][place], whole["kept"][row])


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_concatenated_rows_are_selected_again(batches: list[int]) -> None:
    several = [state(batch, seed) for seed, batch in enumerate(batches)]
    whole = State.concatenate(several)
    assert whole.batch == sum(batches)
    start = 0
    for each in several:
        again = whole.select(range(start, start + each.batch))
        start += each.batch
        for name, array in each.arrays.items():
            np.testing.assert_array_equal(again[name], array)


def test_what_is_selected_is_its_own() -> None:
    whole = state(3)
    one = whole.select([1])
    before = one["hidden.0"].copy()
    np.asarray(whole["hidden.0"])[1] = 7
    np.testing.assert_array_equal(one["hidden.0"], before)


def test_rows_of_unequal_number_and_none_are_refused() -> None:
    with pytest.raises(OptionError, match=r"'a': \(2, 3\), 'b': \(3, 3\)"):
        State({"a": normal(0, 2, 3), "b": normal(0, 3, 3)})
    with pytest.raises(OptionError, match="a state of arrays"):
        State({})
