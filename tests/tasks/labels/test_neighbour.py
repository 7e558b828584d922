from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.codecs.scaling import Standard
from recurra.tasks.labels import neighbour
from recurra.tasks.labels.neighbour import Euclidean, Values, Warped, resampled, warping

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=6)


def sequences(lengths: list[int], channels: int, seed: int) -> list[Values]:
    generator = np.random.default_rng(seed)
    return [generator.normal(size=(n, channels)).astype(np.float32) for n in lengths]


def by_hand(one: Values, other: Values) -> float:
    """Dynamic time warping as its recurrence is written."""
    table = np.full((len(one) + 1, len(other) + 1), np.inf)
    table[0, 0] = 0
    for i, x in enumerate(one, 1):
        for j, y in enumerate(other, 1):
            before = min(table[i - 1, j], table[i, j - 1], table[i - 1, j - 1])
            table[i, j] = ((x - y) ** 2).sum() + before
    return float(table[-1, -1])


@given(LENGTHS, st.integers(1, 9), st.integers(1, 3), st.integers(0, 20))
def test_warping_is_its_recurrence(
    lengths: list[int], steps: int, channels: int, seed: int
) -> None:
    known = sequences(lengths, channels, seed)
    (asked,) = sequences([steps], channels, seed + 1)
    expected = [by_hand(asked, each) for each in known]
    np.testing.assert_allclose(warping(asked, known), expected, rtol=1e-4, atol=1e-4)


@given(LENGTHS, LENGTHS, st.integers(0, 20))
def test_the_nearest_is_the_least_far(known: list[int], asked: list[int], seed: int) -> None:
    there, questions = sequences(known, 2, seed), sequences(asked, 2, seed + 1)
    found = Warped().nearest(questions, there)
    assert found.tolist() == [
        int(np.argmin([by_hand(each, other) for other in there])) for each in questions
    ]
    even = Euclidean(5).nearest(questions, there)
    assert even.tolist() == [
        int(np.argmin([((resampled(each, 5) - resampled(o, 5)) ** 2).sum() for o in there]))
        for each in questions
    ]


def test_known_sequences_in_pieces_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    there, asked = sequences([3, 8, 5, 9, 1, 4, 4], 2, 0), sequences([4, 6, 1], 2, 1)
    whole = Warped().nearest(asked, there)
    monkeypatch.setattr(neighbour, "_AT_ONCE", 100)
    assert Warped().nearest(asked, there).tolist() == whole.tolist()


def test_what_is_slower_is_as_near_once_warped() -> None:
    time = np.linspace(0, 6, 40, dtype=np.float32)[:, None]
    wave, slow = np.sin(time), np.sin(np.linspace(0, 6, 90, dtype=np.float32)[:, None])
    assert warping(wave, [slow, np.cos(time)])[0] < 0.1 < warping(wave, [np.cos(time)])[0]


def test_resampling_goes_on_straight_lines() -> None:
    ramp = np.array([[0, 10], [1, 20], [2, 30]], np.float32)
    np.testing.assert_allclose(resampled(ramp, 5)[:, 0], [0, 0.5, 1, 1.5, 2])
    np.testing.assert_allclose(resampled(ramp, 5)[:, 1], [10, 15, 20, 25, 30])
    np.testing.assert_allclose(resampled(ramp, 2), [[0, 10], [2, 30]])
    assert resampled(ramp, 3) is ramp
    np.testing.assert_allclose(resampled(ramp[:1], 3), np.tile(ramp[:1], (3, 1)))


def test_scaling_is_by_channel_and_over_all_steps() -> None:
    known = sequences([5, 1, 30], 3, 2)
    known = [each * np.array([1, 100, 0], np.float32) + 7 for each in known]
    scale = Standard.of(np.concatenate(known))
    together = np.concatenate([scale.scale(each) for each in known])
    np.testing.assert_allclose(together.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(together.std(0), [1, 1, 0], atol=1e-5)


def test_what_would_take_too_long_is_cut_or_left_out() -> None:
    short, long = np.full(200, 10), np.full(5000, 10)
    assert Euclidean(10).affordable(short, short, 1.0) == 200
    assert Euclidean(10).affordable(long, long, 1.0) == 5000
    assert 100 <= Euclidean(10).affordable(long, long, 0.1) < 5000
    assert Euclidean(10).affordable(long, long, 1e-4) == 0
    assert Warped().affordable(short, short, 1.0) == 200
    assert Warped().affordable(long, long, 1.0) == 0
    assert Warped().affordable(short * 100, short, 1.0) == 0
