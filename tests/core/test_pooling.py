"""Pooling: whole rows = each row alone, and against plain formulas."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from recurra.core.layers import GRU, LSTM
from recurra.core.pooling import Pool
from recurra.core.ragged import Ragged
from recurra.errors import OptionError
from recurra.runtime.pooling import KINDS

JOINED = [[kind] for kind in KINDS] + [["max", "mean"], ["attention", "last"], list(KINDS)]

lengths_with_empty = st.lists(st.integers(0, 9), min_size=1, max_size=7)


def pool(kinds: list[str], features: int = 4, directions: int = 1) -> Pool:
    """One that scores steps as differently as can be."""
    made = Pool(features, kinds, directions=directions).double()
    if made.score is not None:
        with torch.no_grad():
            made.score.weight.copy_(torch.linspace(-2, 3, features)[None])
            made.score.bias.fill_(0.7)
    return made


def rows_of(lengths: list[int], features: int = 4, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, features, generator=generator, dtype=torch.float64) for n in lengths]


def plain(kinds: list[str], made: Pool, row: Tensor) -> Tensor:
    """One row as the formulas stand, (K * F,)."""
    if not len(row):
        return torch.zeros(made.size, dtype=row.dtype)
    half = made.features // 2
    found = []
    for kind in kinds:
        match kind:
            case "last" if made.directions == 2:
                found.append(torch.cat([row[-1, :half], row[0, half:]]))
            case "last":
                found.append(row[-1])
            case "mean":
                found.append(row.mean(0))
            case "max":
                found.append(row.amax(0))
            case _:
                assert made.score is not None
                found.append(torch.softmax(made.score(row)[:, 0], 0) @ row)
    return torch.cat(found)


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("kinds", JOINED, ids="+".join)
@given(lengths_with_empty, st.integers(0, 99))
def test_whole_rows_are_the_formulas(
    kinds: list[str], directions: int, lengths: list[int], seed: int
) -> None:
    made, rows = pool(kinds, directions=directions), rows_of(lengths, seed=seed)
    found = made(Ragged.from_list(rows))
    assert found.shape == (len(rows), made.size)
    torch.testing.assert_close(found, torch.stack([plain(kinds, made, row) for row in rows]))
    for each, row in zip(found, rows, strict=True):
        torch.testing.assert_close(made(Ragged.from_list([row]))[0], each)


@pytest.mark.parametrize("size", [1e3, -1e3])
def test_attention_does_not_overflow(size: float) -> None:
    made, rows = pool(["attention"]), rows_of([5, 3, 0])
    large = [size * row for row in rows]
    expected = torch.stack([plain(["attention"], made, row) for row in large])
    torch.testing.assert_close(made(Ragged.from_list(large)), expected)


def test_last_of_two_directions_is_the_layers_own_last_state() -> None:
    rows = Ragged.from_list(rows_of([4, 1, 7, 2], 3))
    for layer in (
        GRU(3, 5, bidirectional=True, dtype=torch.float64),
        LSTM(3, 5, bidirectional=True, dtype=torch.float64),
    ):
        output, last = layer(rows)
        found = pool(["last"], 10, directions=2)(output)
        torch.testing.assert_close(found, last.hidden.flatten(1))


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("kinds", JOINED, ids="+".join)
def test_gradients(kinds: list[str], directions: int) -> None:
    made, lengths = pool(kinds, 2, directions), torch.tensor([3, 0, 1, 2])
    values = torch.cat(rows_of(lengths.tolist(), 2)).requires_grad_()

    def whole(x: Tensor, *_: Tensor) -> Tensor:
        found: Tensor = made(Ragged(x, lengths))
        return found

    given_too = tuple(made.parameters())
    assert torch.autograd.gradcheck(whole, (values, *given_too))


@pytest.mark.parametrize("lengths", [[0], [0, 0, 0]])
def test_rows_without_a_step_are_zeros(lengths: list[int]) -> None:
    made = pool(list(KINDS))
    values = torch.zeros(0, 4, dtype=torch.float64, requires_grad=True)
    found = made(Ragged(values, torch.tensor(lengths)))
    assert torch.equal(found, torch.zeros(len(lengths), 16, dtype=torch.float64))
    found.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in made.parameters())


def test_only_attention_has_weights() -> None:
    assert not list(Pool(4, ["last", "mean", "max"]).parameters())
    assert isinstance(Pool(4, ["mean", "attention"]).score, nn.Linear)


@pytest.mark.parametrize(
    ("kinds", "named"),
    [([], "by nothing"), (["median"], "median"), (["max", "max"], r"max\+max"), ([""], "pooling ")],
)
def test_bad_kinds_are_refused(kinds: list[str], named: str) -> None:
    with pytest.raises(OptionError, match=named) as caught:
        Pool(4, kinds)
    assert "last, mean, max, attention" in caught.value.expected
