"""The text network in use: what torch says, to the last bit the same in every way of reading."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recurra.codecs.tokenizer import UNKNOWN
from recurra.errors import OptionError
from recurra.networks.text import TextNetwork, stream_nats
from recurra.runtime.layers import CELLS, log_softmax
from recurra.runtime.state import State
from recurra.runtime.text import TABLE
from recurra.runtime.text import TextNetwork as InUse
from toy_runtime import Array, begun, network, same, same_state

V = 11
LARGE = TABLE + 9
"""So many symbols are looked up as vectors, not as what the first layer makes of them."""

kinds = st.tuples(st.sampled_from(CELLS), st.sampled_from([V, LARGE]), st.sampled_from([1, 3]))


def drawn(batch: int, steps: int, seed: int = 0, symbols: int = V) -> NDArray[np.int64]:
    """Other ids in each row, the unknown one among them."""
    found = np.random.default_rng([seed, batch, steps]).integers(0, symbols, (batch, steps))
    found[0, 0] = UNKNOWN
    return found


def scores_of(net: InUse, ids: NDArray[np.int64], state: State | None) -> tuple[Array, State]:
    hidden, after = net.read(ids, state)
    flat = net.scores([each.reshape(-1, each.shape[-1]) for each in hidden])
    return flat.reshape(*ids.shape, -1), after


def torch_scores(net: TextNetwork, ids: NDArray[np.int64]) -> Array:
    with torch.no_grad():
        logits, _ = net(torch.from_numpy(ids))
    found: Array = logits.numpy()
    return found


# -- what torch says ------------------------------------------------------------------------------


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("symbols", [V, LARGE])
@pytest.mark.parametrize("cell", CELLS)
def test_it_says_what_torch_says(cell: str, symbols: int, members: int) -> None:
    net, ids = network(cell, symbols, members), drawn(4, 12, symbols=symbols)
    in_use, wanted = net.in_use(), torch_scores(net, ids)
    assert (in_use.members[0].projected is None) == (symbols > TABLE)
    found, _ = scores_of(in_use, ids, None)
    assert (found[..., UNKNOWN] == -np.inf).all()
    np.testing.assert_allclose(log_softmax(found), log_softmax(wanted), rtol=1e-5, atol=1e-5)
    state = in_use.begin(4)
    for step in range(12):
        stepped, state = in_use.step(ids[:, step], state)
        np.testing.assert_allclose(stepped[:, 1:], wanted[:, step, 1:], rtol=1e-5, atol=1e-5)
    assert in_use.size == sum(weight.numel() for weight in net.parameters())


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_what_tokens_cost_is_what_they_cost_in_torch(cell: str, members: int) -> None:
    net, ids = network(cell, members=members), drawn(3, 40)
    resets = np.random.default_rng(0).random((3, 39)) < 0.1
    ids[1, 5] = ids[2, 39] = UNKNOWN
    wanted = stream_nats(
        net,
        torch.from_numpy(ids[:, :-1]),
        torch.from_numpy(ids[:, 1:]),
        0.01,
        resets=torch.from_numpy(resets),
    )
    found, _ = net.in_use().token_nll(ids[:, :-1], ids[:, 1:], 0.01, resets=resets)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[ids[:, 1:] == UNKNOWN], -math.log(0.01))
    never, _ = net.in_use().token_nll(ids[:, :-1], ids[:, 1:], 0.0, resets=resets)
    assert (np.isinf(never) == (ids[:, 1:] == UNKNOWN)).all()


@pytest.mark.parametrize("members", [1, 3])
def test_chances_are_a_distribution_and_the_mean_of_the_members(members: int) -> None:
    net, ids = network(members=members), drawn(1, 9)
    found, _ = scores_of(net.in_use(), ids, None)
    chances = np.exp(log_softmax(found))
    np.testing.assert_allclose(chances.sum(-1), 1)
    # What a token costs is that of its chance.
    every = np.tile(ids, (V - 1, 1))
    nats, _ = net.in_use().token_nll(every[:, :1], np.arange(1, V)[:, None], 0.2)
    np.testing.assert_allclose(np.exp(-nats[:, 0]).sum(), 0.8, rtol=1e-6)
    np.testing.assert_allclose(np.exp(-nats[:, 0]), 0.8 * chances[0, 0, 1:], rtol=1e-5)
    alone = []
    for member in net.members:
        single = network()
        own = {k: w for k, w in member.state_dict().items() if not k.startswith("others")}
        single.load_state_dict(own)
        alone.append(np.exp(log_softmax(scores_of(single.in_use(), ids, None)[0])))
    np.testing.assert_allclose(chances, np.mean(alone, 0), rtol=1e-5)
    assert members == 1 or not np.allclose(alone[0], alone[1], atol=1e-3)


def test_the_unknown_is_read_as_nothing() -> None:
    net = network()
    with torch.no_grad():
        hidden, _ = net.recurrent(torch.zeros(1, 3, 6))
    found, _ = net.in_use().read(np.full((1, 3), UNKNOWN))
    np.testing.assert_allclose(found[0], hidden.numpy(), atol=1e-6)


# -- one way of reading is another ----------------------------------------------------------------


@settings(max_examples=20)
@given(kinds, st.lists(st.integers(1, 5), min_size=1, max_size=5), st.integers(0, 99))
def test_step_by_step_is_in_chunks_is_the_whole(
    kind: tuple[str, int, int], cuts: list[int], seed: int
) -> None:
    net = network(*kind, seed=seed).in_use()
    ids = drawn(3, sum(cuts), seed, kind[1])
    start = begun(net.begin(3).arrays, seed)
    whole, last = scores_of(net, ids, start)
    state, chunks = start, []
    for first, stop in pairwise(np.cumsum([0, *cuts]).tolist()):
        scores, state = scores_of(net, ids[:, first:stop], state)
        chunks.append(scores)
    same(np.concatenate(chunks, 1), whole)
    same_state(state, last)
    state, steps = start, []
    for token in ids.T:
        scores, state = net.step(token, state)
        same(net.look(state), scores)
        steps.append(scores)
    same(np.stack(steps, 1), whole)
    same_state(state, last)


@settings(max_examples=20)
@given(kinds, st.permutations(range(5)), st.integers(0, 99))
def test_a_row_is_the_same_in_any_company(
    kind: tuple[str, int, int], order: list[int], seed: int
) -> None:
    net = network(*kind, seed=seed).in_use()
    ids, start = drawn(5, 7, seed, kind[1]), begun(net.begin(5).arrays, seed)
    together, last = scores_of(net, ids, start)
    turned, after = scores_of(net, ids[order], start.select(order))
    same(turned, together[order])
    same_state(after, last.select(order))
    for row in range(5):
        alone, own = scores_of(net, ids[row : row + 1], start.select([row]))
        same(alone, together[row : row + 1])
        same_state(own, last.select([row]))
        stepped, _ = net.step(ids[row : row + 1, 0], start.select([row]))
        same(stepped, together[row : row + 1, 0])


@settings(max_examples=20)
@given(kinds, st.integers(0, 99), st.lists(st.integers(0, 9), min_size=4, max_size=4))
def test_rows_of_a_pool_are_the_same_as_alone(
    kind: tuple[str, int, int], seed: int, lengths: list[int]
) -> None:
    """Streams that end at different steps, at places in any order, among others that stand."""
    net = network(*kind, seed=seed).in_use()
    ids = drawn(4, 9, seed, kind[1])
    pool = begun(net.begin(9).arrays, seed)
    arrays = {name: array.copy() for name, array in pool.arrays.items()}
    places = np.random.default_rng(seed).permutation(9)[:4]
    found: list[list[Array]] = [[], [], [], []]
    for step in range(max(lengths)):
        live = [row for row in range(4) if step < lengths[row]]
        rows = np.ascontiguousarray(places[live])
        for row, scores in zip(live, net.advance(ids[live, step], arrays, rows), strict=True):
            found[row].append(scores)
    for row, steps in enumerate(lengths):
        start = pool.select([places[row]])
        if steps:
            alone, last = scores_of(net, ids[row : row + 1, :steps], start)
            same(np.stack(found[row]), alone[0])
            start = last
        same_state(State(arrays).select([places[row]]), start)
    for name, array in arrays.items():
        others = np.setdiff1d(np.arange(9), places)
        np.testing.assert_array_equal(array[others], pool[name][others])


@pytest.mark.parametrize("members", [1, 2])
def test_how_much_is_read_at_a_time_changes_no_cost(
    members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, ids = network(members=members).in_use(), drawn(3, 50)
    start, resets = begun(net.begin(3).arrays), np.zeros((3, 49), np.bool_)
    resets[1, [7, 20]] = True
    how: dict[str, Any] = {"state": start, "resets": resets}
    whole, last = net.token_nll(ids[:, :-1], ids[:, 1:], 0.01, **how)
    for values in (1, 5 * 3 * 9, 7 * 3 * 9):
        monkeypatch.setattr("recurra.runtime.text._VALUES", values)
        found, after = net.token_nll(ids[:, :-1], ids[:, 1:], 0.01, **how)
        same(found, whole)
        same_state(after, last)
    # A reset is where it begins again.
    fresh, _ = net.token_nll(ids[1:2, 20:-1], ids[1:2, 21:], 0.01)
    same(whole[1:2, 20:], fresh)
    none, state = net.token_nll(ids[:, :0], ids[:, :0], 0.01, state=start)
    assert none.shape == (3, 0)
    same_state(state, start)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(threads: int) -> None:
    net, ids = network(hidden=40, members=2), drawn(9, 30)
    arrays = {name: each.numpy() for name, each in net.state_dict().items()}
    one, many = (InUse(net.architecture, arrays, threads=n) for n in (1, threads))
    same(scores_of(many, ids, None)[0], scores_of(one, ids, None)[0])
    same(many.step(ids[:, 0], many.begin(9))[0], one.step(ids[:, 0], one.begin(9))[0])


@pytest.mark.parametrize("cell", CELLS)
def test_narrow_weights_are_rounded_ones_and_keep_the_laws(cell: str) -> None:
    net, ids = network(cell, hidden=33), drawn(3, 9)
    arrays = {name: each.numpy() for name, each in net.state_dict().items()}
    narrow = InUse(net.architecture, arrays, weights="bfloat16")
    found, last = scores_of(narrow, ids, None)
    # Products' matrices are rounded once; biases, vectors of tokens and arithmetic are not.
    rounded = {
        name: torch.from_numpy(each).bfloat16().float().numpy() if ".weight" in name else each
        for name, each in arrays.items()
    } | {"embedding.weight": arrays["embedding.weight"]}
    wanted, _ = scores_of(InUse(net.architecture, rounded), ids, None)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
    assert not np.allclose(found, scores_of(net.in_use(), ids, None)[0], rtol=1e-4, atol=1e-4)
    state = narrow.begin(3)
    for step in range(9):
        scores, state = narrow.step(ids[:, step], state)
        same(scores, found[:, step])
    same_state(state, last)


def test_every_layer_of_the_first_member_can_be_kept() -> None:
    net, ids = network(members=2, layers=3), drawn(2, 5)
    every: list[Array] = []
    hidden, _ = net.in_use().read(ids, every=every)
    assert len(every) == 3
    np.testing.assert_array_equal(every[-1], hidden[0])


@pytest.mark.parametrize("ids", [[V], [-1], [1.5], [[1]], [1, 2]])
def test_ids_that_are_none_are_refused_and_change_nothing(ids: list[Any]) -> None:
    net = network(members=2).in_use()
    state = begun(net.begin(1).arrays)
    arrays = {name: array.copy() for name, array in state.arrays.items()}
    for use in (
        lambda: net.step(np.array(ids), state),
        lambda: net.advance(np.array(ids), arrays, np.zeros(1, np.int64)),
    ):
        with pytest.raises(OptionError):
            use()
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, state[name])


def test_the_weights_are_those_at_the_time() -> None:
    net = network()
    before, ids = net.in_use(), drawn(1, 4)
    first, _ = scores_of(before, ids, None)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.1)
    same(scores_of(before, ids, None)[0], first)
    assert not np.array_equal(scores_of(net.in_use(), ids, None)[0], first)
    net.train()
    np.testing.assert_array_equal(
        scores_of(net.in_use(), ids, None)[0], scores_of(net.eval().in_use(), ids, None)[0]
    )
