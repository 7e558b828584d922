from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.data.streams import Chunk, Cursor, Streams

SIZES = st.tuples(
    st.integers(2, 700), st.integers(1, 40), st.integers(2, 60), st.integers(0, 2**63 - 1)
)


def streams(n: int, batch: int, chunk: int, seed: int) -> Streams:
    # Each id is its place, so that what was read tells where.
    return Streams(np.arange(n, dtype=np.int32), batch=batch, bptt=chunk, seed=seed)


def walk(found: Streams, cursor: Cursor | None = None) -> Iterator[Chunk]:
    cursor = cursor or Cursor()
    while True:
        chunk = found.read(cursor)
        yield chunk
        cursor = chunk.following


def one_pass(found: Streams, epoch: int) -> list[Chunk]:
    chunks = []
    for chunk in walk(found, Cursor(epoch)):
        chunks.append(chunk)
        if chunk.following.epoch != epoch:
            return chunks
    raise AssertionError


@given(SIZES, st.lists(st.integers(0, 699), max_size=20))
def test_cuts_are_marked_where_they_are_read(sizes: tuple[int, ...], places: list[int]) -> None:
    n, batch, chunk, seed = sizes
    ids = np.arange(n, dtype=np.uint16)
    cuts = np.array(sorted({place for place in places if place < n}), np.int64)
    found = Streams(ids, batch=batch, bptt=chunk, seed=seed, cuts=cuts)
    plain = streams(n, batch, chunk, seed)
    for cut, whole in zip(one_pass(found, 0), one_pass(plain, 0), strict=True):
        assert cut.resets is not None
        assert whole.resets is None
        np.testing.assert_array_equal(cut.resets, np.isin(cut.inputs, cuts))
        np.testing.assert_array_equal(cut.inputs, whole.inputs)
        np.testing.assert_array_equal(cut.targets, whole.targets)


@given(SIZES)
def test_a_pass_reads_every_place_once(sizes: tuple[int, int, int, int]) -> None:
    n = sizes[0]
    found = streams(*sizes)
    for epoch in (0, 1):
        read = np.concatenate([chunk.inputs.ravel() for chunk in one_pass(found, epoch)])
        assert len(np.unique(read)) == len(read) == found.batch * found.length
        # What does not divide is left out, another place in each pass.
        assert n - len(read) <= found.batch


@given(SIZES)
def test_targets_are_one_ahead_and_rows_go_on(sizes: tuple[int, int, int, int]) -> None:
    n = sizes[0]
    found = streams(*sizes)
    chunks = one_pass(found, 0)
    for chunk in chunks:
        assert chunk.inputs.shape == chunk.targets.shape
        assert chunk.inputs.dtype == chunk.targets.dtype == np.int64
        np.testing.assert_array_equal(chunk.targets, (chunk.inputs + 1) % n)
        np.testing.assert_array_equal(chunk.inputs[:, 1:], chunk.targets[:, :-1])
    for before, after in pairwise(chunks):
        np.testing.assert_array_equal(after.inputs[:, 0], before.targets[:, -1])


@given(SIZES)
def test_state_is_dropped_where_a_pass_begins_and_nowhere_else(
    sizes: tuple[int, int, int, int],
) -> None:
    found = streams(*sizes)
    for epoch in (0, 3):
        fresh = [chunk.fresh for chunk in one_pass(found, epoch)]
        assert fresh == [True] + [False] * (len(fresh) - 1)


@given(SIZES)
def test_chunks_vary_around_their_mean(sizes: tuple[int, int, int, int]) -> None:
    found = streams(*sizes)
    steps = [chunk.inputs.shape[1] for epoch in range(3) for chunk in one_pass(found, epoch)]
    # No rest is left that would not be worth a step.
    assert min(steps) >= max(1, found.bptt // 4)
    assert max(steps) <= found.bptt * 1.5 + 1
    assert found.batch <= sizes[1]
    assert found.bptt <= sizes[2]


def test_chunks_of_a_long_text_have_the_length_asked_for() -> None:
    found = streams(200_000, 10, 100, 3)
    steps = [chunk.inputs.shape[1] for chunk in islice(walk(found), 180)]
    assert found.batch == 10
    assert found.bptt == 100
    assert abs(np.mean(steps) - 100) < 4
    assert len(set(steps)) > 30


def test_passes_begin_and_cut_elsewhere() -> None:
    found = streams(5000, 4, 50, 0)
    starts = {int(one_pass(found, epoch)[0].inputs[0, 0]) for epoch in range(6)}
    assert len(starts) == 6
    cuts = [tuple(chunk.inputs.shape[1] for chunk in one_pass(found, e)) for e in range(6)]
    assert len(set(cuts)) == 6


@given(SIZES, st.integers(0, 6), st.integers(0, 30))
def test_a_chunk_is_a_function_of_seed_and_cursor(
    sizes: tuple[int, int, int, int], epoch: int, skip: int
) -> None:
    # Another object, asked in another order, gives the same.
    first = next(islice(walk(streams(*sizes), Cursor(epoch)), skip, None))
    beside = streams(*sizes)
    one_pass(beside, epoch + 1)
    cursor = Cursor(epoch)
    for _ in range(skip):
        cursor = beside.read(cursor).following
    again = streams(*sizes).read(cursor)
    np.testing.assert_array_equal(first.inputs, again.inputs)
    np.testing.assert_array_equal(first.targets, again.targets)
    assert (first.fresh, first.following) == (again.fresh, again.following)


@pytest.mark.parametrize("seed", [1, 2, 2**32, 2**63 - 1])
def test_seeds_differ(seed: int) -> None:
    one, other = streams(5000, 4, 50, 0), streams(5000, 4, 50, seed)
    assert not np.array_equal(one.read(Cursor()).inputs[0, :9], other.read(Cursor()).inputs[0, :9])


def test_too_short_a_text_has_fewer_streams() -> None:
    assert streams(2, 64, 128, 0).batch == 1
    assert streams(2, 64, 128, 0).read(Cursor()).inputs.shape == (1, 1)
    short = streams(170, 64, 128, 0)
    assert 1 < short.batch < 64
    assert short.length >= 16
