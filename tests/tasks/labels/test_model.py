"""The network as it is trained: rows do not see each other, an ensemble is the mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from recurra.core.ragged import Ragged
from recurra.errors import OptionError
from recurra.networks.label_batch import TensorBatch
from recurra.networks.labels import LabelNetwork, Member
from recurra.runtime.labels import Architecture
from recurra.runtime.layers import CELLS
from recurra.tasks.labels.influence import influence
from recurra.training.loop import seeded
from toy_labels import KINDS, dataset, network


def batch_of(kind: str, rows: list[int]) -> TensorBatch:
    return TensorBatch.of(dataset(kind).inputs, np.array(rows))


def by_row(kind: str, rows: list[int], scores: Tensor) -> list[Tensor]:
    """Scores of each row: (K,), or where steps are tagged (T, K)."""
    if kind != "tags":
        return list(scores)
    return list(torch.split(scores, dataset(kind).inputs.lengths[rows].tolist()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("both", [False, True])
def test_a_row_does_not_see_its_neighbours(kind: str, cell: str, both: bool) -> None:
    net = network(kind, cell=cell, bidirectional=both, layers=2, pooling="attention+last+max")
    net.eval()
    rows, order = [3, 14, 15, 92, 65], [4, 0, 2, 1, 3]
    with torch.no_grad():
        together = by_row(kind, rows, net(batch_of(kind, rows)))
        turned = [rows[k] for k in order]
        for k, found in zip(order, by_row(kind, turned, net(batch_of(kind, turned))), strict=True):
            torch.testing.assert_close(found, together[k])
        for row, expected in zip(rows, together, strict=True):
            (alone,) = by_row(kind, [row], net(batch_of(kind, [row])))
            torch.testing.assert_close(alone, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_an_ensemble_says_the_mean_of_its_members(kind: str) -> None:
    net = network(kind, members=3).eval()
    batch = batch_of(kind, [0, 1, 2, 3])
    with torch.no_grad():
        each = [net.member(m)(batch) for m in range(3)]
        torch.testing.assert_close(net(batch), sum(each) / 3)
    assert not torch.allclose(each[0], each[1])


@pytest.mark.parametrize("cell", CELLS)
def test_last_of_both_directions_is_each_ones_own(cell: str) -> None:
    member = network("text", cell=cell, pooling="last").member(0).eval()
    batch = batch_of("text", [0, 1, 2, 3])
    with torch.no_grad():
        _, last = member.recurrent(Ragged(member.steps(batch), batch.lengths))
        torch.testing.assert_close(member(batch), member.head(last.hidden.flatten(1)))


def test_first_weights_are_orthogonal_and_nothing_is_zero() -> None:
    net = network("text", cell="lstm")
    member = net.member(0)
    for gate in member.recurrent.get_parameter("weight_hh_l0").chunk(4):
        torch.testing.assert_close(gate @ gate.mT, torch.eye(10), atol=1e-5, rtol=0)
    assert member.embedding is not None
    assert (member.embedding.weight[0] == 0).all()
    assert (member.embedding.weight[1:] != 0).any(1).all()


def test_a_units_vector_is_the_mean_of_its_features() -> None:
    member = network("text").member(0).eval()
    assert member.embedding is not None
    weight = member.embedding.weight.detach()
    batch = TensorBatch(torch.tensor([3]), torch.tensor([2, 5, 5, 7]), torch.tensor([3, 0, 1]))
    expected = torch.stack([(weight[2] + 2 * weight[5]) / 3, 0 * weight[0], weight[7]])
    torch.testing.assert_close(member.steps(batch).detach(), expected)


# -- features that speak directly -------------------------------------------------------------


def speaking(kind: str = "text", **sizes: Any) -> LabelNetwork:
    """A network whose features speak for the classes directly, each in its own way."""
    net = network(kind, direct=3.0, **sizes).eval()
    with torch.no_grad(), seeded(0, 1):
        for m in range(len(net.members)):
            direct = net.member(m).direct
            assert direct is not None
            direct.weight[1:] = torch.randn_like(direct.weight[1:])
    return net


def test_direct_scores_are_those_of_a_vector_of_length_one() -> None:
    member = speaking().member(0)
    plain = network("text").member(0).eval()
    assert member.direct is not None
    weight = member.direct.weight.detach()
    batch = TensorBatch(torch.tensor([2, 1]), torch.tensor([2, 5, 5, 7]), torch.tensor([3, 0, 1]))
    with torch.no_grad():
        found = member(batch) - plain(batch)
    first = 3 * (weight[2] + 2 * weight[5]) / 3**0.5
    torch.testing.assert_close(found, torch.stack([first, 3 * weight[7]]), atol=1e-5, rtol=1e-5)


def test_features_that_have_learnt_nothing_say_nothing() -> None:
    batch = batch_of("text", [0, 1, 2, 3])
    with torch.no_grad():
        found = network("text", direct=3.0).eval()(batch)
        assert torch.equal(found, network("text").eval()(batch))


def test_a_row_does_not_see_what_its_neighbours_features_say() -> None:
    net, rows = speaking(), [3, 14, 15, 92, 65]
    inputs = dataset("text").inputs
    with torch.no_grad():
        together = net(batch_of("text", rows))
        for row, expected in zip(rows, together, strict=True):
            torch.testing.assert_close(net(batch_of("text", [row]))[0], expected)
        torch.testing.assert_close(
            net(TensorBatch.of(inputs, np.array(rows), distinct=True)), together
        )


def test_what_features_say_directly_counts_as_influence() -> None:
    net = speaking()
    member = net.member(0)
    with torch.no_grad():
        member.head.weight.zero_()
    batch = batch_of("text", [3, 14])
    chosen = torch.tensor([1, 0])
    said = member.said_directly(batch).detach()
    ends = torch.split(said, batch.lengths.tolist())
    for found, each, label in zip(influence(net, batch, chosen), ends, chosen, strict=True):
        expected = each[:, label].abs().double()
        np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-5)


def test_scores_of_either_precision_have_direct_ones_added() -> None:
    net, batch = speaking(), batch_of("text", [0, 1, 2, 3])
    with torch.no_grad():
        expected = net(batch)
        with torch.autocast("cpu", torch.bfloat16):
            found = net(batch)
    torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("kind", ["numbers", "tags"])
def test_only_texts_of_one_class_have_features_that_speak(kind: str) -> None:
    with pytest.raises(OptionError, match="direct 3"):
        network(kind, direct=3.0)


# -- what training leaves out -----------------------------------------------------------------


def test_training_shows_a_share_of_the_features(monkeypatch: pytest.MonkeyPatch) -> None:
    member = network("text").member(0)
    assert member.embedding is not None
    with torch.no_grad():
        # Each feature marks its own place, so that the mean says which were seen.
        member.embedding.weight.zero_()
        member.embedding.weight[1:9] = torch.eye(8)
    ids = torch.arange(1, 9).repeat(500)
    batch = TensorBatch(torch.tensor([500]), ids, torch.full((500,), 8))
    with seeded(0, 0):
        seen = member.train().steps(batch).detach()
    shown = (seen > 0).sum(1)
    assert 8 * 0.66 < shown.double().mean() < 8 * 0.74
    # What is left out does not count in the mean.
    some = shown > 0
    torch.testing.assert_close(seen[some].sum(1), torch.ones(int(some.sum())))
    assert torch.equal(member.eval().steps(batch), torch.full((500, 8), 1 / 8))


def test_gradients_of_features_are_those_of_the_mean() -> None:
    """Against an embedding looked up and averaged by hand, with features left out or not."""
    batch = batch_of("text", [0, 1, 2, 3, 4])
    assert batch.ids is not None
    assert batch.counts is not None
    for training in (True, False):
        member = network("text").member(0).train(training)
        assert member.embedding is not None
        weight = member.embedding.weight
        with seeded(0, 1):
            found = member.steps(batch)
        slopes = torch.randn(found.shape, generator=torch.Generator().manual_seed(0))
        found.backward(slopes)  # type: ignore[no-untyped-call]
        assert weight.grad is not None
        assert weight.grad.is_sparse
        mine = weight.grad.to_dense()
        table = weight.detach().clone().requires_grad_()
        ids = batch.ids
        if training:
            with seeded(0, 1):
                ids = ids * (torch.rand(ids.shape) >= 0.3)
        expected = []
        for bag in torch.split(ids, batch.counts.tolist()):
            known = bag[bag > 0]
            expected.append(table[known].mean(0) if len(known) else torch.zeros(8))
        plain = torch.stack(expected)
        torch.testing.assert_close(found.detach(), plain.detach())
        plain.backward(slopes)  # type: ignore[no-untyped-call]
        assert table.grad is not None
        torch.testing.assert_close(mine, table.grad)
        touched = weight.grad.coalesce().indices()[0].tolist()
        assert set(touched) - {0} == set(ids.tolist()) - {0}


def test_noise_is_added_to_numbers_in_training_alone() -> None:
    member = network("numbers", noise=0.5).member(0)
    batch = batch_of("numbers", list(range(100)))
    assert batch.values is not None
    with seeded(0, 0):
        added = member.train().steps(batch) - batch.values
    assert added.std().item() == pytest.approx(0.5, rel=0.1)
    assert torch.equal(member.eval().steps(batch), batch.values)
    assert torch.equal(network("numbers").member(0).train().steps(batch), batch.values)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_is_of_training_alone(kind: str) -> None:
    net, batch = network(kind, dropout=0.5), batch_of(kind, [0, 1, 2])
    with torch.no_grad():
        net.train()
        assert not torch.equal(net(batch), net(batch))
        net.eval()
        assert torch.equal(net(batch), net(batch))


# -- sizes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"cell": "cnn"}, "cell 'cnn'"),
        ({"channels": 3}, "3 channels"),
        ({"features": 0}, "0 features and 0 channels"),
        ({"pooling": "median"}, "pooling median"),
        ({"pooling": ""}, "pooling"),
        ({"hidden": 0}, "hidden_size=0"),
        ({"dropout": 1.5}, "dropout"),
    ],
)
def test_sizes_that_make_no_network_are_told(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        network("text", **wrong)


def test_sizes_come_back() -> None:
    a = network("numbers", members=2).architecture
    again = LabelNetwork(Architecture(**a.to_json()))
    assert again.architecture == a
    assert isinstance(again.member(1), Member)
    shapes = {k: v.shape for k, v in again.state_dict().items()}
    assert shapes == {k: v.shape for k, v in network("numbers", members=2).state_dict().items()}


def test_it_says_what_it_is() -> None:
    one = network("text")
    count = sum(p.numel() for p in one.parameters())
    assert one.summary() == f"1 x GRU(10), both ways, {count:,} weights"
    three = network("text", members=3, bidirectional=False, cell="lstm", layers=2)
    count = sum(p.numel() for p in three.parameters())
    assert three.summary() == f"3 times 2 x LSTM(10), {count:,} weights"


def test_units_given_once_are_read_the_same() -> None:
    inputs, member = dataset("text").inputs, network("text").member(0).eval()
    rows = np.arange(20)
    torch.testing.assert_close(
        member(TensorBatch.of(inputs, rows, distinct=True)), member(TensorBatch.of(inputs, rows))
    )
