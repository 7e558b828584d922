"""Ragged batches: what goes in comes out, whatever the lengths, and torch's packing agrees."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from recurra.core.ragged import Ragged, bucket_rows
from recurra.errors import OptionError

SENTENCES = [18, 7, 9, 16, 9]
"""The lengths of the five sentences of the lab `packed`."""

lengths_with_empty = st.lists(st.integers(0, 12), min_size=1, max_size=9)
lengths_of_some = st.lists(st.integers(1, 12), min_size=1, max_size=9)


def rows_of(lengths: list[int], *shape: int) -> list[Tensor]:
    """Rows in which every number is another one."""
    wide = torch.Size(shape).numel()
    values = torch.arange(1.0, sum(lengths) * wide + 1).reshape(-1, *shape)
    return list(torch.split(values, lengths))


def same(found: list[Tensor], expected: list[Tensor]) -> bool:
    return len(found) == len(expected) and all(
        torch.equal(a, b) for a, b in zip(found, expected, strict=True)
    )


@given(lengths_with_empty)
def test_lists_and_padding_go_in_and_out(lengths: list[int]) -> None:
    rows = rows_of(lengths, 2)
    batch = Ragged.from_list(rows)
    assert same(batch.to_list(), rows)
    padded = batch.padded(-1)
    assert padded.shape == (len(rows), max(lengths), 2)
    assert batch.steps == max(lengths)
    mask = batch.mask()
    assert mask.sum(1).tolist() == lengths
    assert bool((padded[~mask] == -1).all())
    assert torch.equal(padded[mask], batch.values)
    again = Ragged.from_padded(padded, torch.tensor(lengths, dtype=torch.int16))
    assert same(again.to_list(), rows)
    wide = batch.padded(steps=max(lengths) + 3)
    assert wide.shape[1] == max(lengths) + 3
    assert bool((wide[:, max(lengths) :] == 0).all())


@given(lengths_with_empty)
def test_reversed_twice_is_the_same(lengths: list[int]) -> None:
    rows = rows_of(lengths, 2)
    batch = Ragged.from_list(rows)
    assert same(batch.reverse().to_list(), [row.flip(0) for row in rows])
    assert torch.equal(batch.reverse().reverse().values, batch.values)


@given(lengths_with_empty)
def test_last_step_of_each_row(lengths: list[int]) -> None:
    rows = rows_of(lengths, 2)
    last = Ragged.from_list(rows).last()
    for b, row in enumerate(rows):
        assert torch.equal(last[b], row[-1] if len(row) else torch.zeros(2))


@given(lengths_with_empty, st.data())
def test_select_by_index_and_by_mask(lengths: list[int], data: st.DataObject) -> None:
    rows = rows_of(lengths, 2)
    batch = Ragged.from_list(rows)
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=12))
    assert same(batch.select(chosen).to_list(), [rows[b] for b in chosen])
    assert same(batch.select(torch.tensor(chosen).long()).to_list(), [rows[b] for b in chosen])
    keep = torch.tensor([b in chosen for b in range(len(rows))])
    assert same(batch.select(keep).to_list(), [row for b, row in enumerate(rows) if keep[b]])


@given(lengths_of_some)
def test_packing_is_torchs(lengths: list[int]) -> None:
    rows = rows_of(lengths, 2)
    batch = Ragged.from_list(rows)
    ours, theirs = batch.packed(), pack_sequence(rows, enforce_sorted=False)
    assert torch.equal(ours.batch_sizes, theirs.batch_sizes)
    assert torch.equal(batch.batch_sizes, theirs.batch_sizes)
    padded, counts = pad_packed_sequence(ours, batch_first=True)
    assert torch.equal(padded, batch.padded())
    assert counts.tolist() == lengths
    for packed in (ours, theirs):
        back = Ragged.from_packed(packed)
        assert same(back.to_list(), rows)


def test_packed_without_sorting() -> None:
    rows = rows_of([5, 3, 3], 1)
    packed = pack_sequence(rows)
    assert packed.unsorted_indices is None
    assert same(Ragged.from_packed(packed).to_list(), rows)


def test_five_sentences_are_59_steps() -> None:
    batch = Ragged.from_list(rows_of(SENTENCES, 1))
    assert batch.values.shape[0] == 59
    assert batch.batch_sizes.tolist() == [5] * 7 + [4] * 2 + [2] * 7 + [1] * 2


def test_empty_rows_have_batch_sizes_but_cannot_be_packed() -> None:
    batch = Ragged.from_list(rows_of([2, 0, 1], 1))
    assert batch.batch_sizes.tolist() == [2, 1]
    with pytest.raises(OptionError, match="without steps"):
        batch.packed()


@given(st.lists(st.integers(0, 300), max_size=40), st.floats(0, 1000))
def test_buckets_hold_each_row_once(lengths: list[int], step_cost: float) -> None:
    groups = bucket_rows(torch.tensor(lengths).long(), step_cost)
    found = sorted(row for group in groups for row in group.tolist())
    assert found == list(range(len(lengths)))
    for shorter, longer in itertools.pairwise(groups):
        assert max(lengths[b] for b in shorter) <= min(lengths[b] for b in longer)


def test_buckets_part_what_differs_much() -> None:
    lengths = torch.tensor([100, 3, 98, 2, 101, 4] * 8)
    short, long = bucket_rows(lengths, step_cost=10)
    assert int(lengths[short].max()) == 4
    assert int(lengths[long].min()) == 98
    assert len(bucket_rows(lengths, step_cost=10_000)) == 1


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 20))
def test_buckets_cost_least(lengths: list[int], step_cost: int) -> None:
    """Against every way of cutting the sorted lengths into groups."""

    def cost(groups: list[list[int]]) -> float:
        return sum((max(group) + 4) * (step_cost + len(group)) for group in groups)

    ordered = sorted(lengths)
    best = float("inf")
    for cuts in range(2 ** (len(ordered) - 1)):
        groups = [[ordered[0]]]
        for k, length in enumerate(ordered[1:]):
            if cuts >> k & 1:
                groups.append([])
            groups[-1].append(length)
        best = min(best, cost(groups))
    found = bucket_rows(torch.tensor(lengths), step_cost)
    assert cost([[lengths[b] for b in group.tolist()] for group in found]) == best


def test_what_a_bucket_call_returns_is_the_callers_own() -> None:
    lengths = torch.tensor([1, 2, 3])
    bucket_rows(lengths, 16.0)[0].zero_()
    assert sorted(torch.cat(bucket_rows(lengths, 16.0)).tolist()) == [0, 1, 2]


def test_steps_of_any_shape_and_kind() -> None:
    words = Ragged.from_list([torch.tensor([3, 1]), torch.tensor([], dtype=torch.int64)])
    assert words.padded(7).tolist() == [[3, 1], [7, 7]]
    assert words.padded().dtype == torch.int64
    assert words.last().tolist() == [1, 0]
    images = Ragged.from_list(rows_of([2, 0, 3], 2, 4))
    assert images.padded().shape == (3, 3, 2, 4)
    assert images.map(lambda values: values.flatten(1)).values.shape == (5, 8)


def test_gradients_pass_through_padding_and_back() -> None:
    values = torch.arange(1.0, 7, requires_grad=True)
    batch = Ragged(values, torch.tensor([1, 0, 3, 2]))
    padded = batch.padded(100.0)
    back = Ragged.from_padded(padded, batch.lengths).reverse()
    weight = torch.arange(1.0, 7) ** 2
    (gradient,) = torch.autograd.grad((back.values * weight).sum(), values)
    assert gradient.tolist() == [1, 16, 9, 4, 36, 25]


def test_lengths_are_kept_on_the_cpu_as_whole_numbers() -> None:
    batch = Ragged(torch.zeros(3, 2), torch.tensor([1, 2], dtype=torch.uint8))
    assert batch.lengths.dtype == torch.int64
    assert batch.starts.tolist() == [0, 1]


def test_a_batch_of_no_rows() -> None:
    none = Ragged(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64))
    assert none.steps == 0
    assert none.to_list() == []
    assert none.padded().shape == (0, 0, 2)
    assert none.batch_sizes.tolist() == []
    assert bucket_rows(none.lengths, step_cost=10) == ()
    assert none.reverse().batch == 0
    assert none.last().shape == (0, 2)


@pytest.mark.parametrize(
    ("values", "lengths", "message"),
    [
        (torch.zeros(3, 1), torch.tensor([1, 1]), "sum 2"),
        (torch.zeros(3, 1), torch.tensor([4, -1]), "a length of -1"),
        (torch.zeros(3, 1), torch.tensor([1.0, 2.0]), "float"),
        (torch.zeros(3, 1), torch.tensor([[1, 2]]), r"\(1, 2\)"),
        (torch.zeros(()), torch.tensor([1]), r"shape \(\)"),
    ],
)
def test_a_damaged_batch_is_refused(values: Tensor, lengths: Tensor, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Ragged(values, lengths)


def test_other_mistakes_are_named() -> None:
    with pytest.raises(OptionError, match="no rows"):
        Ragged.from_list([])
    with pytest.raises(OptionError, match=r"\(2,\), \(3,\)"):
        Ragged.from_list([torch.zeros(1, 2), torch.zeros(1, 3)])
    with pytest.raises(OptionError, match="a length of 4"):
        Ragged.from_padded(torch.zeros(2, 3, 1), [4, 1])
    with pytest.raises(OptionError, match="one a row"):
        Ragged.from_padded(torch.zeros(2, 3, 1), [3])
    with pytest.raises(OptionError, match=r"shape \(2,\)"):
        Ragged.from_padded(torch.zeros(2), [1, 1])
    with pytest.raises(OptionError, match="2 steps for a row of 3"):
        Ragged.from_list([torch.zeros(3, 1)]).padded(steps=2)


@given(st.lists(st.integers(3, 9), min_size=1, max_size=6), st.integers(0, 2), st.integers(0, 1))
def test_without_its_ends_each_row_is_cut_by_itself(
    lengths: list[int], first: int, last: int
) -> None:
    rows = rows_of(lengths, 2)
    found = Ragged.from_list(rows).without(first=first, last=last)
    assert same(found.to_list(), [row[first : len(row) - last] for row in rows])


def test_a_row_that_has_not_so_many_steps_is_refused() -> None:
    with pytest.raises(OptionError):
        Ragged.from_list(rows_of([4, 1])).without(first=1, last=1)
