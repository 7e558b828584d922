"""States are values: what is done to one is done to each leaf, and gives a new one."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass

import pytest
import torch
from torch import Tensor

from recurra.core.state import HiddenState, LSTMState, State, stack, stack_layers
from recurra.errors import DataError, OptionError


@dataclass(frozen=True, eq=False)
class Nested(State):
    """As a decoder's: a state within a state, beside a tensor."""

    inner: LSTMState
    context: Tensor

    @property
    def batch(self) -> int:
        return self.context.shape[0]


def lstm(rows: int, seed: int = 0) -> LSTMState:
    generator = torch.Generator().manual_seed(seed)
    return LSTMState(
        torch.randn(rows, 3, generator=generator), torch.randn(rows, 3, generator=generator)
    )


def nested(rows: int, seed: int = 0) -> Nested:
    return Nested(lstm(rows, seed), torch.arange(rows * 2.0).reshape(rows, 2) + seed)


def equal(a: State, b: State) -> bool:
    theirs = b.arrays()
    return type(a) is type(b) and all(
        leaf.dtype == theirs[name].dtype and torch.equal(leaf, theirs[name])
        for name, leaf in a.arrays().items()
    )


def test_a_state_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        lstm(2).hidden = torch.zeros(2, 3)  # type: ignore[misc]


def test_names_of_nested_leaves() -> None:
    state = nested(4)
    assert list(state.arrays()) == ["inner.hidden", "inner.cell", "context"]
    assert list(state.arrays("decoder.")) == [
        "decoder.inner.hidden",
        "decoder.inner.cell",
        "decoder.context",
    ]
    assert [leaf.shape[1] for leaf in state.leaves()] == [3, 3, 2]
    assert state.batch == 4


def test_map_reaches_each_leaf_once() -> None:
    state = nested(2)
    doubled = state.map(lambda leaf: 2 * leaf)
    for leaf, twice in zip(state.leaves(), doubled.leaves(), strict=True):
        assert torch.equal(2 * leaf, twice)


def test_select_by_index_and_by_mask() -> None:
    state = nested(4)
    twice = state.select(torch.tensor([3, 0, 3]))
    assert torch.equal(twice.context, state.context[[3, 0, 3]])
    assert torch.equal(twice.inner.cell, state.inner.cell[[3, 0, 3]])
    kept = state.select(torch.tensor([True, False, False, True]))
    assert equal(kept, state.select(torch.tensor([0, 3])))


def test_where_picks_rows_of_leaves_of_any_width() -> None:
    mine, theirs = nested(3, 0), nested(3, 1)
    picked = mine.where(torch.tensor([True, False, True]), theirs)
    assert equal(picked.select(torch.tensor([0, 2])), mine.select(torch.tensor([0, 2])))
    assert equal(picked.select(torch.tensor([1])), theirs.select(torch.tensor([1])))


def test_concatenate_undoes_select() -> None:
    state = nested(5)
    parts = [state.select(torch.tensor([b])) for b in range(5)]
    assert equal(State.concatenate(parts), state)


def test_concatenate_says_what_is_wrong() -> None:
    with pytest.raises(OptionError, match="no states"):
        State.concatenate([])
    with pytest.raises(OptionError, match="HiddenState, LSTMState"):
        State.concatenate([lstm(1), HiddenState(torch.zeros(1, 3))])


def test_layers_are_stacked_and_taken_apart() -> None:
    layers = [lstm(2, seed) for seed in range(3)]
    whole = stack_layers(layers)
    assert whole.hidden.shape == (2, 3, 3)
    for k in range(3):
        assert equal(whole.layer(k), layers[k])
    assert equal(whole.layer(-1), layers[2])
    assert stack(layers, 0).cell.shape == (3, 2, 3)


def test_detach_and_to() -> None:
    leaf = torch.ones(2, 3, requires_grad=True)
    state = HiddenState(leaf * 2)
    assert state.hidden.requires_grad
    assert not state.detach().hidden.requires_grad
    assert state.to(dtype=torch.float64).hidden.dtype == torch.float64
    assert state.to("cpu").hidden is state.hidden
    assert state.to(torch.device("meta")).hidden.device.type == "meta"


def test_arrays_and_back() -> None:
    state = nested(3)
    template = nested(1).to(dtype=torch.float64)
    found = template.from_arrays(state.arrays("s."), "s.")
    assert found.batch == 3
    assert equal(found, state.to(dtype=torch.float64))


def test_from_arrays_names_what_is_missing_or_misshapen() -> None:
    arrays = nested(3).arrays()
    del arrays["inner.cell"]
    with pytest.raises(DataError, match=r"inner\.cell"):
        nested(1).from_arrays(arrays)
    arrays["inner.cell"] = torch.zeros(3, 4)
    with pytest.raises(DataError, match=r"\(3, 4\)"):
        nested(1).from_arrays(arrays)


def test_copies_and_pickles() -> None:
    state = nested(2)
    assert equal(copy.deepcopy(state), state)
    assert equal(pickle.loads(pickle.dumps(state)), state)
