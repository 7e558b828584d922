from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recurra.codecs.random_convolutions import KERNELS, MOST_STEPS, RandomConvolutions
from recurra.errors import BundleError

Values = NDArray[np.float32]


def some(count: int = 12, channels: int = 2, seed: int = 0) -> list[Values]:
    draw = np.random.default_rng(seed)
    lengths = draw.integers(5, 40, count)
    return [draw.normal(size=(n, channels)).astype(np.float32) for n in lengths]


def by_hand(kernels: RandomConvolutions, x: Values, place: int, kernel: int) -> NDArray[Any]:
    """The shares of one row by one kernel at one dilation, step by step."""
    steps, dilation = max(len(x), kernels.length), int(kernels.dilations[place])
    padded = np.zeros((steps, x.shape[1]))
    padded[: len(x)] = x
    taps = np.full(9, -1.0)
    taps[list(KERNELS[kernel])] = 2
    output = np.zeros(steps)
    for t in range(steps):
        for tap in range(9):
            at = t + (tap - 4) * dilation
            if 0 <= at < steps:
                output[t] += taps[tap] * padded[at] @ kernels.channels[place, kernel]
    if (place + kernel) % 2:
        output = output[4 * dilation : -4 * dilation]
    end = int(np.cumsum(kernels.many)[place])
    biases = kernels.biases[kernel, end - int(kernels.many[place]) : end]
    return np.array([(output > bias).mean() for bias in biases])


@pytest.mark.parametrize("channels", [1, 3])
def test_shares_are_those_of_the_convolutions(channels: int) -> None:
    sequences = some(channels=channels)
    kernels = RandomConvolutions.drawn(sequences, seed=1)
    longer = np.random.default_rng(2).normal(size=(55, channels)).astype(np.float32)
    for x in (sequences[0], sequences[3], longer):
        found = kernels.features([x])[0].reshape(len(KERNELS), -1)
        for place, kernel in ((0, 0), (0, 1), (len(kernels.dilations) - 1, 83)):
            end = int(np.cumsum(kernels.many)[place])
            own = found[kernel, end - int(kernels.many[place]) : end]
            # A share may be off by a step where an output is its bias but for rounding.
            off = np.abs(own - by_hand(kernels, x, place, kernel))
            assert off.max() <= 1.01 / max(kernels.length - 8 * kernels.dilations[place], 1)
            assert np.median(off) < 1e-6


def test_a_row_is_the_same_in_any_company() -> None:
    sequences = some(40)
    kernels = RandomConvolutions.drawn(sequences[:20], seed=0)
    whole = kernels.features(sequences)
    assert whole.shape == (40, kernels.biases.size)
    assert 9_900 < whole.shape[1] <= 10_000
    assert (whole >= 0).all()
    assert (whole <= 1).all()
    for row in (0, 7, 39):
        np.testing.assert_array_equal(kernels.features([sequences[row]])[0], whole[row])
    again = RandomConvolutions.from_arrays(RandomConvolutions.drawn(sequences[:20], 0).to_arrays())
    np.testing.assert_array_equal(again.features(sequences), whole)


def test_it_is_aeons_but_for_what_is_drawn() -> None:
    pytest.importorskip("numba")
    transformations = pytest.importorskip("aeon.transformations.collection.convolution_based")
    draw = np.random.default_rng(0)
    x = draw.normal(size=(30, 1, 50)).astype(np.float32)
    theirs = transformations.MiniRocket(random_state=0, n_jobs=1).fit(x)
    sequences = list(x.transpose(0, 2, 1))
    drawn = RandomConvolutions.drawn(sequences, seed=0)
    _, _, dilations, many, biases = map(np.asarray, theirs.parameters)
    np.testing.assert_array_equal(drawn.dilations, dilations)
    np.testing.assert_array_equal(drawn.many, many)
    # With aeon's biases, which it keeps dilation after dilation and kernel after kernel.
    pieces = np.split(biases, np.cumsum(np.repeat(many, len(KERNELS)))[:-1])
    table = [np.concatenate(pieces[kernel :: len(KERNELS)]) for kernel in range(len(KERNELS))]
    same = replace(drawn, biases=np.array(table, np.float32))
    found = same.features(sequences).reshape(30, len(KERNELS), -1)
    parts = np.split(found, np.cumsum(many)[:-1], 2)
    ours = np.concatenate([part.reshape(30, -1) for part in parts], 1)
    np.testing.assert_array_equal(ours, np.asarray(theirs.transform(x)))


def test_what_is_none_is_refused() -> None:
    whole = RandomConvolutions.drawn(some(), seed=0).to_arrays()
    for name, other in (
        ("length", np.array([MOST_STEPS + 1])),
        ("dilations", whole["dilations"] * 0),
        ("dilations", whole["dilations"] * 1000),
        ("many", whole["many"] + 1),
        ("biases", whole["biases"] * np.nan),
        ("biases", whole["biases"].astype(np.float64)),
        ("channels", whole["channels"][:, :, :0]),
    ):
        with pytest.raises(BundleError, match="convolutions"):
            RandomConvolutions.from_arrays(whole | {name: other})
