"""The pairs network in use: as torch has it, and the same in any way and company."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bits import check_same
from recurra.codecs.tokenizer import BEGIN, END
from recurra.core.ragged import Ragged
from recurra.errors import BundleError, OptionError, RecurraError
from recurra.networks import pairs as trained
from recurra.runtime.attention import KINDS, REACH
from recurra.runtime.layers import CELLS
from recurra.runtime.pairs import ATTENTION, Architecture, PairNetwork
from recurra.runtime.state import State
from recurra.search.beam import Beam, beam

Rows = list[NDArray[np.int64]]

PLAIN = Architecture(
    sources=20,
    targets=30,
    shared=False,
    cell="gru",
    embedding=12,
    hidden=16,
    layers=2,
    bidirectional=True,
    attention="general",
    feeding="up",
    dropout=0.3,
    members=2,
)

EVERY = [
    replace(PLAIN, cell=cell, attention=kind, feeding=feeding, layers=layers, members=members)
    for (cell, kind, feeding), (layers, members) in product(
        product(CELLS, (*KINDS, "none"), ("up", "input")), ((1, 1), (3, 2))
    )
    if (kind, feeding) != ("none", "input")
]

FEW = [
    PLAIN,
    replace(PLAIN, cell="lstm", attention="none", bidirectional=False),
    replace(PLAIN, cell="rnn", attention="concat", feeding="input"),
    replace(PLAIN, attention="location", layers=1),
]


def name(a: Architecture) -> str:
    return f"{a.cell}-{a.attention}-{a.feeding}-{a.layers}"


def in_torch(architecture: Architecture, seed: int = 0) -> trained.PairNetwork:
    """A network whose weights are of a size that makes gates and attention work."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        found = trained.PairNetwork(architecture)
        for weight in found.parameters():
            torch.nn.init.normal_(weight, std=0.5)
    return found.eval()


def in_use(architecture: Architecture = PLAIN, **how: Any) -> PairNetwork:
    arrays = {k: v.numpy() for k, v in in_torch(architecture).state_dict().items()}
    return PairNetwork(architecture, arrays, **how)


def rows(lengths: list[int], ids: int, seed: int) -> Rows:
    draw = np.random.default_rng(seed)
    return [draw.integers(0, ids, n) for n in lengths]


SOURCES, TARGETS = rows([5, 1, 3, 9], 20, 1), rows([4, 7, 2, 3], 30, 2)


def log_softmax(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = scores.astype(np.float64)
    wide -= wide.max(-1, keepdims=True)
    found: NDArray[np.float64] = wide - np.log(np.exp(wide).sum(-1, keepdims=True))
    return found


def stepped(
    network: PairNetwork, sources: Rows, targets: Rows
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Scores (T, V) after each piece of targets, and where it looked (T, S), each row by itself."""
    found = []
    for source, target in zip(sources, targets, strict=True):
        decoder = network.decoder(network.encode([source]))
        state, scores, attention = decoder.begin(), [], []
        for token in target:
            outputs, state = decoder.step(np.array([token]), state)
            scores.append(decoder.logits(outputs)[0])
            attention.append(state[ATTENTION][0])
        found.append((np.stack(scores), np.stack(attention)))
    return found


# -- as torch has it ------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", EVERY, ids=name)
def test_it_is_what_torch_says(architecture: Architecture) -> None:
    network, net = in_use(architecture), in_torch(architecture)
    read, fed = (
        Ragged.from_list([torch.from_numpy(row) for row in side]) for side in (SOURCES, TARGETS)
    )
    with torch.no_grad():
        theirs = Ragged(net(read, fed).log_softmax(-1), fed.lengths).to_list()
    for (scores, attention), wanted in zip(stepped(network, SOURCES, TARGETS), theirs, strict=True):
        np.testing.assert_allclose(log_softmax(scores), wanted.numpy(), atol=1e-4)
        total = 0.0 if architecture.attention == "none" else 1.0
        np.testing.assert_allclose(attention.sum(1), total, rtol=1e-5)
    logs = network.log_likelihood(SOURCES, TARGETS)
    for mine, wanted, target in zip(logs, theirs, TARGETS, strict=True):
        np.testing.assert_allclose(mine, wanted[np.arange(len(target) - 1), target[1:]], atol=1e-4)


def test_sources_beyond_what_location_reaches() -> None:
    architecture = replace(PLAIN, attention="location")
    network, net = in_use(architecture), in_torch(architecture)
    sources, targets = rows([REACH + 40, 3], 20, 5), rows([4, 4], 30, 6)
    read, fed = (
        Ragged.from_list([torch.from_numpy(row) for row in side]) for side in (sources, targets)
    )
    with torch.no_grad():
        theirs = Ragged(net(read, fed).log_softmax(-1), fed.lengths).to_list()
    for (scores, attention), wanted in zip(stepped(network, sources, targets), theirs, strict=True):
        np.testing.assert_allclose(log_softmax(scores), wanted.numpy(), atol=1e-4)
        assert not attention[:, REACH:].any()


def test_a_shared_vocabulary_is_counted_once() -> None:
    shared = replace(PLAIN, sources=30, shared=True)
    for architecture in (PLAIN, shared):
        net = in_torch(architecture)
        assert in_use(architecture).size == sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("architecture", FEW, ids=name)
def test_bfloat16_weights_say_nearly_the_same(architecture: Architecture) -> None:
    small = replace(architecture, members=1)
    exact, narrow = (
        np.concatenate(in_use(small, weights=kept).log_likelihood(SOURCES, TARGETS))
        for kept in ("float32", "bfloat16")
    )
    assert not np.array_equal(exact, narrow)
    np.testing.assert_allclose(exact, narrow, atol=0.5)
    assert np.abs(exact - narrow).mean() < 0.1


# -- the same in any company ----------------------------------------------------------------------


@pytest.mark.parametrize("architecture", EVERY, ids=name)
def test_all_steps_at_once_are_step_by_step(architecture: Architecture) -> None:
    network = in_use(architecture)
    whole = network.log_likelihood(SOURCES, TARGETS)
    for one, source, target in zip(whole, SOURCES, TARGETS, strict=True):
        decoder = network.decoder(network.encode([source]))
        state, logs = decoder.begin(), []
        for fed, answer in pairwise(target):
            outputs, state = decoder.step(np.array([fed]), state)
            logs.append(network.head.log_likelihood(outputs, np.array([answer]))[0])
        check_same(np.array(logs), one)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6)), min_size=1, max_size=6),
    st.sampled_from(FEW),
    st.integers(1, 3),
    st.integers(0, 99),
)
def test_a_row_is_the_same_alone_and_among_strangers(
    sizes: list[tuple[int, int]], architecture: Architecture, threads: int, seed: int
) -> None:
    """Read alone, or beside longer and shorter ones; as the first hypothesis, or the last."""
    network, draw = in_use(architecture), np.random.default_rng(seed)
    sources = rows([size for size, _ in sizes], 20, seed)
    counts = np.array([count for _, count in sizes])
    owners = np.arange(len(sizes)).repeat(counts)
    fed = draw.integers(0, 30, (3, len(owners)))
    beside = in_use(architecture, threads=threads)
    decoder = beside.decoder(beside.encode(sources))
    state = decoder.begin().select(owners)
    states = []
    for tokens in fed:
        outputs, state = decoder.step(tokens, state, counts)
        states.append((decoder.logits(outputs), decoder.top(outputs, 4, (1, 2)), state))
    for row, owner in enumerate(owners.tolist()):
        alone = network.decoder(network.encode([sources[owner]]))
        own = alone.begin()
        for tokens, (logits, top, after) in zip(fed, states, strict=True):
            outputs, own = alone.step(tokens[row : row + 1], own)
            check_same(alone.logits(outputs)[0], logits[row])
            single = alone.top(outputs, 4, (1, 2))
            check_same(single.values[0], top.values[row])
            check_same(single.ids[0], top.ids[row])
            check_same(single.log_sum_exp[0], top.log_sum_exp[row])
            _check_states(own, after.select([row]), len(sources[owner]))


def _check_states(alone: State, among: State, steps: int) -> None:
    """Equal, but for what is padding beside longer sources."""
    assert alone.arrays.keys() == among.arrays.keys()
    for key, array in alone.arrays.items():
        other = among[key]
        if key == ATTENTION:
            assert not other[:, steps:].any()
            array, other = array[:, :steps], other[:, :steps]
        check_same(array, other)


@pytest.mark.parametrize("architecture", FEW, ids=name)
def test_hypotheses_are_the_same_alone_and_among_strangers(architecture: Architecture) -> None:
    network = in_use(architecture)

    def written(sources: Rows) -> list[Any]:
        decoder = network.decoder(network.encode(sources))
        found = beam(
            decoder,
            decoder.begin(),
            begin=BEGIN,
            end=END,
            limits=[12 + len(each) for each in sources],
            options=Beam(4, n_best=2, coverage_penalty=0.1, no_repeat_ngram=2),
            excluded=(0, BEGIN),
            attention=lambda state: state[ATTENTION],
            coverage=lambda state: state[ATTENTION],
            sources=np.array([len(each) for each in sources]),
        )
        return [
            [(one.tokens, one.score, one.log_probability, one.ended, one.attention) for one in each]
            for each in found
        ]

    sources = rows([7, 2, 11, 4, 1], 20, 8)
    for source, together in zip(sources, written(sources), strict=True):
        (alone,) = written([source])
        for one, other in zip(alone, together, strict=True):
            assert one[0] == other[0]
            check_same(np.array(one[1:4]), np.array(other[1:4]))
            assert not other[4][:, len(source) :].any()
            check_same(one[4], other[4][:, : len(source)])


@pytest.mark.parametrize("architecture", FEW, ids=name)
def test_the_decoder_of_some_sentences_goes_on_as_that_of_all(architecture: Architecture) -> None:
    network = in_use(architecture)
    decoder, fed = network.decoder(network.encode(SOURCES)), np.arange(8).reshape(2, 4)
    _, state = decoder.step(fed[0], decoder.begin())
    whole, after = decoder.step(fed[1], state)
    kept = np.array([3, 0])
    some, then = decoder.select(kept).step(fed[1][kept], state.select(kept))
    check_same(some, whole[kept])
    for key, array in then.arrays.items():
        check_same(array, after[key][kept])
    # And of some of those.
    one, _ = decoder.select(kept).select(np.array([1])).step(fed[1][:1], state.select([0]))
    check_same(one, whole[:1])


def test_a_step_leaves_the_state_before_it_alone() -> None:
    for architecture in FEW:
        network = in_use(architecture)
        decoder = network.decoder(network.encode(SOURCES))
        _, state = decoder.step(np.arange(4), decoder.begin())
        before = {key: array.copy() for key, array in state.arrays.items()}
        first, _ = decoder.step(np.arange(4), state)
        again, _ = decoder.step(np.arange(4), state)
        check_same(first, again)
        for key, array in before.items():
            np.testing.assert_array_equal(state[key], array)


# -- what it says ---------------------------------------------------------------------------------


def test_members_are_averaged() -> None:
    net = in_torch(PLAIN)
    each = []
    for m in range(2):
        alone = in_torch(replace(PLAIN, members=1))
        alone.load_state_dict({f"members.0.{k}": v for k, v in net.member(m).state_dict().items()})
        each.append(stepped(alone.in_use(), SOURCES, TARGETS))
    for both, one, other in zip(stepped(net.in_use(), SOURCES, TARGETS), *each, strict=True):
        np.testing.assert_allclose(both[0], (one[0] + other[0]) / 2, atol=1e-4)
        np.testing.assert_allclose(both[1], (one[1] + other[1]) / 2, atol=1e-6)
        assert not np.allclose(one[0], other[0], atol=1e-2)


def test_the_top_is_that_of_the_logits_without_what_is_excluded() -> None:
    network = in_use()
    decoder = network.decoder(network.encode(SOURCES))
    outputs, _ = decoder.step(np.arange(4), decoder.begin())
    logits = decoder.logits(outputs)
    found = decoder.top(outputs, 5, (1, 7, 1))
    for row, (values, ids) in enumerate(zip(found.values, found.ids, strict=True)):
        left = [k for k in np.argsort(-logits[row], kind="stable").tolist() if k not in (1, 7)]
        assert ids.tolist() == left[:5]
        check_same(values, logits[row][ids])
    assert decoder.top(outputs, 64, (1, 7)).ids.shape == (4, 28)


def test_nothing_to_read_and_nothing_to_say() -> None:
    for architecture in FEW:
        network = in_use(architecture)
        assert network.log_likelihood([], []) == []
        empty = network.decoder(network.encode([np.zeros(0, np.int64), np.array([4])]))
        outputs, state = empty.step(np.array([1, 1]), empty.begin())
        assert np.isfinite(empty.logits(outputs)).all()
        assert not state[ATTENTION][0].any()


# -- what it is made of ---------------------------------------------------------------------------


def weights() -> dict[str, NDArray[np.float32]]:
    return {k: v.numpy().copy() for k, v in in_torch(PLAIN).state_dict().items()}


def test_weights_that_do_not_fit_are_refused_by_name() -> None:
    gone, wide, more, bad = weights(), weights(), weights(), weights()
    key = "members.1.decoder.last.key.weight"
    del gone[key]
    wide[key] = np.zeros((16, 17), np.float32)
    more["members.2.encoder.x"] = np.zeros(3, np.float32)
    bad[key][3, 4] = np.nan
    for arrays, said in ((gone, key), (wide, key), (more, "members.2"), (bad, "NaN or infinite")):
        with pytest.raises(BundleError, match=said):
            PairNetwork(PLAIN, arrays)


def test_vectors_of_one_vocabulary_are_the_same_under_every_name() -> None:
    arrays = weights()
    arrays["members.0.decoder.vectors.weight"][2, 2] += 1
    with pytest.raises(BundleError, match="vectors of one vocabulary"):
        PairNetwork(PLAIN, arrays)
    shared = replace(PLAIN, sources=30, shared=True)
    arrays = {k: v.numpy().copy() for k, v in in_torch(shared).state_dict().items()}
    arrays["members.1.source_vectors.weight"][0, 0] += 1
    with pytest.raises(BundleError, match="vectors of one vocabulary"):
        PairNetwork(shared, arrays)


def test_scores_that_are_no_numbers_are_told() -> None:
    network = in_use()
    decoder = network.decoder(network.encode(SOURCES))
    state = decoder.begin()
    state["0.lower.hidden.0"][2, 3] = np.nan
    with pytest.raises(RecurraError, match="not numbers"):
        beam(decoder, state, begin=BEGIN, end=END, limits=[4] * 4, options=Beam(3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cell": "qrnn"}, "cell='qrnn'"),
        ({"attention": "cosine"}, "attention='cosine'"),
        ({"feeding": "down"}, "feeding='down'"),
        ({"hidden": 15}, "an even number"),
        ({"layers": 0}, "layers 0"),
        ({"attention": "none", "feeding": "input"}, "feeding input with attention='none'"),
        ({"shared": True}, "one shared vocabulary"),
    ],
)
def test_what_no_network_can_be_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message) as caught:
        replace(PLAIN, **change)  # type: ignore[arg-type]
    assert message in str(caught.value)
