"""The chain of tags against sums and maxima over all rows of tags."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from recurra.core.ragged import Ragged
from recurra.networks.tag_chain import Chain
from recurra.runtime.chain import Chain as InUse

tag_counts = st.integers(1, 3)
some_lengths = st.lists(st.integers(1, 4), min_size=1, max_size=4)
seeds = st.integers(0, 99)


def chain(tags: int, seed: int = 0) -> Chain:
    """One whose scores all differ."""
    generator = torch.Generator().manual_seed(seed)
    made = Chain(tags).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(2 * torch.randn(parameter.shape, generator=generator))
    return made


def scores_of(lengths: list[int], tags: int, seed: int = 0) -> Ragged:
    generator = torch.Generator().manual_seed(1000 + seed)
    values = 2 * torch.randn(sum(lengths), tags, generator=generator, dtype=torch.float64)
    return Ragged(values, torch.tensor(lengths))


def tags_of(lengths: list[int], tags: int, seed: int = 0) -> Ragged:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(0, tags, (sum(lengths),), generator=generator)
    return Ragged(values, torch.tensor(lengths))


def in_use(made: Chain) -> InUse:
    """The same without torch."""
    return InUse(*(each.detach().numpy() for each in (made.first, made.between, made.last)))


def best(made: Chain, scores: Ragged) -> list[list[int]]:
    """The likeliest tags of each row."""
    found = in_use(made).best(scores.values.numpy(), scores.lengths.numpy())
    return [own.tolist() for own in torch.split(torch.from_numpy(found), scores.lengths.tolist())]


def worth(made: Chain, row: Tensor, tags: tuple[int, ...]) -> Tensor:
    """The score of a row (T, K) with these tags, term by term."""
    found = made.first[tags[0]] + made.last[tags[-1]]
    for step, tag in zip(row, tags, strict=True):
        found = found + step[tag]
    for before, after in itertools.pairwise(tags):
        found = found + made.between[before, after]
    return found


def every(made: Chain, row: Tensor) -> dict[tuple[int, ...], Tensor]:
    """The score of each row of tags there is."""
    kinds = range(len(made.first))
    return {tags: worth(made, row, tags) for tags in itertools.product(kinds, repeat=len(row))}


@given(tag_counts, some_lengths, seeds)
def test_nats_are_those_of_all_rows_of_tags(tags: int, lengths: list[int], seed: int) -> None:
    made, scores = chain(tags, seed), scores_of(lengths, tags, seed)
    true = tags_of(lengths, tags, seed)
    expected = []
    for row, own in zip(scores.to_list(), true.to_list(), strict=True):
        found = every(made, row)
        total = torch.logsumexp(torch.stack(list(found.values())), 0)
        expected.append(total - found[tuple(own.tolist())])
    torch.testing.assert_close(made.nats(scores, true), torch.stack(expected))


@given(st.integers(1, 3), st.integers(1, 4), seeds)
def test_probabilities_of_all_rows_of_tags_sum_to_one(tags: int, steps: int, seed: int) -> None:
    made, (row,) = chain(tags, seed), scores_of([steps], tags, seed).to_list()
    all_tags = torch.tensor(list(itertools.product(range(tags), repeat=steps)))
    lengths = torch.full((len(all_tags),), steps)
    many = Ragged(row.repeat(len(all_tags), 1), lengths)
    found = made.nats(many, Ragged(all_tags.flatten(), lengths))
    assert found.min() >= -1e-9
    torch.testing.assert_close((-found).exp().sum(), torch.ones((), dtype=torch.float64))


@given(tag_counts, some_lengths, seeds)
def test_the_best_row_of_tags_is_the_best_of_all(tags: int, lengths: list[int], seed: int) -> None:
    made, scores = chain(tags, seed), scores_of(lengths, tags, seed)
    for row, own in zip(scores.to_list(), best(made, scores), strict=True):
        all_of_them = every(made, row)
        assert tuple(own) == max(all_of_them, key=lambda tags: all_of_them[tags].item())


@given(st.integers(2, 5), st.lists(st.integers(1, 12), min_size=1, max_size=6), seeds)
def test_a_row_does_not_see_its_neighbours(tags: int, lengths: list[int], seed: int) -> None:
    made, scores = chain(tags, seed), scores_of(lengths, tags, seed)
    true = tags_of(lengths, tags, seed)
    nats, likeliest = made.nats(scores, true), best(made, scores)
    for b in range(len(lengths)):
        alone, own = scores.select([b]), true.select([b])
        torch.testing.assert_close(made.nats(alone, own)[0], nats[b])
        assert best(made, alone) == [likeliest[b]]


def test_gradients_are_those_of_all_rows_of_tags() -> None:
    made, lengths = chain(3), [3, 1, 2]
    true, lengths_too = tags_of(lengths, 3), torch.tensor(lengths)

    def nats(values: Tensor, *_: Tensor) -> Tensor:
        return made.nats(Ragged(values, lengths_too), true)

    values = scores_of(lengths, 3).values.requires_grad_()
    assert torch.autograd.gradcheck(nats, (values, *made.parameters()))


def test_an_untaught_chain_takes_each_step_for_itself() -> None:
    made, scores = Chain(4).double(), scores_of([5, 1, 3], 4)
    true = tags_of([5, 1, 3], 4)
    each = torch.nn.functional.cross_entropy(scores.values, true.values, reduction="none")
    expected = torch.stack([part.sum() for part in torch.split(each, [5, 1, 3])])
    torch.testing.assert_close(made.nats(scores, true), expected)
    assert list(itertools.chain(*best(made, scores))) == scores.values.argmax(1).tolist()


def test_what_never_follows_is_never_best() -> None:
    made = Chain(2)
    with torch.no_grad():
        made.between[0, 1] = -1e4
    # Step by step it would be 0, 1, 1.
    scores = Ragged(torch.tensor([[1.0, 0.0], [0.0, 3.0], [0.0, 3.0]]), torch.tensor([3]))
    assert best(made, scores) == [[1, 1, 1]]


def test_large_scores_do_not_overflow() -> None:
    made, scores = chain(3).float(), scores_of([4, 2], 3).map(lambda v: 1e3 * v.float())
    assert made.nats(scores, tags_of([4, 2], 3)).isfinite().all()
    likeliest = torch.tensor(list(itertools.chain(*best(made, scores))))
    assert made.nats(scores, Ragged(likeliest, scores.lengths)).max() < 1e-2


@pytest.mark.parametrize("count", [1, 3])
def test_the_mean_of_chains_scores_by_the_mean(count: int) -> None:
    chains = [chain(3, seed) for seed in range(count)]
    mean = InUse.mean([in_use(one) for one in chains])
    for name in ("first", "between", "last"):
        expected = torch.stack([one.get_parameter(name).detach() for one in chains]).mean(0)
        np.testing.assert_allclose(getattr(mean, name), expected, atol=1e-6)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_rows_without_a_step_have_no_tags(lengths: list[int]) -> None:
    found = in_use(chain(3)).best(scores_of(lengths, 3).values.numpy(), np.array(lengths))
    assert len(found) == sum(lengths)
