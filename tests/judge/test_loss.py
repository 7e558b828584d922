from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.judge.loss import LossSum

PARTS = st.lists(st.lists(st.integers(0, 1000), max_size=5), max_size=6)


@given(PARTS)
def test_the_mean_is_that_of_everything_however_it_was_cut(parts: list[list[int]]) -> None:
    summed = sum((LossSum(float(sum(part)), len(part)) for part in parts), LossSum())
    everything = [value for part in parts for value in part]
    assert summed == LossSum(float(sum(everything)), len(everything))
    if everything:
        assert summed.mean == pytest.approx(sum(everything) / len(everything))
    else:
        assert math.isnan(summed.mean)
