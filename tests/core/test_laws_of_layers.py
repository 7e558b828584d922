"""Chunking is invisible: all ways of running a batch give the same outputs, states, gradients."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.func import functional_call

import laws
from laws import Layer, Problem, Way, agree, networks_and_problems, outcome
from recurra.core.ragged import Ragged
from recurra.core.state import State


def as_ragged(layer: Layer, problem: Problem) -> tuple[list[Tensor], State]:
    rows = Ragged.from_list(problem.rows)
    output, state = layer(rows, problem.state, resets=problem.resets())
    return output.to_list(), state


def as_oracle(layer: Layer, problem: Problem) -> tuple[list[Tensor], State]:
    with laws.path("loop"):
        return as_ragged(layer, problem)


def as_padded(layer: Layer, problem: Problem) -> tuple[list[Tensor], State]:
    """Padded wider than needed, with values that would spoil all they touch."""
    steps = problem.steps + 2
    x = Ragged.from_list(problem.rows).padded(float("nan"), steps=steps)
    lengths = torch.tensor(problem.lengths, dtype=torch.int32)
    output, state = layer(x, problem.state, lengths=lengths, resets=problem.resets(steps))
    assert output.shape == (len(problem.rows), steps, layer.output_size)
    ended = torch.arange(steps) >= lengths[:, None]
    assert bool((output[ended] == 0).all())
    return [row[:n] for row, n in zip(output, problem.lengths, strict=True)], state


def as_rows_alone(layer: Layer, problem: Problem) -> tuple[list[Tensor], State]:
    outputs, states = [], []
    for b, row in enumerate(problem.rows):
        first = problem.state.select(torch.tensor([b]))
        output, state = layer(row[None], first, resets=problem.cuts[b][None])
        outputs.append(output[0])
        states.append(state)
    return outputs, State.concatenate(states)


def as_permuted(layer: Layer, problem: Problem) -> tuple[list[Tensor], State]:
    order = list(range(len(problem.rows)))[::-1]
    order = order[1::2] + order[::2]
    outputs, state = as_ragged(layer, problem.select(order))
    back = [order.index(b) for b in range(len(order))]
    return [outputs[k] for k in back], state.select(torch.tensor(back))


def as_chunks(layer: Layer, problem: Problem) -> tuple[list[Tensor], State]:
    """Three steps at a time; rows that have ended are there, and empty."""
    state, parts = problem.state, []
    for start in range(0, max(problem.steps, 1), 3):
        window = slice(start, start + 3)
        chunk = Problem(
            [row[window] for row in problem.rows], state, [cut[window] for cut in problem.cuts]
        )
        outputs, state = as_ragged(layer, chunk)
        parts.append(outputs)
    return [torch.cat(pieces) for pieces in zip(*parts, strict=True)], state


def as_steps(layer: Layer, problem: Problem) -> tuple[list[Tensor], State]:
    """One step at a time, for the rows that are alive."""
    state = problem.state
    fresh = layer.first_state(len(problem.rows))
    outputs: list[list[Tensor]] = [[] for _ in problem.rows]
    for t in range(problem.steps):
        alive = torch.tensor([t < n for n in problem.lengths])
        cut = torch.tensor([t < len(cuts) and bool(cuts[t]) for cuts in problem.cuts])
        state = fresh.where(cut, state)
        x = torch.stack([row[t] if t < len(row) else 0 * row.new_ones(layer.input_size)
                         for row in problem.rows])  # fmt: skip
        output, after = layer.step(x, state)
        state = after.where(alive, state)
        for b in alive.nonzero().flatten().tolist():
            outputs[b].append(output[b])
    empty = problem.rows[0].new_zeros(0, layer.output_size)
    return [torch.stack(steps) if steps else empty for steps in outputs], state


def as_traced(layer: Layer, problem: Problem) -> tuple[list[Tensor], State]:
    """The last state and the top layer's output, read off the states after each step."""
    rows = Ragged.from_list(problem.rows)
    traced = layer.trace(rows, problem.state, resets=problem.resets())
    if layer.residual:
        return traced.output.to_list(), traced.state
    hidden = traced.states.hidden[:, :, -layer.directions :].flatten(2)
    return [row[:n] for row, n in zip(hidden, problem.lengths, strict=True)], traced.state


def as_torch(layer: Layer, problem: Problem) -> tuple[list[Tensor], State]:
    with laws.path("torch"):
        return as_ragged(layer, problem)


def as_native(layer: Layer, problem: Problem) -> tuple[list[Tensor], State]:
    with laws.path("native"):
        return as_ragged(layer, problem)


def as_native_traced(layer: Layer, problem: Problem) -> tuple[list[Tensor], State]:
    with laws.path("native"):
        return as_traced(layer, problem)


def as_single_precision(layer: Layer, problem: Problem) -> tuple[list[Tensor], State]:
    """Where oneDNN takes the LSTM; the weights keep their gradients through the change of dtype."""
    single = problem.state.to(dtype=torch.float32)
    rows = Ragged.from_list([row.float() for row in problem.rows])
    weights = {name: value.float() for name, value in layer.named_parameters()}
    output, state = functional_call(
        layer, weights, (rows, single), {"resets": problem.resets()}, strict=True
    )
    return output.to_list(), state


ANY_WAY: list[Way] = [
    as_torch, as_native, as_native_traced, as_ragged, as_padded, as_rows_alone, as_permuted,
    as_traced,
]  # fmt: skip
ONE_WAY: list[Way] = [as_chunks, as_steps]


@pytest.mark.parametrize("way", ANY_WAY)
@settings(max_examples=50)
@given(drawn=networks_and_problems())
def test_every_way_agrees_with_the_oracle(way: Way, drawn: tuple[Layer, Problem]) -> None:
    layer, problem = drawn
    agree(outcome(layer, problem, way), outcome(layer, problem, as_oracle))


@pytest.mark.parametrize("way", ONE_WAY)
@settings(max_examples=50)
@given(drawn=networks_and_problems(one_way=True))
def test_chunks_and_steps_agree_with_the_whole(way: Way, drawn: tuple[Layer, Problem]) -> None:
    layer, problem = drawn
    with laws.path("torch"):
        whole = outcome(layer, problem, as_ragged)
    agree(outcome(layer, problem, way), whole)


@pytest.mark.parametrize("name", ["torch", "native"])
@settings(max_examples=50)
@given(drawn=networks_and_problems(every=False))
def test_single_precision_agrees_with_the_oracle(drawn: tuple[Layer, Problem], name: str) -> None:
    layer, problem = drawn
    with laws.path(name):
        found = outcome(layer, problem, as_single_precision)
    expected = outcome(layer, problem, as_oracle)
    agree({name: value.double() for name, value in found.items()}, expected, 2e-3)


@settings(max_examples=50)
@given(drawn=networks_and_problems(cut=False), data=st.data())
def test_a_cut_is_a_row_of_its_own(drawn: tuple[Layer, Problem], data: st.DataObject) -> None:
    """What comes after a cut does not depend on what came before it, in either direction."""
    layer, problem = drawn
    row = max(problem.rows, key=len)
    if len(row) < 2:
        return
    at = data.draw(st.integers(1, len(row) - 1))
    resets = torch.zeros(1, len(row), dtype=torch.bool)
    resets[0, at] = True
    output, state = layer(row[None], resets=resets)
    early, after_early = layer(row[None, :at])
    late, after_late = layer(row[None, at:])
    torch.testing.assert_close(output, torch.cat([early, late], 1))
    forward = torch.arange(layer.num_layers) * layer.directions
    for name, leaf in state.arrays().items():
        torch.testing.assert_close(leaf[:, forward], after_late.arrays()[name][:, forward])
        if layer.bidirectional:
            backward = forward + 1
            torch.testing.assert_close(leaf[:, backward], after_early.arrays()[name][:, backward])


@settings(max_examples=50)
@given(drawn=networks_and_problems(cut=False))
def test_reading_backwards_is_reading_reversed_rows(drawn: tuple[Layer, Problem]) -> None:
    """The backward half of the first layer is the forward layer with its weights, on reversed."""
    layer, problem = drawn
    if not layer.bidirectional:
        return
    rows = Ragged.from_list(problem.rows)
    top = layer.trace(rows, problem.state)
    forward = {
        name.replace("_l0_reverse", "_l0"): value
        for name, value in layer.state_dict().items()
        if name.endswith("_l0_reverse")
    }
    single = copy.deepcopy(layer)
    single.num_layers, single.bidirectional, single.residual = 1, False, False
    single.load_state_dict(forward, strict=False)
    first = problem.state.map(lambda leaf: leaf[:, 1:2])
    output, _ = single(rows.reverse(), first)
    torch.testing.assert_close(output.reverse().padded(), top.states.hidden[:, :, 1])
