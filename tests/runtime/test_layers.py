"""Layers on arrays: what torch.nn's say, and the same in whatever way they are called."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recurra.runtime.layers import CELLS, Recurrent, linear, log_softmax
from recurra.runtime.state import State
from recurra.runtime.weights import Weights
from toy_runtime import Array, begun, normal, same, same_state

TORCH = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}


@dataclass(frozen=True)
class Problem:
    """A stack, rows (T_b, F) of unequal lengths, empty ones too, and a first state unlike zero."""

    cell: str
    features: int
    hidden: int
    layers: int
    both: bool
    lengths: tuple[int, ...]
    seed: int

    @cached_property
    def module(self) -> Any:
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            found: Any = TORCH[self.cell](
                self.features, self.hidden, self.layers, batch_first=True, bidirectional=self.both
            )
            for weight in found.parameters():
                torch.nn.init.normal_(weight, std=0.5)
        return found

    @cached_property
    def layer(self) -> Recurrent:
        arrays = {f"deep.{k}": each.numpy() for k, each in self.module.state_dict().items()}
        weights = Weights(arrays)
        sizes = (self.features, self.hidden, self.layers)
        found = Recurrent(
            weights, self.cell, *sizes, bidirectional=self.both, prefix="deep.", name="own."
        )
        weights.finish()
        return found

    @cached_property
    def rows(self) -> list[Array]:
        return [normal(self.seed + b, n, self.features) for b, n in enumerate(self.lengths)]

    @cached_property
    def first(self) -> State:
        return begun(self.layer.begin(len(self.lengths)), self.seed)

    def padded(self, rows: list[Array], fill: float = np.nan) -> Array:
        found = np.full((len(rows), max(map(len, rows)) + 1, rows[0].shape[1]), fill, np.float32)
        for b, row in enumerate(rows):
            found[b, : len(row)] = row
        return found

    @property
    def steps(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.array(self.lengths, np.int64)


def problems(*, both: bool = True) -> st.SearchStrategy[Problem]:
    return st.builds(
        Problem,
        st.sampled_from(CELLS),
        st.integers(1, 5),
        st.integers(1, 18),
        st.integers(1, 3),
        st.booleans() if both else st.just(False),
        st.lists(st.integers(0, 8), min_size=1, max_size=6).map(tuple),
        st.integers(0, 99),
    )


def torch_state(problem: Problem, row: int) -> Any:
    """The first state of a row, as torch.nn has it."""
    names = problem.layer.names
    hidden = torch.from_numpy(np.stack([problem.first[h][row : row + 1] for h, _ in names]))
    if not problem.layer.has_cell:
        return hidden
    return hidden, torch.from_numpy(np.stack([problem.first[c][row : row + 1] for _, c in names]))


@given(problems())
def test_it_is_torch_nn(problem: Problem) -> None:
    found, after = problem.layer.run(
        problem.padded(problem.rows), problem.first.arrays, lengths=problem.steps
    )
    for b, row in enumerate(problem.rows):
        assert not found[b, len(row) :].any()
        if not len(row):
            for name, array in after.items():
                np.testing.assert_array_equal(array[b], problem.first[name][b])
            continue
        with torch.no_grad():
            output, last = problem.module(torch.from_numpy(row[None]), torch_state(problem, b))
        np.testing.assert_allclose(found[b, : len(row)], output[0].numpy(), atol=1e-5)
        leaves = [last] if isinstance(last, torch.Tensor) else last
        for which, leaf in enumerate(leaves):
            for pair, each in zip(problem.layer.names, leaf, strict=True):
                np.testing.assert_allclose(after[pair[which]][b], each[0].numpy(), atol=1e-5)


@given(problems(), st.integers(0, 99))
def test_where_a_row_is_reset_it_begins_again(problem: Problem, seed: int) -> None:
    draw = np.random.default_rng(seed)
    resets = [draw.random(n) < 0.3 for n in problem.lengths]
    cuts = np.ones((len(resets), max(problem.lengths) + 1), np.bool_)  # nonsense behind the ends
    for b, each in enumerate(resets):
        cuts[b, : len(each)] = each
    found, _ = problem.layer.run(
        problem.padded(problem.rows), problem.first.arrays, lengths=problem.steps, resets=cuts
    )
    for b, row in enumerate(problem.rows):
        expected = reset_by_hand(problem, b, row, resets[b])
        np.testing.assert_allclose(found[b, : len(row)], expected, atol=1e-5)


def reset_by_hand(problem: Problem, b: int, row: Array, resets: Array) -> Array:
    """Layer by layer, way by way, a step at a time, in torch.nn's single layers."""
    weights, names = problem.module.state_dict(), problem.layer.names
    x, ways = row, 1 + problem.both
    for number in range(problem.layers):
        outputs = []
        for way in range(ways):
            end = f"_l{number}" + "_reverse" * way
            one: Any = TORCH[problem.cell](x.shape[1], problem.hidden, batch_first=True)
            one.load_state_dict({k: weights[k.removesuffix("_l0") + end] for k in one.state_dict()})
            hidden, cell = names[number * ways + way]
            leaves = [hidden, cell][: 1 + problem.layer.has_cell]
            state: Any = tuple(torch.from_numpy(problem.first[n][b][None, None]) for n in leaves)
            state = state if problem.layer.has_cell else state[0]
            found = np.zeros((len(x), problem.hidden), np.float32)
            for t in range(len(x))[:: -1 if way else 1]:
                with torch.no_grad():
                    given = torch.from_numpy(x[None, t : t + 1])
                    output, state = one(given, None if resets[t] else state)
                found[t] = output[0, 0].numpy()
            outputs.append(found)
        x = np.concatenate(outputs, -1)
    return x


@given(problems())
def test_padded_is_end_to_end_is_alone(problem: Problem) -> None:
    padded, after = problem.layer.run(
        problem.padded(problem.rows), problem.first.arrays, lengths=problem.steps
    )
    ragged, again = problem.layer.run(
        np.concatenate(problem.rows), problem.first.arrays, lengths=problem.steps
    )
    same_state(State(again), State(after))
    starts = np.cumsum([0, *problem.lengths])
    for b, (start, stop) in enumerate(pairwise(starts.tolist())):
        same(ragged[start:stop], padded[b, : stop - start])
        if stop > start:
            one, last = problem.layer.run(problem.rows[b][None], problem.first.select([b]).arrays)
            same(one[0], ragged[start:stop])
            same_state(State(last), State(after).select([b]))


@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_threads_change_nothing(problem: Problem, chance: Any) -> None:
    order = list(range(len(problem.rows)))
    chance.shuffle(order)
    x = problem.padded(problem.rows)
    found, after = problem.layer.run(x, problem.first.arrays, lengths=problem.steps)
    for threads in (1, 2, 3):
        turned, last = problem.layer.run(
            x[order],
            problem.first.select(order).arrays,
            lengths=problem.steps[order],
            threads=threads,
        )
        same(turned, found[order])
        same_state(State(last), State(after).select(order))


@given(problems(both=False), st.lists(st.integers(0, 8), max_size=3))
def test_step_by_step_is_in_chunks_is_the_whole(problem: Problem, cuts: list[int]) -> None:
    x = normal(problem.seed, len(problem.rows), 8, problem.features)
    whole, last = problem.layer.run(x, problem.first.arrays)
    state, found = problem.first, []
    for chunk in np.split(x, sorted(cuts), 1):
        if chunk.shape[1]:
            output, after = problem.layer.run(np.ascontiguousarray(chunk), state.arrays)
            found.append(output)
            state = State(after)
    same(np.concatenate(found, 1), whole)
    same_state(state, State(last))
    state, found = problem.first, []
    for step in range(8):
        before = {name: array.copy() for name, array in state.arrays.items()}
        new: dict[str, Array] = {}
        given = np.ascontiguousarray(x[:, step])
        found.append(problem.layer.step(given, state.arrays, new))
        for name, array in before.items():  # a value: nothing changed it
            np.testing.assert_array_equal(state[name], array)
        state = State(new)
    same(np.stack(found, 1), whole)
    same_state(state, State(last))


@given(problems(both=False), st.randoms(use_true_random=False))
def test_in_place_is_a_step_of_the_rows_named_alone(problem: Problem, chance: Any) -> None:
    size = len(problem.rows) + 3
    pool = begun(problem.layer.begin(size), problem.seed + 9)
    arrays = {name: array.copy() for name, array in pool.arrays.items()}
    rows = np.array(chance.sample(range(size), len(problem.rows)), np.int64)
    x, after = normal(1, len(rows), problem.features), dict[str, Array]()
    stepped = problem.layer.step(x, pool.select(rows).arrays, after)
    top = problem.layer.advance(x, arrays, rows)
    same(top[rows], stepped)
    same_state(State(arrays).select(rows), State(after))
    others = np.setdiff1d(np.arange(size), rows)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array[others], pool[name][others])


@given(problems(both=False))
def test_rows_of_a_table_are_inputs_and_may_be_projected_before(problem: Problem) -> None:
    layer, table = problem.layer, normal(3, 6, problem.features)
    ids = np.random.default_rng(problem.seed).integers(0, 6, (len(problem.rows), 4))
    expected, last = layer.run(np.ascontiguousarray(table[ids]), problem.first.arrays)
    projected = layer.cells[0].project(table)
    for x, ready in ((table, None), (None, projected)):
        found, after = layer.run(x, problem.first.arrays, projected=ready, x_rows=ids)
        same(found, expected)
        same_state(State(after), State(last))
        one: dict[str, Array] = {}
        first = np.ascontiguousarray(ids[:, 0])
        same(
            layer.step(x, problem.first.arrays, one, projected=ready, x_rows=first),
            expected[:, 0],
        )
        arrays = {name: array.copy() for name, array in problem.first.arrays.items()}
        rows = np.arange(len(ids))
        same(layer.advance(x, arrays, rows, projected=ready, x_rows=first), expected[:, 0])
        same_state(State(arrays), State(one))


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_what_each_layer_says_can_be_kept(cell: str, both: bool) -> None:
    problem = Problem(cell, 4, 5, 3, both, (6, 6), 1)
    every: list[Array] = []
    x = np.stack(problem.rows)
    found, after = problem.layer.run(x, every=every)
    assert [each.shape for each in every] == [(2, 6, 5 * (1 + both))] * 3
    np.testing.assert_array_equal(every[-1], found)
    for number, each in enumerate(every):
        hidden, _ = problem.layer.names[number * (1 + both)]
        np.testing.assert_array_equal(each[:, -1, :5], after[hidden])


def test_it_begins_with_zeros() -> None:
    for cell, count in (("rnn", 2), ("gru", 2), ("lstm", 4)):
        state = Problem(cell, 3, 4, 2, False, (1,), 0).layer.begin(5)
        assert len(state) == count
        assert all(name.startswith("own.") for name in state)
        assert all(a.shape == (5, 4) and not a.any() for a in state.values())


@pytest.mark.parametrize("kept", ["float32", "bfloat16"])
def test_a_linear_map_is_its_definition(kept: str) -> None:
    weight, bias, x = normal(0, 5, 7), normal(1, 5), normal(2, 9, 7)
    found = linear(Weights({"a.weight": weight, "a.bias": bias}, kept), "a", 5, 7)(x)
    if kept == "bfloat16":
        weight = torch.from_numpy(weight).bfloat16().float().numpy()
    np.testing.assert_allclose(found, x @ weight.T + bias, rtol=1e-5, atol=1e-5)


def test_log_softmax_is_its_definition() -> None:
    scores = np.concatenate([normal(0, 3, 9), 1000 * normal(1, 3, 9)])
    scores[:, 2] = -np.inf
    wide = torch.from_numpy(scores).double().log_softmax(-1).numpy()
    found = log_softmax(scores)
    np.testing.assert_allclose(found, wide, rtol=1e-12)
    np.testing.assert_array_equal(log_softmax(scores[2:3]), found[2:3])
