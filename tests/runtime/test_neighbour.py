from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.codecs.scaling import Standard
from recurra.runtime import neighbour
from recurra.runtime.neighbour import (
    Euclidean,
    Values,
    Warped,
    distances,
    resampled,
    warping,
)
from recurra.tasks.labels.baselines import label_baselines
from recurra.tasks.labels.data import from_python

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


def test_the_time_it_takes_follows_from_the_lengths() -> None:
    short, long = np.full(200, 10), np.full(5000, 10)
    assert Euclidean(10).seconds(short, short) < 0.01 < 0.5 < Euclidean(10).seconds(long, long)
    assert Warped().seconds(short, short) < 1 < Warped().seconds(long, long)
    assert Warped().seconds(short * 100, short) == 100 * Warped().seconds(short, short)


def test_longer_ones_are_resampled_only_where_there_is_no_time() -> None:
    for longest, lengths in ((100, [100]), (256, [256]), (1000, [1000, 256])):
        euclidean, warped = distances(longest)
        assert [each.length for each in euclidean] == lengths  # type: ignore[attr-defined]
        assert len({each.name for each in (*euclidean, *warped)}) == len(lengths) + 1


def test_neighbours_are_all_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(11)
    values = generator.normal(size=(600, 4, 1)) + np.arange(600)[:, None, None] % 2
    data = from_python(list(values), [str(n % 2) for n in range(600)])
    asked: list[tuple[int, int]] = []
    real = neighbour.Euclidean.nearest

    def nearest(self: Any, questions: Any, known: Any) -> Any:
        asked.append((len(questions), len(known)))
        return real(self, questions, known)

    monkeypatch.setattr(neighbour.Euclidean, "nearest", nearest)
    found = label_baselines(data, seconds=0.1)
    assert asked[-1] == (60, 540)
    assert "given all 540 examples" in found.baselines[0].note
    assert [each.name for each in found.left_out] == [
        "MiniRocket",
        "1-nearest neighbour by dynamic time warping",
    ]
    found = label_baselines(data, seconds=0.001)
    assert [each.name for each in found.baselines] == ["majority class"]
    assert len(found.left_out) == 3


def test_long_sequences_are_compared_whole_or_the_name_says_how() -> None:
    draw = np.random.default_rng(11)
    # What tells the classes apart is gone once a step in ten is looked at.
    time = np.arange(3000)
    values = [
        (np.where(time % 10 == 3 * (n % 2) + 2, 1, 0) + draw.normal(0, 0.01, 3000))[:, None]
        for n in range(40)
    ]
    data = from_python(values, [str(n % 2) for n in range(40)])
    whole = label_baselines(data, seconds=10.0).baselines[-2]
    assert whole.name == "1-nearest neighbour by Euclidean distance"
    assert (whole.predicted == data.targets(data.test)).all()
    cut = label_baselines(data, seconds=0.01).baselines[0]
    assert cut.name == "1-nearest neighbour by Euclidean distance at 256 steps"
