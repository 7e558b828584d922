"""Convolutions before a recurrence: as torch has them, rows alone and in company."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bits import check_same
from recurra.codecs.sequence_encoder import Batch
from recurra.core.ragged import Ragged
from recurra.errors import OptionError
from recurra.networks.label_batch import TensorBatch
from recurra.networks.labels import LabelNetwork
from recurra.networks.sequence_convolutions import SequenceConvolutions, views
from recurra.runtime.labels import Architecture
from recurra.runtime.sequence_convolutions import Sizes
from recurra.training.loop import seeded

CHANNELS = 2

row_lengths = st.lists(st.integers(0, 40), min_size=1, max_size=9)


def network(**sizes: Any) -> LabelNetwork:
    """A network whose normalizations have seen some rows."""
    small: dict[str, Any] = {
        "features": 0,
        "channels": CHANNELS,
        "classes": 3,
        "tagged": False,
        "embedding": 0,
        "cell": "gru",
        "hidden": 6,
        "layers": 1,
        "bidirectional": True,
        "pooling": "max+mean+last",
        "dropout": 0.0,
        "noise": 0.0,
        "hidden_features": 0.0,
        "members": 2,
        "convolutions": 3,
        "filters": 5,
    }
    with seeded(0, 0), torch.no_grad():
        net = LabelNetwork(Architecture(**(small | sizes)))
        for _ in range(3):
            net(tensors(batch([30, 7, 19, 1])))
        for name, weight in net.named_parameters():
            if "norm" in name:
                weight.uniform_(0.5, 1.5)
    return net.eval()


def batch(lengths: list[int], seed: int = 0) -> Batch:
    """Rows of unequal sizes, one of which does not move."""
    draw = np.random.default_rng(seed)
    rows = [draw.normal(3.0, 1 + k, (n, CHANNELS)).cumsum(0) for k, n in enumerate(lengths)]
    if len(rows) > 2:
        rows[2][:] = 5.0
    return Batch(np.array(lengths, np.int64), values=np.concatenate(rows).astype(np.float32))


def tensors(rows: Batch) -> TensorBatch:
    assert rows.values is not None
    return TensorBatch(torch.from_numpy(rows.lengths), values=torch.from_numpy(rows.values))


def row(rows: Batch, number: int) -> Batch:
    assert rows.values is not None
    end = int(rows.lengths[: number + 1].sum())
    length = int(rows.lengths[number])
    return Batch(np.array([length], np.int64), values=rows.values[end - length : end])


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("convolutions", [1, 2, 4])
def test_it_says_what_the_trained_network_says(cell: str, convolutions: int) -> None:
    net = network(cell=cell, convolutions=convolutions, layers=2)
    rows = batch([17, 40, 9, 1, 0, 2, 33])
    with torch.no_grad():
        expected = net(tensors(rows)).numpy()
        second = net.member(1)(tensors(rows)).numpy()
    in_use = net.in_use()
    np.testing.assert_allclose(in_use.scores(rows), expected, atol=2e-5, rtol=1e-5)
    np.testing.assert_allclose(in_use.scores(rows, 1), second, atol=2e-5, rtol=1e-5)
    assert in_use.size == sum(each.numel() for each in net.state_dict().values())


@settings(max_examples=20)
@given(row_lengths, st.integers(1, 2))
def test_a_row_is_the_same_alone_and_among_strangers(lengths: list[int], threads: int) -> None:
    in_use, rows = network().in_use(), batch(lengths)
    in_use.threads = threads
    together = in_use.scores(rows)
    in_use.threads = 1
    for number in range(len(lengths)):
        check_same(together[number : number + 1], in_use.scores(row(rows, number)))


def test_a_trained_row_is_the_same_alone_and_among_strangers() -> None:
    net, rows = network(), batch([17, 40, 9, 1, 2, 33])
    with torch.no_grad():
        together = net(tensors(rows))
        for number in range(6):
            alone = net(tensors(row(rows, number)))
            torch.testing.assert_close(together[number : number + 1], alone, atol=2e-5, rtol=1e-5)


def test_parts_of_many_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    in_use, rows = network().in_use(), batch([17, 40, 9, 1, 0, 2, 33])
    whole = in_use.scores(rows)
    monkeypatch.setattr("recurra.runtime.labels._AT_ONCE", 20)
    check_same(in_use.scores(rows), whole)


def test_statistics_are_those_of_the_rows_own_steps() -> None:
    """Whatever fills up a batch of unequal rows is in no mean."""
    lengths = torch.tensor([9, 2, 30])
    with seeded(0, 0), torch.no_grad():
        net = SequenceConvolutions(Sizes(1, 4, 1))
        rows = Ragged(torch.randn(41, 1) + 3, lengths)
        first = net.norm(views(rows))  # in training: of the batch
        stage: Any = net.stages[0]
        weight = stage.weight[:, :, 0]
        made = []
        for each in torch.split(first, lengths.tolist()):
            one = torch.nn.functional.conv1d(each.T[None], weight, stride=2, padding=4)
            made.append(one[0].T)
        net.norm.mean.zero_()
        net(rows)
    assert [len(each) for each in made] == [5, 1, 15]
    torch.testing.assert_close(stage.norm.mean, 0.1 * torch.cat(made).mean(0))


def test_views_are_of_one_size_whatever_the_size_of_a_row() -> None:
    draw = np.random.default_rng(0)
    form = draw.normal(0, 1, (50, 1)).cumsum(0)
    both = torch.from_numpy(np.concatenate([form, 40 * form + 7]).astype(np.float32))
    values, moved, moves, size = views(Ragged(both, torch.tensor([50, 50]))).T
    torch.testing.assert_close(values, both[:, 0])
    for each in (moved, moves):
        torch.testing.assert_close(each[:50], each[50:], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(moved.square().mean(), torch.tensor(1.0), atol=1e-3, rtol=1e-3)
    assert moves[0] == moves[50] == 0
    torch.testing.assert_close(size[50:] - size[:50], torch.full((50,), float(np.log(40.0))))


def test_a_row_that_does_not_move_has_a_slope() -> None:
    still = torch.full((6, 1), 2.0, requires_grad=True)
    views(Ragged(still, torch.tensor([6]))).square().sum().backward()  # type: ignore[no-untyped-call]
    assert still.grad is not None
    assert torch.isfinite(still.grad).all()


@pytest.mark.parametrize("change", [{"bidirectional": False}, {"channels": 0, "features": 4}])
def test_what_they_do_not_go_with_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="3 convolutions"):
        network(**change)


def test_there_is_no_stream() -> None:
    with pytest.raises(OptionError, match="both ends"):
        network().in_use().begin()
