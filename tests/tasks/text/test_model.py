from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from recurra.codecs.tokenizer import UNKNOWN
from recurra.core.state import State
from recurra.data.files import TextSource
from recurra.data.streams import Cursor, Streams
from recurra.errors import OptionError
from recurra.judge.loss import LossSum
from recurra.networks.text import (
    TextNetwork,
    log_probabilities,
    stream_nats,
)
from recurra.runtime.layers import CELLS
from recurra.runtime.text import Architecture
from recurra.tasks.text import config
from recurra.tasks.text.data import TextData
from recurra.tasks.text.training_task import TextTrainingTask, TextTrainState
from recurra.training.loop import seeded
from recurra.training.optimiser import Rates, build
from small import small_text

V = 11
RIGHT: dict[str, Any] = {
    "cell": "lstm",
    "embedding": 6,
    "hidden": 9,
    "layers": 2,
    "dropout": 0.2,
}


def network(cell: str = "lstm", seed: int = 0, **sizes: Any) -> TextNetwork:
    with seeded(seed, 0):
        return TextNetwork(Architecture(V, **(RIGHT | {"cell": cell} | sizes)))


def ids(batch: int, steps: int, seed: int = 0) -> Tensor:
    return torch.randint(0, V, (batch, steps), generator=torch.Generator().manual_seed(seed))


def alone(member: TextNetwork) -> TextNetwork:
    """A member as a network of its own."""
    net = network().eval()
    net.load_state_dict(
        {name: w for name, w in member.state_dict().items() if not name.startswith("others")}
    )
    return net


def test_members_are_averaged_each_with_a_state_of_its_own() -> None:
    net, read = network(members=3).eval(), ids(2, 9)
    start = net.zero_state(2).map(lambda leaf: torch.randn(leaf.shape))
    layers = net.recurrent.num_layers
    said = []
    with torch.no_grad():
        logits, last = net(read, start)
        for number, member in enumerate(net.members):
            part = slice(number * layers, (number + 1) * layers)
            own = type(start)(**{k: v[:, part] for k, v in start.arrays().items()})
            single, after = alone(member)(read, own)
            said.append(single.softmax(-1))
            for name, leaf in after.arrays().items():
                torch.testing.assert_close(last.arrays()[name][:, part], leaf)
    torch.testing.assert_close(logits.exp(), torch.stack(said).mean(0))
    assert not torch.allclose(said[0], said[1], atol=1e-3)


def test_each_member_learns_by_its_own_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    net, read = network(members=2).eval(), ids(2, 9, seed=1)
    inputs, targets = read[:, :-1], read[:, 1:]
    for most in (10**9, 3 * 2 * 2 * V):  # at once, and in pieces
        monkeypatch.setattr("recurra.networks.text.MOST_SCORES", most)
        net.zero_grad()
        net.summed_loss(net.read(inputs)[0], targets).backward()  # type: ignore[no-untyped-call]
        for member in net.members:
            single = alone(member)
            single.summed_loss(single.read(inputs)[0], targets).backward()  # type: ignore[no-untyped-call]
            for name, weight in single.named_parameters():
                assert weight.grad is not None
                found = member.get_parameter(name).grad
                torch.testing.assert_close(found, weight.grad / 2)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
@settings(max_examples=10)
@given(cuts=st.lists(st.integers(1, 5), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_chunk_by_chunk_is_the_whole(cell: str, members: int, cuts: list[int], seed: int) -> None:
    net, read = network(cell, members=members).eval(), ids(3, sum(cuts), seed)
    start = net.zero_state(3).map(lambda leaf: torch.randn(leaf.shape))
    with torch.no_grad():
        whole, last = net(read, start)
        state: State = start
        single: State = start
        chunks, singles = [], []
        for chunk in torch.split(read, cuts, 1):
            logits, state = net(chunk, state)
            chunks.append(logits)
        for step in read.unbind(1):
            scores, single = net.step(step, single)
            singles.append(scores)
    torch.testing.assert_close(torch.cat(chunks, 1), whole)
    torch.testing.assert_close(torch.stack(singles, 1), whole)
    for name, leaf in last.arrays().items():
        torch.testing.assert_close(state.arrays()[name], leaf)
        torch.testing.assert_close(single.arrays()[name], leaf)


@pytest.mark.parametrize("cell", CELLS)
def test_a_row_does_not_see_its_neighbours(cell: str) -> None:
    net, read = network(cell).eval(), ids(4, 12)
    with torch.no_grad():
        together, _ = net(read)
        turned, _ = net(read[[2, 0, 3, 1]])
        alone, _ = net(read[2:3])
    torch.testing.assert_close(turned, together[[2, 0, 3, 1]])
    torch.testing.assert_close(alone, together[2:3])


@given(st.integers(0, 99), st.floats(1e-9, 0.5), st.floats(0.1, 50))
def test_probabilities_are_a_distribution(seed: int, rate: float, scale: float) -> None:
    logits = scale * torch.randn(4, V, generator=torch.Generator().manual_seed(seed))
    logits[:, UNKNOWN] = -math.inf
    found = log_probabilities(logits, rate)
    assert found.dtype == torch.float32
    assert found.max() <= 0
    torch.testing.assert_close(found.exp().sum(-1), torch.ones(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(found[:, UNKNOWN].exp(), torch.full((4,), rate))
    # Among the known ones, it is the network's own.
    torch.testing.assert_close(
        found[:, 1:] - math.log1p(-rate), logits[:, 1:].log_softmax(-1), atol=1e-4, rtol=1e-5
    )


def test_the_unknown_is_read_as_nothing_and_never_predicted() -> None:
    net = network().eval()
    logits, _ = net(torch.zeros(2, 5, dtype=torch.long))
    assert (logits[..., UNKNOWN] == -math.inf).all()
    assert logits[..., 1:].isfinite().all()
    assert (net.embedding.weight[UNKNOWN] == 0).all()
    logits[..., 1:].sum().backward()
    assert net.embedding.weight.grad is not None
    assert not net.embedding.weight.grad.any()


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 9))
@settings(max_examples=15)
def test_nats_do_not_depend_on_chunks(steps: int, chunk: int, seed: int) -> None:
    net, read = network().eval(), ids(2, steps + 1, seed)
    inputs, targets = read[:, :-1], read[:, 1:]
    whole = stream_nats(net, inputs, targets, 0.01)
    np.testing.assert_allclose(
        stream_nats(net, inputs, targets, 0.01, chunk=chunk), whole, rtol=1e-5, atol=1e-6
    )
    assert whole.shape == (2, steps)
    assert whole.dtype == np.float64
    np.testing.assert_allclose(whole[targets.numpy() == UNKNOWN], -math.log(0.01), rtol=1e-6)


def test_first_weights_are_orthogonal_and_remember() -> None:
    net = network("lstm")
    for layer in range(2):
        for gate in net.recurrent.get_parameter(f"weight_hh_l{layer}").chunk(4):
            torch.testing.assert_close(gate @ gate.mT, torch.eye(9), atol=1e-5, rtol=0)
        forget = net.recurrent.get_parameter(f"bias_ih_l{layer}").chunk(4)[1]
        assert (forget == 1).all()


@pytest.mark.parametrize(
    "wrong",
    [{"cell": "transformer"}, {"hidden": 0}, {"layers": 0}, {"embedding": 0}, {"dropout": 1.0}],
)
def test_sizes_out_of_range_are_told(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(wrong))):
        Architecture(V, **(RIGHT | wrong))


def test_it_says_what_it_is() -> None:
    net = network("gru")
    count = sum(p.numel() for p in net.parameters())
    assert net.summary() == f"2 x GRU(9), {count:,} weights"


# -- training -----------------------------------------------------------------------------------


def training_task(
    net: TextNetwork, length: int = 600, select: np.ndarray[Any, Any] | None = None
) -> TextTrainingTask:
    # 1 to V - 1: the training part knows all it holds.
    generator = np.random.default_rng(0)
    train = generator.integers(1, V, length, np.int32)
    chosen = generator.integers(0, V, 300, np.int32) if select is None else select
    both = np.concatenate([train, chosen])
    return TextTrainingTask(
        net,
        Streams(train, batch=3, bptt=10, seed=1),
        Streams(both, batch=3, bptt=10, seed=1),
        chosen,
        0.01,
    )


@pytest.mark.parametrize("cell", CELLS)
def test_the_loss_is_the_mean_over_the_chunk_and_the_state_is_carried(cell: str) -> None:
    net = network(cell, dropout=0.0)
    mine = training_task(net)
    train_state, state = mine.first(), None
    for _ in range(5):
        chunk = mine.streams.read(train_state.cursor)
        with torch.no_grad():
            logits, state = net(torch.from_numpy(chunk.inputs), state)
        expected = F.cross_entropy(logits.flatten(0, 1), torch.from_numpy(chunk.targets).flatten())
        loss = mine.loss(net, train_state)
        train_state = loss.train_state
        torch.testing.assert_close(loss.mean.detach(), expected)
        assert loss.total.count == chunk.targets.size
        assert loss.total.mean == pytest.approx(expected.item(), rel=1e-5)
        assert train_state.cursor == chunk.following
        assert train_state.state is not None
        for name, leaf in train_state.state.arrays().items():
            assert not leaf.requires_grad
            torch.testing.assert_close(leaf, state.arrays()[name])


def test_a_new_pass_begins_without_a_state() -> None:
    net = network()
    mine = training_task(net)
    train_state = mine.first()
    while train_state.cursor.epoch == 0:
        train_state = mine.loss(net, train_state).train_state
    assert train_state.state is not None
    fresh = TextTrainState(train_state.cursor, None)
    assert mine.loss(net.eval(), train_state).total == mine.loss(net, fresh).total


def test_unknown_characters_are_not_learnt_and_not_counted() -> None:
    net = network(dropout=0.0)
    mine = training_task(net, length=20, select=np.zeros(3000, np.int32))
    train_state = mine.finish(mine.first())
    counted = unknown = 0
    for _ in range(60):
        chunk = mine.finishing.read(train_state.cursor)
        loss = mine.loss(net, train_state)
        known = chunk.targets != UNKNOWN
        assert loss.total.count == known.sum()
        assert math.isfinite(loss.mean.item())
        counted += loss.total.count
        unknown += not known.any()
        loss.mean.backward()  # type: ignore[no-untyped-call]
        train_state = loss.train_state
    assert counted
    assert unknown
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_finishing_begins_a_pass_over_both_parts() -> None:
    net = network()
    mine = training_task(net)
    for _ in range(3):
        train_state = mine.loss(net, mine.first()).train_state
    finishing = mine.finish(train_state)
    assert (finishing.cursor, finishing.state, finishing.finishing) == (Cursor(1, 0), None, True)
    after = mine.loss(net, finishing).train_state
    assert after.finishing
    assert mine.finishing.length > mine.streams.length


@pytest.mark.parametrize("cell", CELLS)
def test_a_carry_comes_back(cell: str) -> None:
    net = network(cell)
    mine = training_task(net)
    begin = mine.first()
    assert mine.unpack(mine.pack(begin)) == begin
    for train_state in (
        mine.loss(net, begin).train_state,
        mine.loss(net, mine.finish(begin)).train_state,
    ):
        again = mine.unpack(mine.pack(train_state))
        assert (again.cursor, again.finishing) == (train_state.cursor, train_state.finishing)
        assert again.state is not None
        assert train_state.state is not None
        for name, leaf in train_state.state.arrays().items():
            assert torch.equal(again.state.arrays()[name], leaf)
        with seeded(0, 1):
            expected = mine.loss(net, train_state).total
        with seeded(0, 1):
            assert mine.loss(net, again).total == expected


def test_dropout_is_a_function_of_seed_and_step() -> None:
    net = network(dropout=0.5).train()
    mine = training_task(net)

    def loss(seed: int, step: int) -> float:
        torch.rand(seed + step)  # what went before does not matter
        with seeded(seed, step):
            return mine.loss(net, mine.first()).total.total

    assert loss(3, 4) == loss(3, 4)
    assert len({loss(3, 4), loss(3, 5), loss(4, 4)}) == 3


def test_members_trained_side_by_side_are_those_trained_one_by_one() -> None:
    net = network(members=3, dropout=0.5).train()
    mine = training_task(net)
    found: list[tuple[LossSum, State, list[Tensor]]] = []
    before = torch.get_num_threads()
    for threads in (1, 3):
        torch.set_num_threads(threads)
        try:
            train_state = mine.first()
            for step in range(2):  # the second with a state
                net.zero_grad()
                with seeded(5, step):
                    loss = mine.loss(net, train_state)
                loss.backward()
                train_state = loss.train_state
        finally:
            torch.set_num_threads(before)
        grads = [weight.grad for weight in net.parameters() if weight.grad is not None]
        assert train_state.state is not None
        found.append((loss.total, train_state.state, grads))
    (one, state, grads), (other, beside, others) = found
    assert other.mean == pytest.approx(one.mean, rel=1e-5)
    for name, leaf in state.arrays().items():
        torch.testing.assert_close(beside.arrays()[name], leaf)
    torch.testing.assert_close(others, grads)
    # What is minimised is their mean, and each drops its own.
    assert loss.mean.item() == pytest.approx(loss.total.mean, rel=1e-5)
    assert len({round(each.item(), 6) for each in loss.means}) == 3


@pytest.mark.parametrize("count", [2, 3, 100, 255, 256, 257, 1000, 9001])
def test_selection_scores_every_character_but_the_first_once(count: int) -> None:
    net = network().train()
    chosen = np.random.default_rng(1).integers(0, V, count, np.int32)
    mine = training_task(net, select=chosen)
    found = mine.select(net)
    assert net.training
    assert found.count == count - 1
    read = torch.from_numpy(chosen).long()[None]
    with torch.no_grad():
        whole = stream_nats(net.eval(), read[:, :-1], read[:, 1:], 0.01)
    # Each window warms up on 128 characters, and random weights forget fast.
    assert found.total == pytest.approx(whole.sum(), rel=1e-3)


def test_selection_is_without_dropout_and_without_chance() -> None:
    net = network(dropout=0.5).train()
    mine = training_task(net)
    before = torch.get_rng_state()
    assert mine.select(net) == mine.select(net)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("cell", CELLS)
def test_it_learns_a_small_text(cell: str) -> None:
    read = TextData.from_source(TextSource(small_text(), "small"))
    with seeded(0, 0):
        net = TextNetwork(Architecture(len(read.vocabulary), cell, 12, 32, 1, 0.0))
    streams = Streams(read.train, batch=8, bptt=32, seed=0)
    mine = TextTrainingTask(net, streams, streams, read.select, read.unknown_rate)
    train_state, optimisers = mine.first(), build(net, Rates(0.02, 0.01))
    before = mine.select(net).mean
    assert before > 3
    for _ in range(100):
        loss = mine.loss(net, train_state)
        loss.mean.backward()  # type: ignore[no-untyped-call]
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        train_state = loss.train_state
    # The digit of each line is all that is left to guess, but not for a state that counts lines.
    assert mine.select(net).mean < 0.15


def test_a_sample_changes_nothing_of_the_training() -> None:
    read = TextData.from_source(TextSource(small_text(), "small"))
    net = TextNetwork(Architecture(len(read.vocabulary), "gru", 8, 16, 1, 0.5))
    mine = config.training_task(net, read, {"batch": 4, "bptt": 8, "seed": 5, "spared": 0})
    chance = torch.get_rng_state()
    net.train()
    first = mine.sample(net)
    assert first is not None
    assert len(first) == config.SAMPLED
    assert net.training
    assert all(each.training for each in net.modules())
    assert mine.sample(net) == first  # it follows from the weights and the seed alone
    assert torch.equal(torch.get_rng_state(), chance)
    assert training_task(network()).sample(network()) is None
