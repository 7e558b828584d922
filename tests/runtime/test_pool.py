"""A pool of streams: rows by number, each what it would be alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import BundleError, OptionError
from recurra.runtime.pool import Pool
from recurra.runtime.state import State
from recurra.runtime.streams import StreamState
from recurra.tasks.text.stream import TextPooled
from toy_runtime import Array, same, same_state
from toy_stream import KNOWN, NETWORK, stream

V = len(KNOWN)


def pool(count: int = 0) -> Pool[Any, Array]:
    found = Pool(TextPooled(NETWORK), "one")
    if count:
        found.open(count)
    return found


def alone(ids: list[int]) -> tuple[list[Array], State]:
    """What a stream of these ids gives by itself, and where it stands."""
    state, found = NETWORK.begin(), []
    for each in ids:
        scores, state = NETWORK.step(np.array([each]), state)
        found.append(scores[0])
    return found, state


@given(st.integers(0, 999))
def test_whatever_is_opened_stepped_and_closed_each_stream_is_as_alone(seed: int) -> None:
    draw, live = np.random.default_rng(seed), pool()
    read: dict[int, list[int]] = {}
    said: dict[int, list[Array]] = {}
    for _ in range(25):
        match draw.integers(0, 4):
            case 0:
                for row in live.open(int(draw.integers(1, 9))).tolist():
                    assert row not in read
                    read[row], said[row] = [], []
            case 1 if read:
                closed = draw.permutation(list(read))[: draw.integers(0, len(read) + 1)]
                live.close(closed)
                for row in closed.tolist():
                    del read[row], said[row]
            case _ if read:
                rows = draw.permutation(list(read))[: draw.integers(0, len(read) + 1)]
                ids = draw.integers(0, V, len(rows))
                found = live.push(rows, ids)
                assert found.shape == (len(rows), V)
                for row, each, scores in zip(rows.tolist(), ids.tolist(), found, strict=True):
                    read[row].append(each)
                    said[row].append(scores)
        assert len(live) == len(read)
    for row, taken in read.items():
        scores, last = alone(taken)
        if taken:
            same(np.stack(said[row]), np.stack(scores))
        state = live.state(row)
        same_state(state.state, last)
        assert (state.steps, state.model) == (len(taken), "one")


def test_it_grows_and_gives_rows_again() -> None:
    live = pool()
    first = live.open(3)
    live.push(first, [1, 2, 3])
    before = [live.state(row) for row in first.tolist()]
    more = live.open(5_000)
    assert len({*first.tolist(), *more.tolist()}) == len(live) == 5_003
    for row, state in zip(first.tolist(), before, strict=True):
        same_state(live.state(row).state, state.state)
    live.close(more)
    assert len(live) == 3
    again = live.open(4_000)
    assert set(again.tolist()) <= set(more.tolist())
    # Whoever had the row before left nothing there.
    live.push(again[:1], [4])
    live.close(again[:1])
    (row,) = live.open().tolist()
    assert row == again[0]
    same_state(live.state(row).state, NETWORK.begin())
    assert live.state(row).steps == 0


def test_none_is_a_step_of_none() -> None:
    live = pool(3)
    assert live.push([], np.zeros(0, np.int64)).shape == (0, V)
    live.close([])
    assert len(live) == 3


def test_states_come_out_and_go_in() -> None:
    live, single = pool(4), stream(first=None)
    single.push("bad")
    live.push([2], [1])
    live.put(2, single.state)
    assert live.state(2).steps == 3
    ids = KNOWN.encode("face")
    for each, letter in zip(ids.tolist(), "face", strict=True):
        live.push([2, 0], [each, 5])
        single.push(letter)
    same_state(live.state(2).state, single.state.state)
    # Out of the pool, through bytes, and on by itself.
    other = stream(StreamState.from_bytes(live.state(2).to_bytes()), first=None)
    same(other.push("h").log_probabilities, single.push("h").log_probabilities)
    # What was taken out is a value.
    state = live.state(0)
    kept = {name: array.copy() for name, array in state.state.arrays.items()}
    live.push([0], [3])
    for name, array in kept.items():
        np.testing.assert_array_equal(state.state[name], array)


@pytest.mark.parametrize(
    ("rows", "summary"),
    [
        ([0, 0], "a row twice"),
        ([5], "row 5: no open stream"),
        ([-1], "row -1: no open stream"),
        ([99], "row 99: no open stream"),
        ([0, 5], "row 5: no open stream"),
        ([0.0], "rows: float64"),
        ([[0]], "rows: int64 (1, 1)"),
        (["0"], "rows: "),
        ([True], "rows: bool"),
    ],
)
def test_rows_that_are_none_are_refused_and_nothing_moves(rows: list[Any], summary: str) -> None:
    live = pool(6)
    live.push(range(6), range(6))
    live.close([5])
    before = [live.state(row) for row in range(5)]
    uses: list[Callable[[], Any]] = [
        lambda: live.push(rows, np.ones(len(rows), np.int64)),
        lambda: live.close(rows),
    ]
    if len(rows) == 1 and rows != [[0]]:
        uses += [lambda: live.state(rows[0]), lambda: live.put(rows[0], before[0])]
    for use in uses:
        with pytest.raises(OptionError) as caught:
            use()
        assert summary in caught.value.got
    assert len(live) == 5
    for row, state in enumerate(before):
        same_state(live.state(row).state, state.state)
        assert live.state(row).steps == state.steps


@pytest.mark.parametrize("ids", [[V, 1], [1, -1], [1.5, 1], [1], [1, 2, 3], [[1], [2]]])
def test_ids_that_do_not_fit_are_refused_and_nothing_moves(ids: list[Any]) -> None:
    live = pool(3)
    live.push([0, 1], [1, 2])
    before = [live.state(row) for row in (0, 1)]
    with pytest.raises(OptionError):
        live.push([0, 1], np.array(ids))
    for row, state in enumerate(before):
        same_state(live.state(row).state, state.state)
        assert live.state(row).steps == 1


def test_states_of_others_are_refused_and_nothing_moves() -> None:
    live, single = pool(2), stream()
    state = single.state
    two = State.concatenate([state.state, state.state])
    half = State({k: v[:, :3] for k, v in state.state.arrays.items()})
    double = State({k: v.astype(np.float64) for k, v in state.state.arrays.items()})
    for wrong, summary in (
        (stream(model="other").state, "of the run other"),
        (StreamState(state.state), "of no name"),
        *((replace(state, state=each), "of other arrays") for each in (two, half, double)),
    ):
        with pytest.raises(BundleError, match=summary):
            live.put(1, wrong)
        same_state(live.state(1).state, NETWORK.begin())
    for count in (0, -1):
        with pytest.raises(OptionError, match=f"count = {count}"):
            live.open(count)
