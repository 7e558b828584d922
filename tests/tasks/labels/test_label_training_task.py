"""Training: each member leaves its fold out, the loss is the mean, and it learns."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from recurra.codecs.sequence_encoder import Rows
from recurra.core.ragged import Ragged
from recurra.judge.loss import LossSum
from recurra.networks.label_batch import TensorBatch
from recurra.networks.labels import LabelNetwork
from recurra.tasks.labels.classify import pieces
from recurra.tasks.labels.options import LabelOptions
from recurra.tasks.labels.task import LABELS
from recurra.tasks.labels.training_task import AT_ONCE, LabelTrainingTask
from recurra.training.epochs import TrainState
from recurra.training.loop import seeded
from recurra.training.optimiser import Rates, build
from toy_labels import KINDS, dataset, network


def training_task(net: LabelNetwork, kind: str, seed: int = 0, **changes: Any) -> LabelTrainingTask:
    of = dataset(kind)
    given_too: dict[str, Any] = {
        "batch": 16,
        "seed": seed,
        "class_weights": torch.ones(len(of.data.classes)),
        "most_steps": 100,
    } | changes
    return LabelTrainingTask(net, of.targets, of.data.learn, of.data.folds, **given_too)


def watch(mine: LabelTrainingTask, of: Callable[[], object]) -> list[Rows]:
    """The rows that are batched while `of` runs, call by call."""
    read: list[Rows] = []
    inputs = mine.examples.inputs
    batch = type(inputs).batch

    def noted(self: Any, rows: Rows, **how: Any) -> Any:
        read.append(rows)
        return batch(self, rows, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(inputs), "batch", noted)
        of()
    return read


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_never_sees_a_row_of_its_fold(kind: str) -> None:
    net = network(kind, members=3)
    mine, data = training_task(net, kind), dataset(kind).data

    def three_epochs() -> None:
        train_state = mine.first()
        with torch.no_grad():
            while train_state.epoch < 3:
                train_state = mine.loss(net, train_state).train_state

    read = watch(mine, three_epochs)
    assert len(read) == 3 * 3 * mine.steps_an_epoch
    fold = dict(zip(data.learn.tolist(), data.folds.tolist(), strict=True))
    for m in range(3):
        own = np.concatenate(read[m::3])
        assert {fold[row] for row in own.tolist()} == set(fold.values()) - {m}
        # Three epochs, each of them without what did not fill a batch.
        assert max(np.bincount(own)) == 3
        everything = {row for row, its in fold.items() if its != m}
        assert len(everything - set(own.tolist())) < 0.1 * len(everything)
    assert not np.isin(np.concatenate(read), data.test).any()


@pytest.mark.parametrize("kind", KINDS)
def test_members_meet_examples_in_orders_of_their_own(kind: str) -> None:
    net = network(kind, members=2)
    mine = training_task(net, kind)
    read = watch(mine, lambda: mine.loss(net, mine.first()))
    assert set(read[0].tolist()) != set(read[1].tolist())
    # Nor does a member of one seed follow a member of another.
    seeds = [each.seed for seed in range(3) for each in training_task(net, kind, seed).batches]
    assert len(set(seeds)) == 6


def nats(net: LabelNetwork, m: int, kind: str, row: int) -> tuple[float, int]:
    """What one example alone costs a member, and its steps."""
    of, member = dataset(kind), net.member(m)
    batch = TensorBatch.of(of.inputs, np.array([row]))
    scores = member(batch).double()
    if member.chain is None:
        target = torch.from_numpy(of.data.targets(np.array([row])))
        return F.cross_entropy(scores, target).item(), 1
    (tags,) = of.data.step_targets(np.array([row]))
    rows = Ragged(scores.float(), batch.lengths)
    return member.chain.nats(rows, Ragged(torch.from_numpy(tags), batch.lengths)).item(), len(tags)


@pytest.mark.parametrize("kind", KINDS)
def test_select_is_the_loss_of_held_rows_by_members_that_did_not_train_on_them(kind: str) -> None:
    net = network(kind, members=2, dropout=0.5, noise=0.1).train()
    mine, data = training_task(net, kind), dataset(kind).data
    before = torch.get_rng_state()
    found = mine.select(net)
    assert net.training
    assert torch.equal(torch.get_rng_state(), before)
    net.eval()
    total = LossSum()
    with torch.no_grad():
        for m in range(2):
            for row in data.learn[data.folds == m]:
                total = total + LossSum(*nats(net, m, kind, int(row)))
    assert found.count == total.count
    assert found.total == pytest.approx(total.total, rel=1e-5)
    assert mine.select(net) == found
    # Members are not to be mixed up.
    net.members = torch.nn.ModuleList([net.member(1), net.member(0)])
    assert mine.select(net).total != pytest.approx(total.total, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_the_mean_of_the_batch_and_of_each_member(kind: str) -> None:
    net = network(kind, members=2).eval()  # without what training leaves out
    mine = training_task(net, kind)
    with torch.no_grad():
        loss = mine.loss(net, TrainState(1, 2))
    means, total = [], LossSum()
    with torch.no_grad():
        for m in range(2):
            own = LossSum()
            for row in mine.batches[m].read(1, 2).tolist():
                own = own + LossSum(*nats(net, m, kind, row))
            means.append(own.mean)
            total = total + own
    assert loss.mean.item() == pytest.approx(sum(means), rel=1e-5)
    assert loss.total.count == total.count
    assert loss.total.total == pytest.approx(total.total, rel=1e-5)
    assert loss.train_state == TrainState(1, 3)


def test_a_member_learns_as_if_it_were_alone() -> None:
    net = network("text", members=2).eval()
    mine = training_task(net, "text")
    mine.loss(net, mine.first()).mean.backward()  # type: ignore[no-untyped-call]
    alone = network("text", members=2).eval()
    rows = mine.batches[1].read(0, 0)
    batch, targets = TensorBatch.of(mine.examples.inputs, rows), mine.examples.targets_of(rows)
    F.cross_entropy(alone.member(1)(batch), targets).backward()  # type: ignore[no-untyped-call]
    for (name, a), b in zip(
        net.member(1).named_parameters(), alone.member(1).parameters(), strict=True
    ):
        assert a.grad is not None
        assert b.grad is not None
        torch.testing.assert_close(a.grad.to_dense(), b.grad.to_dense(), msg=name)


def test_class_weights_weigh_examples() -> None:
    net, weights = network("text").eval(), torch.tensor([0.25, 3.0])
    mine, plain = training_task(net, "text", class_weights=weights), training_task(net, "text")
    rows = mine.batches[0].read(0, 0)
    with torch.no_grad():
        loss = mine.loss(net, mine.first())
        each = [nats(net, 0, "text", int(row))[0] for row in rows]
    targets = mine.examples.targets_of(rows)
    assert set(targets.tolist()) == {0, 1}
    weighed = [float(weights[k]) * own for k, own in zip(targets.tolist(), each, strict=True)]
    assert loss.total.total == pytest.approx(sum(weighed), rel=1e-5)
    assert loss.mean.item() == pytest.approx(np.mean(weighed), rel=1e-5)
    assert mine.select(net).mean != pytest.approx(plain.select(net).mean, rel=1e-3)


def test_a_rare_class_that_weighs_much_is_no_explosion() -> None:
    net = network("text")
    weights = torch.tensor([0.5, 500.0])
    # A batch of the rare class, each example guessed at a thousand to one against.
    assert training_task(net, "text", class_weights=weights).ceiling > 500 * math.log(1000)
    plain = training_task(net, "text").ceiling
    assert 10 < plain < 20
    assert training_task(net, "text", class_weights=torch.tensor([0.9, 0.5])).ceiling == plain


@pytest.mark.parametrize("kind", KINDS)
def test_a_carry_comes_back_and_goes_round(kind: str) -> None:
    net = network(kind)
    mine = training_task(net, kind)
    train_state, last = mine.first(), int(mine.steps_an_epoch) - 1
    assert mine.unpack(mine.pack(train_state)) == train_state == TrainState(0, 0)
    with torch.no_grad():
        assert mine.loss(net, TrainState(4, last)).train_state == TrainState(5, 0)
        assert mine.loss(net, TrainState(4, last - 1)).train_state == TrainState(4, last)
        again = mine.unpack(mine.pack(TrainState(4, last)))
        assert again == TrainState(4, last)
        with seeded(0, 0):
            expected = mine.loss(net, TrainState(4, last)).total
        with seeded(0, 0):
            assert mine.loss(net, again).total == expected
    assert mine.finish(again) == again


def test_which_rows_meet_follows_from_the_seed() -> None:
    net = network("text")
    first = [training_task(net, "text", seed).batches[0].read(0, 0).tolist() for seed in (0, 0, 1)]
    assert first[0] == first[1] != first[2]


@pytest.mark.parametrize("kind", ["text", "tags"])
@given(st.lists(st.integers(0, 150), min_size=1, max_size=9))
def test_targets_are_those_of_the_rows(kind: str, chosen: list[int]) -> None:
    of = dataset(kind)
    rows = of.data.learn[chosen]
    found = of.targets.targets_of(rows)
    if kind == "text":
        assert found.tolist() == of.data.targets(rows).tolist()
        return
    assert found.tolist() == np.concatenate(of.data.step_targets(rows)).tolist()
    names = [of.data.classes[k] for k in found.tolist()]
    assert names == [tag for row in rows.tolist() for tag in of.data.examples.labels[row]]


@given(st.lists(st.integers(1, 99), max_size=40), st.integers(1, 9))
def test_pieces_hold_each_row_once_and_like_lengths(lengths: list[int], most: int) -> None:
    every = np.array(lengths, np.int64)
    rows = np.flatnonzero(every % 2)
    found = pieces(rows, every, most)
    assert sorted(np.concatenate(found).tolist() if found else []) == rows.tolist()
    assert all(0 < len(piece) <= most for piece in found)
    ordered = [length for piece in found for length in every[piece].tolist()]
    assert ordered == sorted(ordered)
    assert AT_ONCE > 9


# -- it learns --------------------------------------------------------------------------------


def chance(kind: str) -> float:
    """The loss of whoever knows the shares of the classes, in nats."""
    data = dataset(kind).data
    counts = np.array(list(data.counts(data.learn).values()), np.float64)
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


@pytest.mark.parametrize(
    ("kind", "cell", "steps", "within"),
    [
        ("text", "gru", 60, 0.1),
        ("text", "lstm", 60, 0.15),
        ("tokens", "gru", 60, 0.1),
        ("numbers", "gru", 60, 0.1),
        ("numbers", "rnn", 60, 0.25),
        # After "not" a tag is turned: only who reads the one before can tell.
        ("tags", "gru", 120, 0.15),
    ],
)
def test_it_learns(kind: str, cell: str, steps: int, within: float) -> None:
    net = network(kind, cell=cell, hidden=16, embedding=16, members=2)
    mine = training_task(net, kind)
    optimisers, train_state = build(net, Rates(0.02, 1e-2)), mine.first()
    before = mine.select(net)
    assert before.mean > 0.7 * chance(kind)
    for step in range(steps):
        with seeded(0, step):
            loss = mine.loss(net.train(), train_state)
        loss.mean.backward()  # type: ignore[no-untyped-call]
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        train_state = loss.train_state
    assert mine.select(net).mean < within * chance(kind), mine.select(net).mean


def test_what_is_counted_is_called_by_its_name() -> None:
    for kind, counts in (("tags", "tokens"), ("text", "examples"), ("numbers", "examples")):
        assert training_task(network(kind), kind).unit == counts
    assert LABELS.progress(LabelOptions(tag=True)) == ("tokens", "nats a token")
    assert LABELS.progress(LabelOptions(tag_column="4")) == ("tokens", "nats a token")
    assert LABELS.progress(LabelOptions()) == ("examples", "nats an example")
