"""Training: each piece given the true ones before, or its own; what chooses writes by itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from recurra.codecs.tokenizer import BEGIN, END, UNKNOWN
from recurra.core.ragged import Ragged
from recurra.data.batches import Rows
from recurra.judge.loss import LossSum
from recurra.networks.pairs import Member, OnDevice, PairNetwork
from recurra.tasks.pairs import training_task as room
from recurra.tasks.pairs.config import EncodedDataset
from recurra.tasks.pairs.training_task import (
    RISING,
    PairTrainingTask,
    Sides,
    forced,
    own,
    zigzag,
)
from recurra.training.epochs import TrainState
from recurra.training.optimiser import Rates, build
from toy_pairs import dataset, network


def training_task(
    net: PairNetwork, of: EncodedDataset | None = None, **changes: Any
) -> PairTrainingTask:
    of = of or dataset()
    options: dict[str, Any] = {
        "batch": 16,
        "seed": 0,
        "smoothing": 0.0,
        "sampling": 0.0,
        "written": lambda _: 0.0,
        "most_steps": 100,
    } | changes
    return PairTrainingTask(net, of.sides, of.data.learn, of.data.select, **options)


def read_off(net: PairNetwork, of: Sides, row: int) -> Tensor:
    """Log-probabilities (T, V) of each piece of a target, one step of the decoder after another."""
    pairs, writer = of.select(np.array([row])), OnDevice(net)
    decoder = writer.decoder(writer.encode([pairs.sources.values.numpy()]))
    state, found = decoder.begin(), []
    for token in pairs.targets.values[:-1].tolist():
        scores, state = decoder.step(np.array([token]), state)
        found.append(scores[0].double().log_softmax(-1))
    return torch.stack(found)


def nats(net: PairNetwork, of: Sides, row: int) -> tuple[float, int]:
    known = read_off(net, of, row)
    true = of.select(np.array([row])).targets.values[1:]
    return -known.gather(-1, true[:, None]).sum().item(), len(true)


# -- pairs as ids ---------------------------------------------------------------------------------


def test_what_is_fed_is_all_but_the_last_and_what_is_asked_all_but_the_first() -> None:
    rows = [[BEGIN, 5, 6, END], [BEGIN, END], [BEGIN, UNKNOWN, END]]
    targets = Ragged.from_list([torch.tensor(row) for row in rows])
    sources = Ragged.from_list([torch.tensor(row) for row in ([3, UNKNOWN, UNKNOWN], [4], [])])
    sides = Sides(sources, targets)
    assert [row.tolist() for row in sides.inputs.to_list()] == [row[:-1] for row in rows]
    answers = Ragged(sides.answers, sides.inputs.lengths)
    assert [row.tolist() for row in answers.to_list()] == [row[1:] for row in rows]
    turned = sides.select(np.array([2, 0]))
    assert [row.tolist() for row in turned.targets.to_list()] == [rows[2], rows[0]]
    assert [len(row) for row in turned.sources.to_list()] == [0, 3]


# -- the loss -------------------------------------------------------------------------------------


@pytest.mark.parametrize("feeding", ["up", "input"])
@pytest.mark.parametrize("members", [1, 2])
def test_forced_is_what_is_read_off_step_by_step(feeding: str, members: int) -> None:
    of = dataset()
    net = network(of, feeding=feeding, members=members, dropout=0.5).train()
    rows: Rows = of.data.select[:7]
    before = torch.get_rng_state()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "AT_ONCE", 3)
        found = forced(net, of.sides, rows)
    assert net.training
    assert torch.equal(torch.get_rng_state(), before)
    net.eval()
    total = LossSum()
    for row in rows.tolist():
        total = total + LossSum(*nats(net, of.sides, row))
    assert found.count == total.count
    assert found.total == pytest.approx(total.total, rel=1e-5)
    assert training_task(net).select(net).count == sum(
        len(row) - 1 for row in of.sides.select(of.data.select).targets.to_list()
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_is_the_mean_over_pieces_of_a_batch_of_each_member(smoothing: float) -> None:
    of = dataset()
    net = network(of, members=2).eval()  # without what training leaves out
    mine = training_task(net, smoothing=smoothing)
    with torch.no_grad():
        loss = mine.loss(net, TrainState(1, 2))
    means, total = [], LossSum()
    for m in range(2):
        alone = network(of, members=1).eval()
        alone.members = torch.nn.ModuleList([net.member(m)])
        summary, spread, pieces = 0.0, 0.0, 0
        for row in mine.batches[m].read(1, 2).tolist():
            its, count = nats(alone, of.sides, row)
            summary, pieces = summary + its, pieces + count
            spread -= read_off(alone, of.sides, row).mean(-1).sum().item()
        means.append(((1 - smoothing) * summary + smoothing * spread) / pieces)
        total = total + LossSum(summary, pieces)
    assert loss.mean.item() == pytest.approx(sum(means), rel=1e-4)
    # What is told is without the smoothing, so that it can be set beside what chooses.
    assert loss.total.count == total.count
    assert loss.total.total == pytest.approx(total.total, rel=1e-4)
    assert loss.train_state == TrainState(1, 3)


def test_a_member_learns_as_if_it_were_alone() -> None:
    net = network(dataset(), members=2).eval()
    mine = training_task(net)
    mine.loss(net, mine.first()).mean.backward()  # type: ignore[no-untyped-call]
    alone = network(dataset(), members=2).eval()
    pairs = mine.sides.select(mine.batches[1].read(0, 0))
    scores = alone.member(1)(pairs.sources, pairs.inputs)
    F.cross_entropy(scores, pairs.answers).backward()  # type: ignore[no-untyped-call]
    for (name, a), b in zip(
        net.member(1).named_parameters(), alone.member(1).parameters(), strict=True
    ):
        assert a.grad is not None, name
        assert b.grad is not None, name
        torch.testing.assert_close(a.grad, b.grad, msg=name)


def test_members_differ_in_weights_and_in_order_and_see_what_trains_alone() -> None:
    of = dataset()
    net = network(of, members=3)
    mine = training_task(net)
    weights = [next(net.member(m).parameters()) for m in range(3)]
    assert not torch.equal(weights[0], weights[1])
    read = [[each.read(0, n) for n in range(each.count)] for each in mine.batches]
    assert len({tuple(first.tolist()) for first, *_ in read}) == 3
    learn = set(of.data.learn.tolist())
    for batches in read:
        rows = np.concatenate(batches).tolist()
        assert len(rows) == len(set(rows)) > len(learn) - 16
        assert set(rows) <= learn
    # Nor does a member of one seed follow a member of another.
    seeds = [each.seed for seed in range(3) for each in training_task(net, seed=seed).batches]
    assert len(set(seeds)) == 9


def test_a_carry_comes_back_and_goes_round() -> None:
    net = network(dataset())
    mine = training_task(net)
    last = int(mine.steps_an_epoch) - 1
    assert mine.unpack(mine.pack(mine.first())) == mine.first() == TrainState(0, 0)
    with torch.no_grad():
        assert mine.loss(net, TrainState(4, last)).train_state == TrainState(5, 0)
        assert mine.loss(net, TrainState(4, last - 1)).train_state == TrainState(4, last)
        again = mine.unpack(mine.pack(TrainState(4, last)))
        assert again == mine.finish(again) == TrainState(4, last)
        assert mine.loss(net, again).total == mine.loss(net, TrainState(4, last)).total
        assert mine.loss(net, again).total != mine.loss(net, TrainState(5, last)).total


def test_a_fresh_network_is_no_explosion() -> None:
    net = network(dataset())
    mine = training_task(net)
    assert mine.select(net).mean < 2 * math.log(net.architecture.targets) < mine.ceiling
    wide = network(dataset(), targets=4000)
    assert training_task(wide).ceiling > mine.ceiling


def test_what_chooses_is_what_is_written_by_itself() -> None:
    of = dataset()
    net = network(of, dropout=0.5).train()
    modes = []

    def written(asked: PairNetwork) -> float:
        modes.append((asked is net, asked.training))
        return 12.5

    mine = training_task(net, written=written)
    assert mine.score(net) == 12.5
    assert modes == [(True, False)]
    assert net.training


# -- scheduled sampling ---------------------------------------------------------------------------


def member_and_inputs(**sizes: Any) -> tuple[Member, Ragged, Ragged]:
    of = dataset()
    pairs = of.sides.select(of.data.learn[:12])
    return network(of, **sizes).eval().member(0), pairs.sources, pairs.inputs


def test_of_no_share_nothing_is_its_own_and_of_all_everything_but_the_beginning() -> None:
    member, sources, inputs = member_and_inputs()
    assert torch.equal(own(member, sources, inputs, 0.0).values, inputs.values)
    found = own(member, sources, inputs, 1.0)
    assert found.lengths.tolist() == inputs.lengths.tolist()
    with torch.no_grad():
        likeliest = Ragged(member(sources, inputs).argmax(-1), inputs.lengths).to_list()
    for fed, said in zip(found.to_list(), likeliest, strict=True):
        # What a step says is what the next one of the same row is fed.
        assert fed.tolist() == [BEGIN, *said[:-1].tolist()]


def test_of_a_half_about_a_half_is_its_own() -> None:
    member, sources, inputs = member_and_inputs()
    all_own = own(member, sources, inputs, 1.0).values
    differs = all_own != inputs.values
    assert differs.sum() > 20
    with torch.random.fork_rng():
        torch.manual_seed(0)
        counts = torch.stack(
            [own(member, sources, inputs, 0.5).values != inputs.values for _ in range(40)]
        )
    assert not counts[:, ~differs].any()
    assert counts[:, differs].float().mean().item() == pytest.approx(0.5, abs=0.06)
    # Pieces are drawn one by one, not texts.
    assert counts[:, differs].any(0).all()


def test_its_share_rises_over_the_first_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(dataset(), members=2)
    shares: list[float] = []

    def noted(member: Member, sources: Ragged, inputs: Ragged, share: float) -> Ragged:
        shares.append(share)
        return own(member, sources, inputs, share)

    monkeypatch.setattr(room, "own", noted)
    mine, plain = training_task(net, sampling=0.5), training_task(net)
    for epoch in (0, RISING // 2, RISING, 3 * RISING):
        mine.loss(net, TrainState(epoch, 0))
    assert shares == [0.0, 0.0, 0.25, 0.25, 0.5, 0.5, 0.5, 0.5]
    assert mine.loss(net, TrainState(0, 1)).total == plain.loss(net, TrainState(0, 1)).total
    fed, true = (each.loss(net, TrainState(RISING, 1)).total for each in (mine, plain))
    assert fed.count == true.count
    assert fed.total != true.total
    shares.clear()
    plain.loss(net, TrainState(RISING, 0))
    assert shares == []


# -- padding --------------------------------------------------------------------------------------


def test_padding_is_what_no_pair_filled() -> None:
    of = dataset()
    mine = training_task(network(of), batch=8)
    real = laid = 0
    for number in range(mine.batches[0].count):
        pairs = of.sides.select(mine.batches[0].read(0, number))
        for side in (pairs.sources, pairs.targets):
            real += len(side.values)
            laid += side.padded().numel()
    assert mine.padding() == pytest.approx(1 - real / laid)
    assert training_task(network(of), batch=1).padding() == 0.0


def test_neighbours_are_alike_in_both_lengths() -> None:
    draw = np.random.default_rng(0)
    said = draw.integers(1, 40, 4000)
    read = np.maximum(1, said + draw.integers(-4, 5, 4000))

    def padding(order: Rows) -> float:
        laid = [side[order].reshape(-1, 32).max(1).sum() * 32 for side in (said, read)]
        return float(1 - (said.sum() + read.sum()) / sum(laid))

    by_key = padding(np.argsort(zigzag(said, read), kind="stable"))
    assert by_key < 0.05
    assert by_key < 0.7 * padding(np.argsort(said, kind="stable"))


# -- it learns ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "steps"),
    [
        ({"cell": "gru"}, 100),
        ({"cell": "lstm", "layers": 2}, 120),
        ({"feeding": "input", "attention": "concat"}, 100),
        ({"members": 2}, 100),
    ],
    ids=str,
)
def test_the_loss_falls(sizes: dict[str, Any], steps: int) -> None:
    of = dataset("words", 500)
    net = network(of, hidden=32, embedding=24, **sizes)
    mine = training_task(net, of, sampling=0.2)
    optimisers, train_state, losses = build(net, Rates(0.05, 1e-2)), mine.first(), []
    before = mine.select(net)
    for _ in range(steps):
        loss = mine.loss(net.train(), train_state)
        loss.mean.backward()  # type: ignore[no-untyped-call]
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        losses.append(loss.total.mean)
        train_state = loss.train_state
    assert losses[0] > 0.8 * math.log(net.architecture.targets)
    assert np.mean(losses[-5:]) < 0.3 * losses[0]
    assert mine.select(net).mean < 0.4 * before.mean
