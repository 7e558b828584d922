"""The labels network in use: as torch has it; rows alone, in company, and as streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bits import check_same
from recurra.codecs.sequence_encoder import Batch, Inputs
from recurra.errors import BundleError, OptionError
from recurra.networks import labels as networks
from recurra.networks.label_batch import TensorBatch
from recurra.runtime.labels import LabelNetwork
from recurra.runtime.pooling import KINDS as POOLING_KINDS
from recurra.runtime.state import Array
from recurra.training.loop import seeded
from toy_labels import KINDS, dataset, label_data, network

CELLS = ["rnn", "gru", "lstm"]
POOLINGS = ["last", "mean", "max", "attention", "max+mean", "attention+last"]

chosen_rows = st.lists(st.integers(0, 199), min_size=1, max_size=12)


def told_apart(net: networks.LabelNetwork) -> networks.LabelNetwork:
    """The network with weights in what begins as zeros: chains, what features say directly."""
    with torch.no_grad(), seeded(0, 1):
        for m in range(len(net.members)):
            member = net.member(m)
            if member.chain is not None:
                for each in member.chain.parameters():
                    each.normal_()
            if member.direct is not None:
                member.direct.weight.normal_()
    return net.eval()


def by_row(kind: str, rows: list[int], scores: Array) -> list[Array]:
    """Scores of each row: (K,), or where steps are tagged (T, K)."""
    if kind != "tags":
        return list(scores)
    return np.split(scores, np.cumsum(dataset(kind).inputs.lengths[rows])[:-1])


# -- as it was trained ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("both", [False, True])
def test_it_says_what_the_trained_network_says(kind: str, cell: str, both: bool) -> None:
    direct = 3.0 if kind in ("text", "tokens") else 0.0
    sizes: dict[str, Any] = {"cell": cell, "bidirectional": both, "layers": 2, "members": 3}
    net = told_apart(network(kind, pooling="+".join(POOLING_KINDS), direct=direct, **sizes))
    inputs, rows, in_use = dataset(kind).inputs, np.arange(40), net.in_use()
    for distinct in (False, True):
        batch = inputs.batch(rows, distinct=distinct)
        with torch.no_grad():
            tensors = TensorBatch.of(inputs, rows, distinct=distinct)
            expected = net(tensors).numpy()
            third = net.member(2)(tensors).numpy()
        np.testing.assert_allclose(in_use.scores(batch), expected, atol=1e-5, rtol=1e-5)
        np.testing.assert_allclose(in_use.scores(batch, 2), third, atol=1e-5, rtol=1e-5)


def test_units_without_features_and_features_that_are_none() -> None:
    """As torch's EmbeddingBag with a padding id: 0 counts in no mean, no features make zeros."""
    net = told_apart(network("text", direct=3.0, members=2))
    with torch.no_grad():
        for m in range(2):
            embedding = net.member(m).embedding
            assert embedding is not None
            embedding.weight[0] = 7.0  # not to be read
    ids = np.array([2, 5, 5, 7, 0, 3, 0, 0], np.int64)
    counts, lengths = np.array([3, 0, 1, 2, 0, 1, 1], np.int64), np.array([2, 1, 3, 1], np.int64)
    batch = Batch(lengths, ids, counts)
    tensors = TensorBatch(*map(torch.from_numpy, (lengths, ids, counts)))
    with torch.no_grad():
        expected = net(tensors).numpy()
    in_use = net.in_use()
    np.testing.assert_allclose(in_use.scores(batch), expected, atol=1e-5)
    empty = Batch(np.array([1]), np.empty(0, np.int64), np.array([0]))
    assert np.isfinite(in_use.scores(empty)).all()


def test_weights_in_bfloat16_say_nearly_the_same() -> None:
    net = told_apart(network("text", members=2))
    arrays = {name: each.numpy() for name, each in net.state_dict().items()}
    batch = dataset("text").inputs.batch(np.arange(9), distinct=True)
    half = LabelNetwork(net.architecture, arrays, weights="bfloat16")
    found, whole = half.scores(batch), net.in_use().scores(batch)
    assert 0 < abs(found - whole).max() < 0.05
    assert half.size == net.in_use().size == sum(each.size for each in arrays.values())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"members.0.head.bias": np.full(2, np.nan, np.float32)}, "NaN or infinite"),
        ({"members.0.head.bias": np.zeros(3, np.float32)}, "head.bias"),
        ({"members.0.embedding.weight": None}, "no weights members.0.embedding.weight"),
        ({"members.1.head.bias": np.zeros(2, np.float32)}, "belong nowhere"),
    ],
)
def test_weights_that_do_not_fit_are_refused(change: dict[str, Any], named: str) -> None:
    net = network("text")
    arrays: dict[str, Any] = {name: each.numpy() for name, each in net.state_dict().items()}
    arrays = {name: each for name, each in (arrays | change).items() if each is not None}
    with pytest.raises(BundleError, match=named):
        LabelNetwork(net.architecture, arrays)


# -- a row is what it is, in any company -----------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cell", CELLS)
@settings(max_examples=6)
@given(chosen_rows, st.integers(1, 2), st.sampled_from(POOLINGS), st.booleans())
def test_a_row_is_the_same_alone_and_among_strangers(
    kind: str, cell: str, chosen: list[int], threads: int, pooling: str, both: bool
) -> None:
    direct = 3.0 if kind == "text" else 0.0
    sizes: dict[str, Any] = {"cell": cell, "bidirectional": both, "pooling": pooling}
    net = told_apart(network(kind, direct=direct, members=2, **sizes)).in_use()
    inputs = dataset(kind).inputs
    net.threads = threads
    together = by_row(kind, chosen, net.scores(inputs.batch(np.array(chosen), distinct=True)))
    net.threads = 1
    plain = by_row(kind, chosen, net.scores(inputs.batch(np.array(chosen))))
    for row, one, other in zip(chosen, together, plain, strict=True):
        (alone,) = by_row(kind, [row], net.scores(inputs.batch(np.array([row]))))
        check_same(one, alone)
        check_same(other, alone)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("most", [1, 7, 40])
def test_parts_of_many_rows_change_nothing(
    kind: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = told_apart(network(kind, layers=2, members=2, pooling="+".join(POOLING_KINDS))).in_use()
    batch = dataset(kind).inputs.batch(np.arange(50)[::-1].copy(), distinct=True)
    whole = net.scores(batch)
    monkeypatch.setattr("recurra.runtime.labels._AT_ONCE", most)
    check_same(net.scores(batch), whole)


def last_steps(inputs: list[Inputs]) -> Batch:
    """The last step of each of these inputs, as rows of one step."""
    each, one = [some.last_steps() for some in inputs], np.ones(len(inputs), np.int64)
    if each[0].values is not None:
        return Batch(one, values=np.concatenate([e.values for e in each if e.values is not None]))
    ids = np.concatenate([e.ids for e in each if e.ids is not None])
    return Batch(one, ids, np.concatenate([e.counts for e in each if e.counts is not None]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cell", CELLS)
@settings(max_examples=6)
@given(chosen_rows, st.sampled_from(POOLINGS))
def test_streams_say_at_each_step_what_the_whole_says(
    kind: str, cell: str, chosen: list[int], pooling: str
) -> None:
    """Streams of several rows stepped together; those that have ended are let go."""
    direct = 3.0 if kind in ("text", "tokens") else 0.0
    sizes: dict[str, Any] = {"cell": cell, "bidirectional": False, "layers": 2, "members": 2}
    net = told_apart(network(kind, pooling=pooling, direct=direct, **sizes)).in_use()
    encoder, data = dataset(kind).encoder, label_data(kind)
    rows = [data.examples.inputs[row] for row in chosen]
    steps = [list(r) if encoder.units is None else encoder.units.cut(r) for r in rows]
    state, going = net.begin(len(steps)), list(range(len(steps)))
    for t in range(max(map(len, steps))):
        alive = [k for k, b in enumerate(going) if t < len(steps[b])]
        state, going = state.select(alive), [going[k] for k in alive]
        read: Any = np.asarray if kind == "numbers" else tuple
        so_far = [encoder.encode([read(steps[b][: t + 1])]) for b in going]
        found, state = net.step(last_steps(so_far), state)
        check_same(net.look(state), found)
        for one, each in zip(found, so_far, strict=True):
            check_same(one, net.scores(each.batch(np.zeros(1, np.int64)))[-1])


def test_a_step_changes_no_state_that_it_was_given() -> None:
    every = "+".join(POOLING_KINDS)
    in_use = told_apart(network("text", bidirectional=False, direct=3.0, pooling=every)).in_use()
    before = in_use.begin()
    kept = {name: array.copy() for name, array in before.arrays.items()}
    step = last_steps([dataset("text").encoder.encode(["good"])])
    _, after = in_use.step(step, before)
    again = {name: array.copy() for name, array in after.arrays.items()}
    in_use.step(step, after)
    for state, copy in ((before, kept), (after, again)):
        for name, array in state.arrays.items():
            np.testing.assert_array_equal(array, copy[name])


def test_streams_are_advanced_where_they_lie() -> None:
    net = told_apart(network("tokens", bidirectional=False, members=2)).in_use()
    encoder = dataset("tokens").encoder
    step = last_steps([encoder.encode([(word,)]) for word in ("good", "dull")])
    arrays = {name: array.copy() for name, array in net.begin(4).arrays.items()}
    rows = np.array([3, 1])
    found = net.advance(step, arrays, rows)
    expected, after = net.step(step, net.begin(2))
    check_same(found, expected)
    for name, array in arrays.items():
        check_same(array[rows], after[name])
        check_same(array[[0, 2]], net.begin(2)[name])


def test_what_has_read_nothing_is_as_a_row_without_steps() -> None:
    net = told_apart(network("numbers", bidirectional=False, pooling="last+mean+max+attention"))
    in_use = net.in_use()
    with torch.no_grad():
        bias = net.member(0).head.bias.numpy()
    np.testing.assert_allclose(in_use.look(in_use.begin()), bias[None], atol=1e-6)
    both = Batch(np.array([0, 2, 0]), values=np.ones((2, 2), np.float32))
    np.testing.assert_allclose(in_use.scores(both)[[0, 2]], np.stack([bias, bias]), atol=1e-6)


def test_a_network_of_both_ends_has_no_stream() -> None:
    with pytest.raises(OptionError, match="both ends") as caught:
        network("text").in_use().begin()
    assert "--no-bidirectional" in caught.value.fix


def test_members_say_their_mean() -> None:
    net = network("tags", members=3).in_use()
    batch = dataset("tags").inputs.batch(np.arange(5), distinct=True)
    each = [net.scores(batch, m) for m in range(3)]
    assert not np.allclose(each[0], each[1])
    np.testing.assert_allclose(net.scores(batch), sum(each) / 3, atol=1e-6)


def test_chains_are_averaged() -> None:
    net = told_apart(network("tags", members=3))
    found = net.in_use().chain
    assert found is not None
    for name in ("first", "between", "last"):
        each = []
        for m in range(3):
            chain = net.member(m).chain
            assert chain is not None
            each.append(chain.get_parameter(name).detach().numpy())
        np.testing.assert_allclose(getattr(found, name), np.mean(each, 0), atol=1e-6)
