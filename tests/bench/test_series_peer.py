"""The peer of lab stock learns the same."""

from __future__ import annotations

from benchmarks.series_peer import Seconds, stock_seconds


def test_both_trainings_end_with_the_same_network() -> None:
    found = stock_seconds(repeats=2, steps=40)
    assert len(found.ours) == len(found.peer) == 2
    assert min(found.ours + found.peer) > 0
    assert found.apart < 1e-3


def test_the_ratio_is_that_of_the_fastest() -> None:
    assert Seconds((2.0, 1.0), (9.0, 8.0), 0.0).ratio == 8
