from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from recurra.core.attention import KINDS, Attention, Memory, masked_softmax
from recurra.core.ragged import Ragged
from recurra.errors import OptionError

QUERY, VALUE = 5, 4


def attention(kind: str) -> Attention:
    """Of random weights, in double precision."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        same = kind in ("dot", "scaled_dot")
        return Attention(QUERY, QUERY if same else VALUE, kind, size=3, reach=6).double()


def problem(kind: str, lengths: list[int], steps: int = 2) -> tuple[Tensor, Ragged]:
    """Queries (B, T, Q), and rows to be read."""
    draw = torch.Generator().manual_seed(7)
    size = QUERY if kind in ("dot", "scaled_dot") else VALUE
    rows = [torch.randn(n, size, generator=draw, dtype=torch.float64) for n in lengths]
    query = torch.randn(len(lengths), steps, QUERY, generator=draw, dtype=torch.float64)
    return query, Ragged.from_list(rows)


def by_hand(layer: Attention, query: Tensor, row: Tensor) -> Tensor:
    """The score of one query (Q,) for each step of one row (S, F): the equations."""
    w = dict(layer.named_parameters())
    match layer.kind:
        case "dot":
            scores = [query @ v for v in row]
        case "scaled_dot":
            scores = [query @ v / math.sqrt(len(v)) for v in row]
        case "general":
            scores = [query @ (w["key.weight"] @ v) for v in row]
        case "concat":
            asked = w["query.weight"] @ query + w["key.bias"]
            scores = [w["score.weight"][0] @ torch.tanh(asked + w["key.weight"] @ v) for v in row]
        case _:
            scores = list((w["place.weight"] @ query)[: len(row)])
    return torch.stack(scores)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_context_are_those_of_the_equations(kind: str) -> None:
    layer = attention(kind)
    query, rows = problem(kind, [3, 1, 6])
    found = layer(query, layer.memory(rows))
    for b, row in enumerate(rows.to_list()):
        for t in range(query.shape[1]):
            weights = by_hand(layer, query[b, t], row).softmax(0)
            torch.testing.assert_close(found.weights[b, t, : len(row)], weights)
            torch.testing.assert_close(found.context[b, t], weights @ row)


@given(
    kind=st.sampled_from(KINDS),
    lengths=st.lists(st.integers(0, 8), min_size=1, max_size=4),
    extra=st.integers(0, 3),
)
def test_padding_has_weight_zero_and_padded_is_alone(
    kind: str, lengths: list[int], extra: int
) -> None:
    layer = attention(kind)
    query, rows = problem(kind, lengths)
    wide = rows.steps + extra
    # Nonsense beyond each row's end, where nothing may look.
    padded = rows.padded(math.nan, steps=wide).nan_to_num(1e9)
    mask = torch.arange(wide) < rows.lengths[:, None]
    found = layer(query, layer.memory(padded, mask))
    assert (found.weights[~mask[:, None].expand_as(found.weights)] == 0).all()
    for b, row in enumerate(rows.to_list()):
        total = found.weights[b].sum(-1)
        torch.testing.assert_close(total, torch.full_like(total, float(len(row) > 0)))
        alone = layer(query[b : b + 1], layer.memory(row[None]))
        torch.testing.assert_close(found.context[b], alone.context[0])
        torch.testing.assert_close(found.weights[b, :, : len(row)], alone.weights[0])


@pytest.mark.parametrize("kind", KINDS)
def test_all_steps_are_step_by_step_and_rows_are_selected(kind: str) -> None:
    layer = attention(kind)
    query, rows = problem(kind, [4, 2, 5], steps=3)
    memory = layer.memory(rows)
    whole = layer(query, memory)
    for t in range(3):
        step = layer(query[:, t : t + 1], memory)
        torch.testing.assert_close(step.context[:, 0], whole.context[:, t])
    order = torch.tensor([2, 0, 0])
    chosen = layer(query[order], memory.select(order))
    torch.testing.assert_close(chosen.context, whole.context[order])


def test_what_does_not_depend_on_the_query_is_worked_out_once() -> None:
    layer = attention("concat")
    _, rows = problem("concat", [3, 2])
    memory = layer.memory(rows)
    torch.testing.assert_close(memory.keys, layer.key(rows.padded()))
    assert not any(isinstance(value, Tensor | Memory) for value in vars(layer).values())


def test_location_never_looks_beyond_its_reach() -> None:
    layer = attention("location")
    query, rows = problem("location", [9])
    weights = layer(query, layer.memory(rows)).weights
    assert (weights[..., 6:] == 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 2, dtype=torch.float64))


def test_gradients_stay_out_of_padding() -> None:
    layer = attention("general")
    query, rows = problem("general", [2, 4])
    values = rows.padded().requires_grad_()
    layer(query, layer.memory(values, rows.mask())).context.sum().backward()
    assert values.grad is not None
    assert (values.grad[0, 2:] == 0).all()
    assert (values.grad[0, :2] != 0).any()


def test_bfloat16_scores_are_weighed_in_float32() -> None:
    scores = torch.tensor([[3.0, 2.99, -1.0]], dtype=torch.bfloat16)
    weights = masked_softmax(scores, torch.tensor([[True, True, False]]))
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights.sum(), torch.tensor(1.0))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(OptionError, match="expected: one of dot"):
        Attention(4, 4, "cosine")
    with pytest.raises(OptionError, match="the same size"):
        Attention(4, 5, "dot")
    layer = attention("general")
    query, rows = problem("general", [3, 2])
    with pytest.raises(OptionError, match=r"\(B, T, Q\) = \(2, T, 5\)"):
        layer(query[:1], layer.memory(rows))
    with pytest.raises(OptionError, match=r"torch\.bool"):
        layer.memory(rows.padded(), torch.ones(2, 3))
