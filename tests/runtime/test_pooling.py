"""Pooling on arrays: as torch has it; whole rows = each alone = step by step, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bits import check_same
from recurra.core import pooling as core
from recurra.core.ragged import Ragged
from recurra.errors import OptionError
from recurra.runtime.pooling import KINDS, Pool
from recurra.runtime.ragged import SideBySide
from recurra.runtime.weights import Weights

JOINED = [*KINDS, "max+mean", "attention+last", "+".join(KINDS)]

some_lengths = st.lists(st.integers(0, 40), min_size=1, max_size=7)
seeds = st.integers(0, 99)


def trained(kinds: str, features: int, directions: int) -> core.Pool:
    """The pool in torch, which scores steps as differently as can be."""
    made = core.Pool(features, kinds.split("+"), directions=directions)
    if made.score is not None:
        with torch.no_grad():
            made.score.weight.copy_(torch.linspace(-2, 3, features)[None])
            made.score.bias.fill_(0.7)
    return made


def in_use(made: core.Pool) -> Pool:
    arrays = {name: each.numpy() for name, each in made.state_dict().items()}
    return Pool("+".join(made.kinds), made.features, made.directions, Weights(arrays))


def values_of(lengths: list[int], features: int, seed: int) -> Any:
    draw = np.random.default_rng(seed)
    return draw.normal(size=(sum(lengths), features)).astype(np.float32)


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("kinds", JOINED)
@settings(max_examples=20)
@given(some_lengths, seeds)
def test_it_is_the_pool_that_was_trained(
    kinds: str, directions: int, lengths: list[int], seed: int
) -> None:
    made, x = trained(kinds, 6, directions), values_of(lengths, 6, seed)
    pool, counts = in_use(made), np.array(lengths)
    found = pool.whole(np.split(x, directions, 1), counts)
    assert found.shape == (len(lengths), pool.size)
    with torch.no_grad():
        expected = made(Ragged(torch.from_numpy(x), torch.from_numpy(counts)))
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)
    for row, own in enumerate(np.split(x, np.cumsum(counts)[:-1])):
        alone = pool.whole(np.split(own, directions, 1), counts[row : row + 1])
        check_same(alone[0], found[row])


@pytest.mark.parametrize("kinds", JOINED)
@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(1, 4), seeds)
def test_step_by_step_is_the_row_so_far(kinds: str, steps: int, batch: int, seed: int) -> None:
    pool = in_use(trained(kinds, 6, 1))
    x = values_of([steps] * batch, 6, seed).reshape(batch, steps, 6)
    arrays = pool.begin(batch)
    assert set(arrays) == set(pool.names.values())
    for t in range(steps):
        step = np.ascontiguousarray(x[:, t])
        pool.add(step, arrays)
        found = pool.read(step, np.full((batch, 1), t + 1.0), arrays)
        so_far = np.ascontiguousarray(x[:, : t + 1]).reshape(-1, 6)
        check_same(found, pool.whole([so_far], np.full(batch, t + 1)))


@pytest.mark.parametrize("size", [1e3, -1e3])
def test_attention_does_not_overflow(size: float) -> None:
    made, lengths = trained("attention", 6, 1), [5, 3, 0, 1]
    x = np.float32(size) * values_of(lengths, 6, 0)
    with torch.no_grad():
        expected = made(Ragged(torch.from_numpy(x), torch.tensor(lengths)))
    np.testing.assert_allclose(in_use(made).whole([x], np.array(lengths)), expected, rtol=1e-5)


@pytest.mark.parametrize("kinds", ["", "median", "max+max", "max+"])
def test_bad_kinds_are_refused(kinds: str) -> None:
    with pytest.raises(OptionError, match="pooling") as caught:
        Pool(kinds, 4, 1, Weights({}))
    assert "last, mean, max, attention" in caught.value.expected


# -- rows side by side ----------------------------------------------------------------------------


@given(some_lengths)
def test_all_elements_are_gone_through_once_in_their_rows_order(lengths: list[int]) -> None:
    each, counts = SideBySide(np.array(lengths)), np.array(lengths)
    owner = np.repeat(np.arange(len(lengths)), counts)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    seen = []
    for t, at in enumerate(each):
        assert (owner[at] == each.order[: len(at)]).all()
        assert (place[at] == t).all()
        seen += at.tolist()
    assert sorted(seen) == list(range(len(owner)))
    np.testing.assert_array_equal(each.back(counts[each.order]), counts)
